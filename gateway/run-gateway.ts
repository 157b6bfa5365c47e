import { fileURLToPath } from 'node:url';
import type { Clock } from '../platform/clock.ts';
import type { Config } from '../platform/config.ts';
import { createPool } from '../platform/db.ts';
import { createEventTail } from '../platform/event-tail.ts';
import type { Logger } from '../platform/log.ts';
import type { Secrets } from '../platform/secrets.ts';
import { StartError, systemCode } from '../platform/start-error.ts';
import type { SubgraphName, SubgraphTransport } from '../platform/subgraph.ts';
import type { WakeUp } from '../platform/wake-up.ts';
import { followSessions } from './sessions.ts';
import { startGateway, type RunningGateway } from './start-gateway.ts';

export interface RunGatewayOptions {
  config: Config;
  databaseUrl: string;
  secrets: Secrets;
  wakeUp: WakeUp;
  /** The way to each subgraph; their giver's to close. */
  transports: Record<SubgraphName, SubgraphTransport>;
  clock: Clock;
  log: Logger;
}

/** The one role of the gateway: it reads the event log, to learn of sessions that end, and nothing else. */
export const GATEWAY_ROLE = 'dwaybank_gateway';
const POOL_SIZE = 3;

/** Starts the gateway with its own reader of the event log; `close` ends both. */
export async function runGateway(options: RunGatewayOptions): Promise<RunningGateway> {
  const { config, databaseUrl, secrets, wakeUp, transports, clock, log } = options;
  const pool = createPool({
    url: databaseUrl,
    role: GATEWAY_ROLE,
    password: secrets.rolePassword(GATEWAY_ROLE),
    schema: 'platform',
    max: POOL_SIZE,
    onError: (error) => log.warn({ err: error }, 'an idle connection to Postgres was lost'),
  });
  const undo = [() => pool.end()];
  const close = async () => {
    while (undo.length > 0) await undo.pop()!();
  };
  try {
    const tail = await createEventTail({ pool, wakeUp, log });
    undo.push(() => tail.close());
    const sessions = await followSessions({ pool, tail, clock });
    undo.push(async () => sessions.close());
    const gateway = await startGateway({
      supergraphPath: fileURLToPath(new URL('../schema/supergraph.graphql', import.meta.url)),
      transports,
      sessions,
      checks: { database: () => pool.query('SELECT 1') },
      config,
      clock,
      log,
    });
    undo.push(() => gateway.close());
    return { url: gateway.url, close };
  } catch (error) {
    await close();
    throw explain(error, config);
  }
}

/** Why it cannot listen, as a sentence; any other error as it is. */
function explain(error: unknown, { host, port }: Config): unknown {
  const reasons: Record<string, string> = {
    EADDRINUSE: `Port ${port} of ${host} is taken: end what listens there, or choose another port with --port or PORT.`,
    EACCES: `Port ${port} may not be used by this user: choose one above 1023 with --port or PORT.`,
    EADDRNOTAVAIL: `${host} is not an address of this machine: set HOST to one, for example 127.0.0.1.`,
    ENOTFOUND: `${host} is not an address of this machine: set HOST to one, for example 127.0.0.1.`,
  };
  const reason = reasons[systemCode(error) ?? ''];
  return reason === undefined ? error : new StartError(reason, { cause: error });
}
