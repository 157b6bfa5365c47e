import { serviceRole } from '../bank/owners.ts';
import { connectProviders } from '../bank/providers.ts';
import { runSubgraphs } from '../bank/run-subgraphs.ts';
import { checkDatabase } from '../platform/check-database.ts';
import { systemClock } from '../platform/clock.ts';
import { printHelp } from '../platform/command-line.ts';
import { readConfig, type Config } from '../platform/config.ts';
import { createLog } from '../platform/log.ts';
import { runMain } from '../platform/main-process.ts';
import { deriveSecrets } from '../platform/secrets.ts';
import { StartError, systemCode } from '../platform/start-error.ts';
import { listenSubgraph } from '../platform/subgraph-server.ts';
import { SUBGRAPH_NAMES, type ServedSubgraph, type SubgraphName } from '../platform/subgraph.ts';
import { CALLER_KEY } from '../platform/viewer.ts';
import { createWakeUp } from '../platform/wake-up.ts';

const HELP = `npm run start:subgraph -- [NAME ...]

Runs one or several subgraphs as a process of their own; no names mean all: ${SUBGRAPH_NAMES.join(', ')}.
Needed in the environment:
  DATABASE_URL, DWAYBANK_SECRET   the same as the gateway has
  USER_URL … INSIGHTS_URL         where each subgraph answers (default http://127.0.0.1:4001 … 4006)
  HOST, REDIS_URL                 optional; the README lists all
  STRIPE_SECRET_KEY, …            the outside companies (wallet, transfer); with PROVIDERS=simulated also STRIPE_URL, …
`;

/** One or several subgraphs as a process of their own (`npm run start:subgraph -- transfer risk`); no names mean all. */
runMain(
  async (main) => {
    const given = process.argv.slice(2);
    if (printHelp(HELP, given)) return 'done';
    const names = parseNames(given);
    const config = readConfig(process.env);
    if (config.databaseUrl === null || config.secret === null) {
      throw new StartError(
        'A subgraph as a process of its own needs DATABASE_URL and DWAYBANK_SECRET, the same as the gateway has.',
      );
    }
    const log = createLog(config.logLevel);
    const secrets = deriveSecrets(config.secret);
    await checkDatabase(config.databaseUrl, { role: serviceRole(names[0]!), secrets });
    const wakeUp = createWakeUp({ redisUrl: config.redisUrl, log });
    main.onStop(() => wakeUp.close());
    const { databaseUrl } = config;
    const providers = connectProviders(config);
    main.onStop(() => providers.payouts?.close());
    const subgraphs = await runSubgraphs({
      names,
      config,
      databaseUrl,
      secrets,
      providers,
      wakeUp,
      clock: systemClock,
      log,
    });
    main.onStop(() => subgraphs.stop());
    for (const served of subgraphs.served) {
      const { name } = served.subgraph;
      const listening = await listenSubgraph(served, {
        host: config.host,
        port: portOf(name, config),
        key: secrets.key(CALLER_KEY),
        clock: systemClock,
        log,
      }).catch((error: unknown) => {
        throw explain(error, served, config);
      });
      main.onStop(() => listening.close());
      process.stdout.write(`${name.padEnd(9)}  ${listening.url}\n`);
    }
    if (config.redisUrl === null) {
      process.stdout.write('Without REDIS_URL separate processes find each other’s events by polling.\n');
    }
    return 'serving';
  },
  { endsWithParent: process.env['npm_lifecycle_event'] !== undefined },
);

function parseNames(given: string[]): SubgraphName[] {
  const unknown = given.find((name) => !SUBGRAPH_NAMES.some((known) => known === name));
  if (unknown !== undefined) {
    throw new StartError(
      `There is no subgraph "${unknown}": name some of ${SUBGRAPH_NAMES.join(', ')}, or none for all.`,
    );
  }
  return given.length === 0 ? [...SUBGRAPH_NAMES] : SUBGRAPH_NAMES.filter((name) => given.includes(name));
}

/** It listens where the others expect it: on the port of its own URL (TRANSFER_URL …). */
function portOf(name: SubgraphName, { subgraphUrls }: Config): number {
  const { port, protocol } = new URL(subgraphUrls[name]);
  return port ? Number(port) : protocol === 'https:' ? 443 : 80;
}

function explain(error: unknown, { subgraph }: ServedSubgraph, config: Config): unknown {
  if (systemCode(error) !== 'EADDRINUSE') return error;
  const name = subgraph.name;
  return new StartError(
    `Port ${portOf(name, config)} for ${name} is taken: end what listens there, or set ${name.toUpperCase()}_URL to another for all processes.`,
    { cause: error },
  );
}
