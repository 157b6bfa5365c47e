import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readConfig } from '../platform/config.ts';
import { systemClock } from '../platform/clock.ts';
import { createLog } from '../platform/log.ts';
import { createWakeUp } from '../platform/wake-up.ts';
import { NO_PROVIDERS } from '../providers/providers.ts';
import { expectBooksOk } from '../tests/books.ts';
import { createTestDatabase, type TestDatabase } from '../tests/database.ts';
import { createDemoCustomers, DEMO_CUSTOMERS, DEMO_STAFF, type DemoDeps } from './demo.ts';
import { runSubgraphs, type RunningSubgraphs } from './run-subgraphs.ts';

let database: TestDatabase;
let subgraphs: RunningSubgraphs;
let deps: DemoDeps;
beforeAll(async () => {
  database = await createTestDatabase();
  const log = createLog('silent');
  const wakeUp = createWakeUp({ redisUrl: null, log });
  subgraphs = await runSubgraphs({
    providers: NO_PROVIDERS,
    names: ['user', 'wallet'],
    config: readConfig({}),
    databaseUrl: database.adminUrl,
    secrets: database.secrets,
    wakeUp,
    clock: systemClock,
    log,
  });
  deps = {
    user: subgraphs.subgraphs.user!,
    wallet: subgraphs.subgraphs.wallet!,
    userPool: database.pool('dwaybank_user', { max: 2 }),
    ledgerPool: database.pool('dwaybank_ledger', { max: 2 }),
    wakeUp,
  };
});
afterAll(async () => {
  await subgraphs.stop();
  await expectBooksOk(database.pool('postgres', { max: 1 }));
  await database.drop();
});

async function figures(): Promise<unknown> {
  const { rows } = await database.pool('postgres', { max: 1 }).query(
    `SELECT (SELECT count(*)::int FROM "user".person) AS people, (SELECT count(*)::int FROM ledger.entry) AS entries,
       (SELECT count(*)::int FROM ledger.account WHERE owner_id IS NOT NULL) AS accounts`,
  );
  return rows[0];
}

const accounts = DEMO_CUSTOMERS.flatMap((customer) => customer.accounts);
const funded = accounts.filter(({ amount }) => amount !== null);
const complete = {
  people: DEMO_CUSTOMERS.length + DEMO_STAFF.length,
  accounts: accounts.length,
  entries: funded.length,
};

test('demo customers have accounts with money, and are made and paid once', async () => {
  await createDemoCustomers(deps);
  expect(await figures()).toEqual(complete);
  await createDemoCustomers(deps);
  expect(await figures()).toEqual(complete);
});

test('demo staff are ADMIN, own no accounts, and no customer is staff', async () => {
  const { rows } = await database
    .pool('postgres', { max: 1 })
    .query<{ email: string; roles: string[]; accounts: number }>(
      `SELECT email, roles, (SELECT count(*)::int FROM ledger.account WHERE owner_id = person.id) AS accounts FROM "user".person ORDER BY email`,
    );
  for (const { email, roles, accounts } of rows) {
    const staff = DEMO_STAFF.some((person) => person.email === email);
    expect({ email, roles }).toEqual({ email, roles: staff ? ['CUSTOMER', 'ADMIN'] : ['CUSTOMER'] });
    expect(accounts > 0).toBe(!staff);
  }
});

test('a start that was broken off is completed by the next', async () => {
  const interrupted: DemoDeps = {
    ...deps,
    wallet: { ...deps.wallet, openAccount: () => Promise.reject(new Error('the process ended here')) },
  };
  // With the emails free again, it all begins anew.
  await database.pool('postgres', { max: 1 }).query(`UPDATE "user".person SET email = 'was-' || email`);
  await expect(createDemoCustomers(interrupted)).rejects.toThrow('the process ended here');
  expect(await figures()).toEqual({ ...complete, people: complete.people + 1 });
  await createDemoCustomers(deps);
  expect(await figures()).toEqual({
    people: 2 * complete.people,
    accounts: 2 * complete.accounts,
    entries: 2 * complete.entries,
  });
});
