import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type AccountId, type AlertId } from '../../platform/ids.ts';
import { HOME_SCREEN, type HomeScreen } from '../home-screen.ts';
import { recordStatements, type RecordedStatements } from '../statements.ts';
import { until } from '../until.ts';
import { openWorld, type Person, type World } from '../world.ts';

/*
 * Two customers: one with little of everything and one with much. What their screens cost and show, and that neither sees
 * anything of the other.
 */

const MANY = { accounts: 40, sent: 40, received: 20, alerts: 60, methods: 12 };
/** What several parts of a screen look up at one moment goes in one statement or in two, as it happens (platform/gather.ts). */
const BY_CHANCE = 3;
const STATEMENT = readFileSync('tests/samples/statements/checking.ofx', 'utf8');

interface Customer extends Person {
  accountIds: AccountId[];
}

let world: World;
let little: Customer;
let much: Customer;
let other: Customer;
let statements: RecordedStatements;

beforeAll(async () => {
  statements = recordStatements();
  world = await openWorld();
  other = await customer('Other Person', 1);
  little = await customer('Little Customer', 1);
  much = await customer('Much Customer', MANY.accounts);
  await pay(little, other, 1);
  await pay(other, little, 2);
  await pay(much, other, MANY.sent);
  await pay(other, much, MANY.received);
  await linkStatements(little, 1);
  await linkStatements(much, MANY.methods);
  await raiseAlerts(little, 1);
  await raiseAlerts(much, MANY.alerts);
  for (const each of [little, much]) {
    await until(`the portfolio of ${each.displayName} is told`, async () => {
      const { me } = await screenOf(each);
      const usd = me?.accounts?.edges[0]?.node.balance.available.amount;
      return me?.portfolio?.holdings.some(({ currency, quantity }) => currency === 'USD' && quantity === usd);
    });
  }
});

afterAll(async () => {
  statements.stop();
  await world.close();
});

/** With accounts in two currencies in turn, and money on the first. */
async function customer(displayName: string, accounts: number): Promise<Customer> {
  const person = await world.register(displayName);
  const accountIds = [await world.openAccount(person, 'USD', '1000.00')];
  while (accountIds.length < accounts) {
    accountIds.push(await world.openAccount(person, accountIds.length % 2 === 0 ? 'USD' : 'EUR'));
  }
  return { ...person, accountIds };
}

async function pay(from: Customer, to: Customer, times: number): Promise<void> {
  for (let done = 0; done < times; done += 10) {
    const payments = Array.from({ length: Math.min(10, times - done) }, () =>
      world.transfer(from, {
        source: { accountId: from.accountIds[0]! },
        destination: { email: to.email },
        amount: { amount: '1.25', currency: 'USD' },
      }),
    );
    for (const { transfer } of await Promise.all(payments)) expect(transfer?.status).toBe('COMPLETED');
  }
}

async function linkStatements(owner: Customer, count: number): Promise<void> {
  for (let n = 1; n <= count; n++) {
    const statement = STATEMENT.replaceAll(/<ACCTID>[^<\r\n]*/g, `<ACCTID>77000${n}`);
    const { connectPaymentMethod } = await world.ask<{ connectPaymentMethod: { userErrors: unknown[] } }>(
      `mutation ($input: ConnectPaymentMethodInput!) { connectPaymentMethod(input: $input) { userErrors { code message } } }`,
      { input: { type: 'BANK_ACCOUNT', provider: 'statement', statement, label: `Bank ${n}` } },
      { as: owner },
    );
    expect(connectPaymentMethod.userErrors).toEqual([]);
  }
}

/** By hand, because the bank tells nobody of the same thing twice in a while: it would take weeks. */
async function raiseAlerts({ userId }: Customer, count: number): Promise<void> {
  const { rows } = await world.admin.query<{ id: string }>(
    'SELECT id FROM transfer.transfer WHERE source_owner_id = $1 OR destination_owner_id = $1 ORDER BY id LIMIT $2',
    [userId, count],
  );
  expect(rows).toHaveLength(count);
  for (const { id } of rows) {
    await world.admin.query(
      `INSERT INTO risk.alert (id, user_id, transfer_id, type, severity, message, created_at)
       VALUES ($1, $2, $3, 'FOR_THIS_TEST', 'LOW', 'Something to know.', now())`,
      [newId<AlertId>(), userId, id],
    );
  }
}

const days = () => {
  const to = new Date().toISOString().slice(0, 10);
  return { from: `${to.slice(0, 8)}01`, to };
};
const screenOf = (as: Customer) => world.ask<HomeScreen>(HOME_SCREEN, days(), { as });

/** As deep as an app may want to look, lists within lists over all subgraphs. */
const DEEP_SCREEN = `query Deep($from: Date!, $to: Date!, $at: DateTime = "2026-01-01T00:00:00Z") { me {
  displayName
  accounts(first: 100) { edges { node {
    name owner { displayName accounts(first: 100) { edges { node { name } } } }
    balance { available { amount } }
    before: balance(asOf: $at) { posted { amount } }
    transactions(first: 50) { edges { node {
      category riskScore complianceStatus counterparty
      transfer { status riskAssessment { score factors { name } } source { account { name balance { version } } } }
    } } }
  } } }
  portfolio { change { absolute { amount } } holdings { currency accounts { name balance { posted { amount } } } } }
  riskProfile { limits { monthlyRemaining { amount } } }
  riskAlerts(first: 100) { edges { node { message transfer { status riskAssessment { decision } } } } }
  insights { spending(from: $from, to: $to) { income { amount } categories { category } } items(first: 50) { edges { node { title } } } }
  transfers(first: 100) { edges { node {
    timeline { status } riskAssessment { level }
    source { account { name owner { displayName } } paymentMethod { label } } destination { account { name balance { version } } }
  } } }
  paymentMethods(first: 100) { edges { node {
    label balance { amount } externalTransactions(first: 50) { edges { node { description category amount { amount } } } }
  } } }
} }`;

describe('the home screen', () => {
  test('shows everything a customer has', async () => {
    const { me } = await screenOf(much);
    const accounts = me!.accounts!.edges.map(({ node }) => node);
    expect(me!.displayName).toBe('Much Customer');
    expect(accounts.map(({ id }) => id)).toEqual(much.accountIds);
    // 1000.00 - 40 x 1.25 + 20 x 1.25, and one version for each of them after the funding.
    expect(accounts[0]!.balance).toEqual({ available: { amount: '975.00' }, version: 1 + MANY.sent + MANY.received });
    expect(accounts[0]!.transactions.edges.map(({ node }) => node.amount.amount)).toEqual(Array(5).fill('1.25'));
    expect(accounts[1]!.transactions.edges).toEqual([]);
    expect(me!.portfolio!.holdings.find(({ currency }) => currency === 'USD')?.quantity).toBe('975.00');
    expect(me!.riskProfile!.limits.length).toBeGreaterThan(0);
    expect(me!.insights!.spending.categories.length).toBeGreaterThan(0);
    expect(me!.transfers!.edges).toHaveLength(10);
    expect(me!.transfers!.edges[0]!.node).toMatchObject({
      type: 'INTERNAL',
      status: 'COMPLETED',
      amount: { amount: '1.25', currency: 'USD' },
      source: { label: 'Other Person' },
      destination: { label: 'Much Customer' },
    });
    expect(me!.paymentMethods!.edges.map(({ node }) => node.label)).toContain('Bank 12');
  });

  test.each([
    ['the screen', HOME_SCREEN],
    ['a screen as deep as it can be', DEEP_SCREEN],
  ])('%s costs the same SQL statements for little and for much', async (_name, query) => {
    const ask = (as: Customer) => world.ask(query, days(), { as });
    const forLittle = await statements.during(() => ask(little));
    const forMuch = await statements.during(() => ask(much));
    expect(forLittle.length).toBeGreaterThan(5);
    expect(new Set(forMuch)).toEqual(new Set(forLittle));
    expect(Math.abs(forMuch.length - forLittle.length)).toBeLessThanOrEqual(BY_CHANCE);
  });

  test('the deep screen really has many of everything', async () => {
    const text = JSON.stringify(await world.ask(DEEP_SCREEN, days(), { as: much }));
    const count = (field: string) => text.split(`"${field}":`).length - 1;
    expect(count('complianceStatus')).toBeGreaterThan(MANY.received);
    expect(count('message')).toBeGreaterThanOrEqual(MANY.alerts);
    expect(count('timeline')).toBe(MANY.sent + MANY.received);
    expect(count('description')).toBeGreaterThan(MANY.methods);
  });

  test('of one customer holds nothing of another’s', async () => {
    const text = async (as: Customer) =>
      JSON.stringify([await screenOf(as), await world.ask(DEEP_SCREEN, days(), { as })]);
    const [ofLittle, ofMuch] = [await text(little), await text(much)];
    for (const foreign of [...much.accountIds, 'Much Customer', 'Bank 2', '975.00'])
      expect(ofLittle).not.toContain(foreign);
    for (const foreign of [...little.accountIds, 'Little Customer', '1001.25']) expect(ofMuch).not.toContain(foreign);
    // What was looked for is there where it belongs.
    for (const own of [...much.accountIds, 'Bank 2', '975.00']) expect(ofMuch).toContain(own);
    for (const own of [...little.accountIds, '1001.25']) expect(ofLittle).toContain(own);
  });

  test('of nobody is nothing', async () => {
    const { data, errors } = await world.send(HOME_SCREEN, days());
    expect(data).toEqual({ me: null });
    expect(new Set(errors!.map(({ extensions }) => extensions.code))).toEqual(new Set(['UNAUTHENTICATED']));
  });
});
