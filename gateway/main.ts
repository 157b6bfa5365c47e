import { checkDatabase } from '../platform/check-database.ts';
import { systemClock } from '../platform/clock.ts';
import { printHelp, refuseArguments } from '../platform/command-line.ts';
import { readConfig } from '../platform/config.ts';
import { createLog } from '../platform/log.ts';
import { runMain } from '../platform/main-process.ts';
import { deriveSecrets } from '../platform/secrets.ts';
import { StartError } from '../platform/start-error.ts';
import { createHttpTransport } from '../platform/subgraph-http-transport.ts';
import { SUBGRAPH_NAMES, type SubgraphName, type SubgraphTransport } from '../platform/subgraph.ts';
import { CALLER_KEY } from '../platform/viewer.ts';
import { createWakeUp } from '../platform/wake-up.ts';
import { GATEWAY_ROLE, runGateway } from './run-gateway.ts';

const HELP = `npm run start:gateway

Runs the gateway as a process of its own. It takes no arguments; needed in the environment:
  DATABASE_URL, DWAYBANK_SECRET   the same as the subgraphs have
  USER_URL … INSIGHTS_URL         where each subgraph answers (default http://127.0.0.1:4001 … 4006)
  PORT, HOST, REDIS_URL           optional; the README lists all
`;

/** The gateway as a process of its own (`npm run start:gateway`). It reaches the subgraphs over signed HTTP. */
runMain(
  async (main) => {
    const given = process.argv.slice(2);
    if (printHelp(HELP, given)) return 'done';
    refuseArguments(HELP, given);
    const config = readConfig(process.env);
    if (config.databaseUrl === null || config.secret === null) {
      throw new StartError(
        'The gateway as a process of its own needs DATABASE_URL and DWAYBANK_SECRET, the same as the subgraphs have.',
      );
    }
    const log = createLog(config.logLevel);
    const secrets = deriveSecrets(config.secret);
    await checkDatabase(config.databaseUrl, { role: GATEWAY_ROLE, secrets });
    const key = secrets.key(CALLER_KEY);
    const wakeUp = createWakeUp({ redisUrl: config.redisUrl, log });
    main.onStop(() => wakeUp.close());
    const connect = (name: SubgraphName) =>
      createHttpTransport({ name, url: config.subgraphUrls[name], key, clock: systemClock, log });
    // Object.fromEntries loses the names' type; they are all there by construction.
    const transports = Object.fromEntries(SUBGRAPH_NAMES.map((name) => [name, connect(name)])) as Record<
      SubgraphName,
      SubgraphTransport
    >;
    main.onStop(() => Promise.all(Object.values(transports).map((transport) => transport.close())).then(() => {}));
    const gateway = await runGateway({
      config,
      databaseUrl: config.databaseUrl,
      secrets,
      wakeUp,
      transports,
      clock: systemClock,
      log,
    });
    main.onStop(() => gateway.close());
    if (config.redisUrl === null) {
      process.stdout.write('Without REDIS_URL separate processes find each other’s events by polling.\n');
    }
    process.stdout.write(`gateway  ${gateway.url}/graphql\n`);
    return 'serving';
  },
  { endsWithParent: process.env['npm_lifecycle_event'] !== undefined },
);
