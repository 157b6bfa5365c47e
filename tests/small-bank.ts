import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';
import { pino } from 'pino';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import { followSessions } from '../gateway/sessions.ts';
import { startGateway, type GatewayConfig, type RunningGateway } from '../gateway/start-gateway.ts';
import { systemClock } from '../platform/clock.ts';
import type { EventTail } from '../platform/event-tail.ts';
import type { StoredEvent } from '../platform/events.ts';
import { codedError, notFound, unauthenticated } from '../platform/graph-errors.ts';
import { newId, type SessionId, type UserId } from '../platform/ids.ts';
import { createPushStream } from '../platform/push-stream.ts';
import { createHttpTransport } from '../platform/subgraph-http-transport.ts';
import { listenSubgraph, serveSubgraph } from '../platform/subgraph-server.ts';
import {
  SUBGRAPH_NAMES,
  type SourceEvent,
  type Subgraph,
  type SubgraphContext,
  type SubgraphName,
  type SubgraphTransport,
} from '../platform/subgraph.ts';

/**
 * Six tiny subgraphs behind a real gateway, in one process or each behind signed HTTP: what the gateway does is tested on
 * them, so that its tests need neither a database nor the bank's own rules.
 */

const TYPE_DEFS: Record<SubgraphName, string> = {
  wallet: `
    type User @key(fields: "id", resolvable: false) { id: ID! }
    type Account @key(fields: "id") {
      id: ID! name: String! owner: User
      echo(amount: Decimal at: DateTime): String
      broken: String refused: String slow: String
    }
    type BalanceUpdate { kind: String! version: Int! account: Account! fragile: String }
    type Query { account(id: ID!): Account accounts(first: Int = 2): [Account!] }
    type Subscription {
      balanceUpdated(accountId: ID!, afterVersion: Int): BalanceUpdate!
      ticked(count: Int): Int!
    }`,
  user: `
    type User @key(fields: "id") { id: ID! displayName: String! email: String sessions: [String!] }
    type Query { me: User @shareable signedIn: Boolean! whoAsks: String! }
    type Mutation { logout: Boolean! rename(name: String!): User }`,
  risk: `
    type User @key(fields: "id") { id: ID! riskLevel: String riskScore(scale: Int = 100): Int }
    type Query { me: User @shareable riskRules: [String!] }`,
  portfolio: 'type Query { portfolioAlive: Boolean }',
  transfer: 'type Query { transferAlive: Boolean }',
  insights: 'type Query { insightsAlive: Boolean }',
};

const commonTypeDefs = readFileSync('schema/common.graphql', 'utf8');

/** Composes the small bank's supergraph; `change` edits the schemas first. */
export function composeSmallBank(change: (name: SubgraphName, typeDefs: string) => string = (_, sdl) => sdl): string {
  const { supergraphSdl, errors } = composeServices(
    SUBGRAPH_NAMES.map((name) => ({
      name,
      url: `dwaybank:${name}`,
      typeDefs: parse(`${commonTypeDefs}\n${change(name, TYPE_DEFS[name])}`),
    })),
  );
  if (!supergraphSdl) throw new Error(errors!.map(({ message }) => message).join('\n'));
  return supergraphSdl;
}

/** What the small wallet's streams follow: versions per account, and how many follow. */
export class Versions {
  readonly version = new Map<string, number>();
  /** Streams that are open at the wallet now, and that ever were. */
  open = 0;
  opened = 0;
  /** Awaited between reading the present and following it, to try races. */
  beforeSnapshot: () => Promise<void> = () => Promise.resolve();
  private readonly followers = new Map<string, Set<(version: number) => void>>();

  /** The account's next version, told to all who follow it. */
  post(accountId: string): number {
    const next = this.current(accountId) + 1;
    this.version.set(accountId, next);
    for (const follower of [...(this.followers.get(accountId) ?? [])]) follower(next);
    return next;
  }

  current(accountId: string): number {
    return this.version.get(accountId) ?? 0;
  }

  async follow(accountId: string, afterVersion: number | undefined): Promise<AsyncIterable<SourceEvent<Update>>> {
    const followers = this.followers.get(accountId) ?? new Set();
    this.followers.set(accountId, followers);
    const onVersion = (version: number): void => {
      if (version > last) stream.push(toEvent(accountId, 'CHANGE', (last = version)));
    };
    const stream = createPushStream<SourceEvent<Update>>({
      limit: 100_000,
      onReturn: () => {
        followers.delete(onVersion);
        this.open--;
      },
    });
    this.open++;
    this.opened++;
    let last = Number.POSITIVE_INFINITY;
    followers.add(onVersion);
    await this.beforeSnapshot();
    last = this.current(accountId);
    if (afterVersion === undefined) stream.push(toEvent(accountId, 'SNAPSHOT', last));
    else
      for (let version = afterVersion + 1; version <= last; version++)
        stream.push(toEvent(accountId, 'CHANGE', version));
    return stream.values;
  }
}

export interface Update {
  kind: string;
  version: number;
  account: { id: string };
}

function toEvent(accountId: string, kind: string, version: number): SourceEvent<Update> {
  return { value: { kind, version, account: { id: accountId } }, position: version };
}

type Context = SubgraphContext;

function viewerOf({ viewer }: Context): { id: UserId } {
  if (!viewer) throw unauthenticated();
  return { id: viewer.userId };
}

function walletResolvers(versions: Versions, ticks: Ticks): Subgraph['resolvers'] {
  const account = ({ id }: { id: string }) => ({ id });
  return {
    Account: {
      __resolveReference: account,
      name: ({ id }: { id: string }) => `Account ${id}`,
      owner: (_: unknown, __: unknown, context: Context) => viewerOf(context),
      echo: (_: unknown, { amount, at }: { amount?: string; at?: Date }) => amount ?? at?.toISOString() ?? null,
      broken: () => {
        throw new Error('SELECT * FROM secret_table at 10.0.0.1');
      },
      refused: () => {
        throw codedError('NOT_TODAY', 'Come back tomorrow.');
      },
      slow: (_: unknown, __: unknown, { signal }: Context) =>
        new Promise((resolve) => signal.addEventListener('abort', () => resolve('aborted'), { once: true })),
    },
    BalanceUpdate: {
      fragile: ({ version }: Update) => {
        if (version % 2 === 1) throw codedError('NOT_TODAY', 'Come back tomorrow.');
        return 'whole';
      },
    },
    Query: {
      account: (_: unknown, { id }: { id: string }) => (id === 'none' ? null : { id }),
      accounts: (_: unknown, { first }: { first: number }) =>
        Array.from({ length: first }, (__, index) => ({ id: String(index) })),
    },
    Subscription: {
      balanceUpdated: {
        subscribe: (_: unknown, input: { accountId: string; afterVersion?: number }, context: Context) => {
          viewerOf(context);
          if (input.accountId === 'none') throw notFound();
          if ((input.afterVersion ?? 0) > versions.current(input.accountId)) {
            throw codedError('VERSION_AHEAD', 'There is no such version yet.');
          }
          return versions.follow(input.accountId, input.afterVersion);
        },
        resolve: (update: unknown) => update,
      },
      ticked: {
        subscribe: (_: unknown, { count }: { count?: number }) => ticks.follow(count),
        resolve: (tick: unknown) => tick,
      },
    },
  };
}

/** A stream without positions, made by an async generator: the worst a subgraph may bring. */
export class Ticks {
  open = 0;
  private wake: (() => void)[] = [];

  tick(): void {
    for (const wake of this.wake.splice(0)) wake();
  }

  async *follow(count: number | undefined): AsyncGenerator<SourceEvent<number>> {
    this.open++;
    try {
      for (let tick = 0; count === undefined || tick < count; tick++) {
        if (count === undefined && tick > 0) await new Promise<void>((resolve) => this.wake.push(resolve));
        yield { value: tick };
      }
    } finally {
      this.open--;
    }
  }
}

export interface SmallBank {
  gateway: RunningGateway;
  url: string;
  socketUrl: string;
  versions: Versions;
  ticks: Ticks;
  transports: Record<SubgraphName, SubgraphTransport>;
  supergraphPath: string;
  /** Lines of the log, warnings and errors. */
  logged: string[];
  /** What the subgraphs were asked, newest last. */
  asked: { subgraph: SubgraphName; requestId: string }[];
  /** A token as user would sign it; claims and header can be bent. */
  sign(options?: TokenOptions): Promise<string>;
  /** Ends a session as the event log would tell it. */
  endSession(sessionId: SessionId): void;
  /** Makes a subgraph's process die (HTTP wiring only). */
  kill(name: SubgraphName): Promise<void>;
  /** Runs one operation over HTTP. */
  query(query: string, options?: QueryOptions): Promise<QueryAnswer>;
  stop(): Promise<void>;
}

export interface TokenOptions {
  userId?: UserId;
  sessionId?: SessionId;
  expiresInSeconds?: number;
  claims?: Record<string, unknown>;
  header?: Record<string, unknown>;
  key?: CryptoKey;
}

export interface QueryOptions {
  token?: string;
  variables?: Record<string, unknown>;
  headers?: Record<string, string>;
}

export interface QueryAnswer {
  status: number;
  headers: Headers;
  data?: Record<string, unknown> | null;
  errors?: { message: string; path?: (string | number)[]; extensions: { code: string; requestId: string } }[];
}

export interface SmallBankOptions {
  wiring?: 'in-process' | 'http';
  config?: Partial<GatewayConfig>;
}

/** Composed once per test file. */
let composed: string | undefined;

const CALLER_KEY = Buffer.alloc(32, 7);

/** Starts the small bank on free ports. */
export async function startSmallBank({
  wiring = 'in-process',
  config = {},
}: SmallBankOptions = {}): Promise<SmallBank> {
  const logged: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void logged.push(line) });
  const versions = new Versions();
  const ticks = new Ticks();
  const keys = await generateKeyPair('EdDSA', { extractable: true });
  const publicKey: JWK = { ...(await exportJWK(keys.publicKey)), kid: 'first', alg: 'EdDSA', use: 'sig' };
  const asked: SmallBank['asked'] = [];
  const tail = createMemoryTail();
  const subgraphs = createSubgraphs(versions, ticks, publicKey, asked, tail);
  const stops: (() => Promise<unknown>)[] = [];
  const kills = new Map<SubgraphName, () => Promise<void>>();
  const transports = {} as Record<SubgraphName, SubgraphTransport>;
  for (const name of SUBGRAPH_NAMES) {
    const served = serveSubgraph(subgraphs[name], { commonTypeDefs, log });
    if (wiring === 'in-process') {
      transports[name] = served.transport;
      continue;
    }
    const listening = await listenSubgraph(served, {
      port: 0,
      host: '127.0.0.1',
      key: CALLER_KEY,
      clock: systemClock,
      log,
    });
    transports[name] = createHttpTransport({ name, url: listening.url, key: CALLER_KEY, clock: systemClock, log });
    let running = true;
    kills.set(name, async () => {
      if (running) await listening.close();
      running = false;
    });
    stops.push(kills.get(name)!);
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'dwaybank-gateway-'));
  const supergraphPath = path.join(folder, 'supergraph.graphql');
  writeFileSync(supergraphPath, (composed ??= composeSmallBank()));
  const sessions = await followSessions({
    pool: { query: () => Promise.resolve({ rows: [], rowCount: 0 }) },
    tail: tail.tail,
    clock: systemClock,
  });
  const gateway = await startGateway({
    supergraphPath,
    transports,
    sessions,
    config: { host: '127.0.0.1', port: 0, production: false, trustedProxies: 0, ...config },
    clock: systemClock,
    log,
  });
  const bank: SmallBank = {
    gateway,
    url: gateway.url,
    socketUrl: `${gateway.url.replace('http', 'ws')}/graphql`,
    versions,
    ticks,
    transports,
    supergraphPath,
    logged,
    asked,
    sign: (options) => signToken(keys.privateKey, options),
    endSession: (sessionId) => tail.endSession(sessionId),
    kill: (name) => kills.get(name)!(),
    query: (query, options) => postOperation(gateway.url, query, options),
    stop: async () => {
      await gateway.close();
      await Promise.all(Object.values(transports).map((transport) => transport.close()));
      await Promise.all(stops.map((stop) => stop()));
      sessions.close();
      rmSync(folder, { recursive: true });
    },
  };
  return bank;
}

function createSubgraphs(
  versions: Versions,
  ticks: Ticks,
  publicKey: JWK,
  asked: SmallBank['asked'],
  tail: MemoryTail,
): Record<SubgraphName, Subgraph> {
  const resolvers: Record<SubgraphName, unknown> = {
    wallet: walletResolvers(versions, ticks),
    user: {
      User: {
        __resolveReference: ({ id }: { id: string }) => ({ id }),
        displayName: ({ id }: { id: string }) => `User ${id.slice(-4)}`,
      },
      Query: {
        me: (_: unknown, __: unknown, context: Context) => viewerOf(context),
        signedIn: (_: unknown, __: unknown, { viewer }: Context) => viewer !== null,
        whoAsks: (_: unknown, __: unknown, { viewer, origin }: Context) => JSON.stringify({ viewer, origin }),
      },
      Mutation: {
        logout: (_: unknown, __: unknown, { viewer }: Context) => {
          if (!viewer) throw unauthenticated();
          tail.endSessionSoon(viewer.sessionId);
          return true;
        },
        rename: (_: unknown, __: unknown, context: Context) => viewerOf(context),
      },
    },
    risk: {
      User: {
        __resolveReference: ({ id }: { id: string }) => ({ id }),
        riskLevel: () => 'LOW',
        riskScore: (_: unknown, { scale }: { scale: number }) => scale,
      },
      Query: { me: (_: unknown, __: unknown, context: Context) => viewerOf(context), riskRules: () => ['one'] },
    },
    portfolio: { Query: { portfolioAlive: () => true } },
    transfer: { Query: { transferAlive: () => true } },
    insights: { Query: { insightsAlive: () => true } },
  };
  const create = (name: SubgraphName): Subgraph => ({
    name,
    typeDefs: TYPE_DEFS[name],
    // Written without the generated types, which belong to the real schemas.
    resolvers: resolvers[name] as Subgraph['resolvers'],
    createLoaders: ({ requestId }) => {
      asked.push({ subgraph: name, requestId });
      return {};
    },
    listeners: [],
    answers: name === 'user' ? { 'signing-keys': () => Promise.resolve({ keys: [publicKey] }) } : {},
    stop: () => Promise.resolve(),
  });
  return Object.fromEntries(SUBGRAPH_NAMES.map((name) => [name, create(name)])) as Record<SubgraphName, Subgraph>;
}

interface MemoryTail {
  tail: EventTail;
  endSession(sessionId: SessionId): void;
  /** As the log does: committed now, told to followers a little later. */
  endSessionSoon(sessionId: SessionId): void;
}

/** The tail of an event log that holds nothing but ends of sessions. */
function createMemoryTail(): MemoryTail {
  const followers = new Set<(event: StoredEvent<'SessionEnded'>) => void>();
  let told = Promise.resolve();
  const endSession = (sessionId: SessionId): void => {
    for (const follower of followers) {
      follower({
        position: { xid: '1', id: '1' },
        type: 'SessionEnded',
        version: 1,
        key: sessionId,
        payload: { sessionId, userId: newId<UserId>(), reason: 'LOGOUT' },
        at: new Date(),
      });
    }
  };
  return {
    endSession,
    endSessionSoon: (sessionId) => {
      told = new Promise((resolve) =>
        setTimeout(() => {
          endSession(sessionId);
          resolve();
        }, 50),
      );
    },
    tail: {
      follow: () => () => {},
      followType: (_type, onEvent) => {
        // Only SessionEnded is ever told here.
        const follower = onEvent as (event: StoredEvent<'SessionEnded'>) => void;
        followers.add(follower);
        return () => followers.delete(follower);
      },
      caughtUp: () => told,
      close: () => Promise.resolve(),
    },
  };
}

async function signToken(key: CryptoKey, options: TokenOptions = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({
    sid: options.sessionId ?? newId<SessionId>(),
    roles: ['CUSTOMER'],
    iss: 'dwaybank',
    aud: 'dwaybank',
    sub: options.userId ?? newId<UserId>(),
    jti: randomUUID(),
    iat: now,
    exp: now + (options.expiresInSeconds ?? 900),
    ...options.claims,
  })
    .setProtectedHeader({ alg: 'EdDSA', kid: 'first', typ: 'at+jwt', ...options.header })
    .sign(options.key ?? key);
}

async function postOperation(url: string, query: string, options: QueryOptions = {}): Promise<QueryAnswer> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(options.token && { authorization: `Bearer ${options.token}` }),
      ...options.headers,
    },
    body: JSON.stringify({ query, variables: options.variables }),
  });
  const answer = (await response.json()) as Pick<QueryAnswer, 'data' | 'errors'>;
  return { status: response.status, headers: response.headers, ...answer };
}
