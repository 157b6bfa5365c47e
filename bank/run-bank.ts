import { createServer } from 'node:net';
import { runGateway } from '../gateway/run-gateway.ts';
import { checkDatabase } from '../platform/check-database.ts';
import { systemClock } from '../platform/clock.ts';
import type { Config } from '../platform/config.ts';
import { createPool } from '../platform/db.ts';
import { createLog, type Logger } from '../platform/log.ts';
import type { MainProcess } from '../platform/main-process.ts';
import { deriveSecrets, type Secrets } from '../platform/secrets.ts';
import { StartError, systemCode } from '../platform/start-error.ts';
import { SUBGRAPH_NAMES, type SubgraphName, type SubgraphTransport } from '../platform/subgraph.ts';
import { createWakeUp, type WakeUp } from '../platform/wake-up.ts';
import type { BankArguments } from './arguments.ts';
import { bankFolder } from './bank-folder.ts';
import { claimDatabase, removeBank } from './claim-database.ts';
import { createDemoCustomers, DEMO_CUSTOMERS } from './demo.ts';
import { BANK_DATABASE } from './embedded-postgres.ts';
import { serviceRole, type Owner } from './owners.ts';
import { connectAdmin, createDatabase, isPrepared, prepareDatabase } from './prepare-database.ts';
import { runSubgraphs, type RunningSubgraphs } from './run-subgraphs.ts';

/** Prints one line per step of the start, with the time since the beginning. */
type Progress = (step: string) => void;

/**
 * Starts everything in this process, from the database to the door, and prints where it is. Each step is undone through
 * `main` when the process ends, last step first: the door closes before the database stops.
 */
export async function runBank(main: MainProcess, config: Config, options: BankArguments): Promise<void> {
  const began = performance.now();
  const progress: Progress = (step) => {
    if (!main.stopping)
      process.stdout.write(`${((performance.now() - began) / 1000).toFixed(1).padStart(5)} s  ${step}\n`);
  };
  const log = createLog(config.logLevel);
  await checkPort(config);
  const { databaseUrl, secrets } =
    config.databaseUrl === null
      ? await openEmbedded(main, config, options, progress)
      : await openServer(config, config.databaseUrl, options, progress);
  if (main.stopping) return;

  const wakeUp = createWakeUp({ redisUrl: config.redisUrl, log });
  main.onStop(() => wakeUp.close());
  const shared = { config, databaseUrl, secrets, wakeUp, clock: systemClock, log };
  const subgraphs = await runSubgraphs({ ...shared, names: SUBGRAPH_NAMES });
  main.onStop(() => subgraphs.stop());
  progress(`Subgraphs: ${SUBGRAPH_NAMES.join(', ')}`);
  if (config.simulated && options.demo) {
    await makeDemoCustomers({ databaseUrl, secrets, wakeUp, log }, subgraphs);
    progress('Demo customers');
  }
  if (main.stopping) return;
  // Object.fromEntries loses the names' type; they are all there by construction.
  const transports = Object.fromEntries(SUBGRAPH_NAMES.map((name) => [name, subgraphs.transport(name)])) as Record<
    SubgraphName,
    SubgraphTransport
  >;
  const gateway = await runGateway({ ...shared, transports });
  main.onStop(() => gateway.close());
  progress('Gateway');
  process.stdout.write(`\n${table(gateway.url, config, options)}\n`);
}

interface Opened {
  databaseUrl: string;
  secrets: Secrets;
}

async function openEmbedded(
  main: MainProcess,
  config: Config,
  options: BankArguments,
  progress: Progress,
): Promise<Opened> {
  const folder = bankFolder(config.folder);
  if (options.fresh) {
    await removeBank(folder);
    progress(`Removed what was in ${folder.path}`);
  }
  const { postgres, secrets } = await claimDatabase(folder, main, progress);
  progress(postgres.adopted ? 'Postgres, left running by a bank that was killed, taken over' : 'Postgres');
  const adminUrl = postgres.adminUrl(BANK_DATABASE);
  await createDatabase(postgres.adminUrl('postgres'), BANK_DATABASE);
  await prepare(adminUrl, secrets, progress);
  return { databaseUrl: adminUrl, secrets };
}

async function openServer(
  config: Config,
  databaseUrl: string,
  { fresh }: BankArguments,
  progress: Progress,
): Promise<Opened> {
  if (fresh) {
    throw new StartError(
      '--fresh removes the embedded bank of this folder only: unset DATABASE_URL, or empty your database yourself.',
    );
  }
  // readConfig refuses DATABASE_URL without a secret.
  const secrets = deriveSecrets(config.secret!);
  await prepare(databaseUrl, secrets, progress);
  await checkDatabase(databaseUrl, { role: serviceRole('platform'), secrets });
  progress('Postgres of DATABASE_URL');
  return { databaseUrl, secrets };
}

/** Runs what is missing of roles, schemas and migrations; looks with one query whether anything is. */
async function prepare(adminUrl: string, secrets: Secrets, progress: Progress): Promise<void> {
  const admin = await connectAdmin(adminUrl);
  const prepared = await isPrepared(admin).finally(() => admin.end());
  if (!prepared) await prepareDatabase({ adminUrl, secrets, onProgress: progress });
}

/** Said before anything is started, because starting takes time; the gateway itself says it when the port goes meanwhile. */
async function checkPort({ host, port }: Config): Promise<void> {
  if (port === 0) return;
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error) => {
      const taken = systemCode(error) === 'EADDRINUSE';
      // What else may be wrong with the address is explained by the gateway.
      if (!taken) return resolve();
      reject(
        new StartError(
          `Port ${port} of ${host} is taken, perhaps by a bank that runs already: end what listens there, or choose another with \`npm start -- --port N\`.`,
        ),
      );
    });
    probe.listen(port, host, () => probe.close(() => resolve()));
  });
}

interface DemoOptions extends Opened {
  wakeUp: WakeUp;
  log: Logger;
}

async function makeDemoCustomers(
  { databaseUrl, secrets, wakeUp, log }: DemoOptions,
  { subgraphs }: RunningSubgraphs,
): Promise<void> {
  const open = (owner: Owner) => {
    const role = serviceRole(owner);
    const onError = (error: Error) => log.warn({ err: error, role }, 'an idle connection to Postgres was lost');
    return createPool({ url: databaseUrl, role, password: secrets.rolePassword(role), schema: owner, max: 1, onError });
  };
  const [userPool, ledgerPool] = [open('user'), open('ledger')];
  try {
    // All six run in this process.
    await createDemoCustomers({ user: subgraphs.user!, wallet: subgraphs.wallet!, userPool, ledgerPool, wakeUp });
  } finally {
    await Promise.all([userPool.end(), ledgerPool.end()]);
  }
}

function table(url: string, config: Config, { demo }: BankArguments): string {
  const rows: [string, string][] = [
    ['GraphQL', `${url}/graphql (HTTP and WebSocket)`],
    ...(config.production ? [] : ([['Playground', `${url}/playground`]] satisfies [string, string][])),
    ['Health', `${url}/health`],
    ['Ready', `${url}/ready`],
  ];
  if (config.simulated && demo) {
    for (const { email, password } of DEMO_CUSTOMERS) rows.push(['Demo login', `${email}  ${password}`]);
  }
  return rows.map(([name, value]) => `  ${name.padEnd(12)}${value}`).join('\n') + '\n\nCtrl-C stops the bank.';
}
