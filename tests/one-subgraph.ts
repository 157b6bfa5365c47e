import { readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { systemClock } from '../platform/clock.ts';
import { createEventTail } from '../platform/event-tail.ts';
import { newId, type SessionId, type UserId } from '../platform/ids.ts';
import { createLog } from '../platform/log.ts';
import { createRateLimits } from '../platform/rate-limits.ts';
import type { SubgraphDeps } from '../platform/subgraph-deps.ts';
import { serveSubgraph } from '../platform/subgraph-server.ts';
import type { Subgraph, SubgraphEvent } from '../platform/subgraph.ts';
import type { ClientOrigin, Role, Viewer } from '../platform/viewer.ts';
import { createLocalWakeUp } from '../platform/wake-up.ts';
import type { TestDatabase } from './database.ts';

/** How one operation is asked. */
export interface Asking {
  viewer?: Viewer | null;
  origin?: ClientOrigin;
  variables?: Record<string, unknown>;
}

/** One subgraph alone, served in this process on a test's database, asked the way the gateway asks it. */
export interface OneSubgraph<Served extends Subgraph> {
  subgraph: Served;
  deps: SubgraphDeps;
  /** Data, which the test says the type of, and errors. */
  execute<Data>(query: string, asking?: Asking): Promise<{ data: Data; errors: { code: unknown; message: string }[] }>;
  subscribe(query: string, asking: Asking & { signal?: AbortSignal }): AsyncIterableIterator<SubgraphEvent>;
  /** SQL statements that the subgraph's own pool has run so far. */
  statements(): number;
  stop(): Promise<void>;
}

const commonTypeDefs = readFileSync('schema/common.graphql', 'utf8');

/** Starts a subgraph with real parts: its own role, the event tail, rate limits of this process. */
export async function startOneSubgraph<Served extends Subgraph>(
  database: TestDatabase,
  role: string,
  create: (deps: SubgraphDeps) => Served,
  overrides: Partial<SubgraphDeps> = {},
): Promise<OneSubgraph<Served>> {
  const log = createLog('silent');
  const pool = database.pool(role);
  const statements = countStatements(pool);
  const wakeUp = createLocalWakeUp(log);
  const tail = await createEventTail({ pool: database.pool(role), wakeUp, log, pollMs: 20 });
  const limits = createRateLimits({ redisUrl: null, log });
  const deps: SubgraphDeps = {
    pool,
    secrets: database.secrets,
    wakeUp,
    tail,
    clock: systemClock,
    log,
    limits,
    ask: () => Promise.reject(new Error('there is no other subgraph here')),
    listenersCaughtUp: () => Promise.reject(new Error('no listeners run here')),
    ...overrides,
  };
  const subgraph = create(deps);
  const { transport } = serveSubgraph(subgraph, { commonTypeDefs, log });
  const request = (query: string, { viewer = null, origin = NOWHERE, variables = {} }: Asking) => ({
    query,
    variables,
    caller: { viewer, origin, requestId: randomUUID() },
  });
  return {
    subgraph,
    deps,
    async execute<Data>(query: string, asking: Asking = {}) {
      const { data, errors } = await transport.execute({
        ...request(query, asking),
        signal: AbortSignal.timeout(20_000),
      });
      return {
        data: data as Data,
        errors: (errors ?? []).map(({ message, extensions }) => ({ code: extensions?.code, message })),
      };
    },
    subscribe: (query, asking) =>
      transport.subscribe({ ...request(query, asking), signal: asking.signal ?? new AbortController().signal }),
    statements,
    async stop() {
      await subgraph.stop();
      await tail.close();
      await wakeUp.close();
      await limits.close();
    },
  };
}

const NOWHERE: ClientOrigin = { ip: null, deviceId: null };

/** A viewer as the gateway would have proved one. */
export function viewerFor(userId: UserId = newId<UserId>(), roles: Role[] = ['CUSTOMER']): Viewer {
  return { userId, sessionId: newId<SessionId>(), roles, expiresAtMs: Date.now() + 60_000 };
}

/** Counts what goes through a pool; Prisma and pg both end in its clients' query(). */
function countStatements(pool: pg.Pool): () => number {
  let count = 0;
  const seen = new WeakSet<pg.PoolClient>();
  pool.on('connect', (client) => {
    if (seen.has(client)) return;
    seen.add(client);
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    // The overloads of query() cannot be written once more here; arguments and answer pass through untouched.
    client.query = ((...args: unknown[]) => {
      count++;
      return query(...args);
    }) as typeof client.query;
  });
  return () => count;
}
