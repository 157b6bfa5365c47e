import { runGateway } from '../gateway/run-gateway.ts';
import { systemClock } from '../platform/clock.ts';
import type { Config } from '../platform/config.ts';
import { createPool } from '../platform/db.ts';
import { createLog, type Logger } from '../platform/log.ts';
import type { MainProcess } from '../platform/main-process.ts';
import { SUBGRAPH_NAMES, type SubgraphName, type SubgraphTransport } from '../platform/subgraph.ts';
import { createWakeUp, type WakeUp } from '../platform/wake-up.ts';
import { createDemoCustomers, DEMO_CUSTOMERS, DEMO_STAFF } from './demo.ts';
import type { BankDatabase, Progress } from './open-bank-database.ts';
import { serviceRole, type Owner } from './owners.ts';
import { startProviders } from './providers.ts';
import { runSubgraphs, type RunningSubgraphs } from './run-subgraphs.ts';

/**
 * Runs the subgraphs and the door on an open database in this process, and prints where they are. Each step is undone
 * through `main` when the process ends, last step first: the door closes before the database stops.
 */
export async function runBank(
  main: MainProcess,
  { databaseUrl, secrets }: BankDatabase,
  { config, demo, progress }: RunBankOptions,
): Promise<void> {
  const log = createLog(config.logLevel);
  const wakeUp = createWakeUp({ redisUrl: config.redisUrl, log });
  main.onStop(() => wakeUp.close());
  const shared = { config, databaseUrl, secrets, wakeUp, clock: systemClock, log };
  const { sendWebhooksTo, ...providers } = await startProviders(main, config, progress);
  if (main.stopping) return;
  const subgraphs = await runSubgraphs({ ...shared, providers, names: SUBGRAPH_NAMES });
  main.onStop(() => subgraphs.stop());
  progress(`Subgraphs: ${SUBGRAPH_NAMES.join(', ')}`);
  const demoLogins = demo && config.simulated;
  if (demoLogins && !main.stopping) {
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
  sendWebhooksTo(`${gateway.url}/webhooks`);
  progress('Gateway');
  if (!main.stopping) process.stdout.write(`\n${table(gateway.url, config, demoLogins)}\n`);
}

export interface RunBankOptions {
  config: Config;
  /** Whether demo customers are wanted; without simulated providers there are none. */
  demo: boolean;
  progress: Progress;
}

interface DemoOptions extends BankDatabase {
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

function table(url: string, config: Config, demoLogins: boolean): string {
  const rows: [string, string][] = [
    ['GraphQL', `${url}/graphql (HTTP and WebSocket)`],
    ...(config.production ? [] : ([['Playground', `${url}/playground`]] satisfies [string, string][])),
    ['Health', `${url}/health`],
    ['Ready', `${url}/ready`],
  ];
  if (demoLogins) {
    for (const { email, password } of DEMO_CUSTOMERS) rows.push(['Demo login', `${email}  ${password}`]);
    for (const { email, password, role } of DEMO_STAFF) rows.push(['Demo staff', `${email}  ${password}  (${role})`]);
  }
  return rows.map(([name, value]) => `  ${name.padEnd(12)}${value}`).join('\n') + '\n\nCtrl-C stops the bank.';
}
