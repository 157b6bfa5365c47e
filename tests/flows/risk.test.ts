import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { until } from '../until.ts';
import { openWorld, type Person, type World } from '../world.ts';

let world: World;
let ada: Person;
let bob: Person;
let account: string;

beforeAll(async () => {
  world = await openWorld();
  [ada, bob] = [await world.register('Ada'), await world.register('Bob')];
  account = await world.openAccount(ada, 'USD', '5000');
  await world.openAccount(bob, 'USD');
});
afterAll(() => world.close());

interface Assessment {
  score: number;
  decision: string;
  factors: { name: string; score: number; weight: string; reason: string }[];
}

let keys = 0;

/** Pays from a device, as an app does that says which one it runs on. */
async function payFrom(device: string | null, amount: string): Promise<Assessment> {
  const query = `mutation ($input: CreateTransferInput!) { createTransfer(input: $input) {
    transfer { status riskAssessment { score decision factors { name score weight reason } } } userErrors { code } } }`;
  const input = {
    idempotencyKey: `risk-${++keys}`,
    source: { accountId: account },
    destination: { email: bob.email },
    amount: { amount, currency: 'USD' },
  };
  const response = await world.post(JSON.stringify({ query, variables: { input } }), {
    as: ada,
    headers: device === null ? {} : { 'x-device-id': device },
  });
  const { data } = (await response.json()) as {
    data: { createTransfer: { transfer: { status: string; riskAssessment: Assessment } } };
  };
  expect(data.createTransfer.transfer.status).toBe('COMPLETED');
  return data.createTransfer.transfer.riskAssessment;
}

const scoreOf = ({ factors }: Assessment, name: string): number | undefined =>
  factors.find((factor) => factor.name === name)?.score;

async function alertsOf(person: Person): Promise<{ id: string; type: string }[]> {
  const { me } = await world.ask<{ me: { riskAlerts: { edges: { node: { id: string; type: string } }[] } } }>(
    '{ me { riskAlerts { edges { node { id type } } } } }',
    {},
    { as: person },
  );
  return me.riskAlerts.edges.map(({ node }) => node);
}

interface Raised {
  riskAlertRaised: {
    id: string;
    type: string;
    severity: string;
    transfer: { status: string; amount: { amount: string } };
  };
}
const RAISED =
  'subscription ($after: ID) { riskAlertRaised(afterId: $after) { id type severity transfer { status amount { amount } } } }';

test('a customer’s habits are learnt transfer by transfer, and what breaks them is told live', async () => {
  const first = await payFrom('phone', '10.00');
  expect(first).toEqual({ score: 0, decision: 'ALLOW', factors: [] });
  for (let n = 0; n < 4; n++) await payFrom('phone', '10.00');
  const usual = await payFrom('phone', '10.00');
  // The caller comes from loopback, which is no place: geography is unknown.
  expect(usual.factors.map(({ name }) => name).sort()).toEqual(['amount', 'behaviour', 'device', 'velocity']);
  expect(usual.factors.reduce((sum, { weight }) => sum + Number(weight), 0)).toBeCloseTo(1, 10);

  const unusual = await payFrom('laptop', '900.00');
  expect([scoreOf(unusual, 'amount'), scoreOf(unusual, 'device')]).toEqual([100, 55]);
  expect(unusual.score).toBeGreaterThan(usual.score + 30);
  expect(unusual.decision).toBe('ALLOW');

  // Listed newest first; both were raised in one transaction.
  const known = (await until('both alerts', async () => {
    const alerts = await alertsOf(ada);
    return alerts.length === 2 ? alerts : null;
  }))!;
  expect(known.map(({ type }) => type).sort()).toEqual(['NEW_DEVICE', 'UNUSUAL_AMOUNT']);

  // Who comes back with the older one gets the newer one at once, and from then on what happens.
  const live = world.follow<Raised>(RAISED, { after: known[1]!.id }, { as: ada });
  expect((await live.result(0)).data!.riskAlertRaised).toMatchObject({
    id: known[0]!.id,
    transfer: { status: 'COMPLETED', amount: { amount: '900.00' } },
  });
  let latest = unusual;
  for (let n = 0; n < 14; n++) latest = await payFrom('phone', '10.00');
  expect(scoreOf(latest, 'velocity')).toBe(100);
  expect(scoreOf(unusual, 'velocity')!).toBeLessThan(100);
  expect((await live.result(1)).data!.riskAlertRaised.type).toBe('HIGH_VELOCITY');
  expect((await alertsOf(ada)).map(({ id }) => id)).toEqual([
    live.results[1]!.data!.riskAlertRaised.id,
    ...known.map(({ id }) => id),
  ]);
  expect(live.results).toHaveLength(2);
  expect(await alertsOf(bob)).toEqual([]);
  await live.leave();

  const { me } = await world.ask<{ me: { riskProfile: { score: number } } }>(
    '{ me { riskProfile { score } } }',
    {},
    { as: ada },
  );
  expect(me.riskProfile.score).toBeGreaterThanOrEqual(unusual.score);
});

test('each line of a statement says what was found about the transfer behind it', async () => {
  const lines = async (as: Person) => {
    const { me } = await world.ask<{
      me: { accounts: { edges: { node: { transactions: { edges: { node: object }[] } } }[] } };
    }>(
      `{ me { accounts { edges { node { transactions(first: 100) { edges { node {
           type riskScore complianceStatus transfer { riskAssessment { score } } } } } } } } } }`,
      {},
      { as },
    );
    return me.accounts.edges[0]!.node.transactions.edges.map(({ node }) => node);
  };
  await payFrom('phone', '10.00');
  const mine = (await lines(ada)) as { transfer: { riskAssessment: { score: number } } | null }[];
  const score = mine[0]!.transfer!.riskAssessment.score;
  expect(mine[0]).toMatchObject({ type: 'TRANSFER_OUT', riskScore: score, complianceStatus: 'CLEARED' });
  // What the bank booked by itself nobody has looked at.
  expect(mine.at(-1)).toMatchObject({ riskScore: null, complianceStatus: null, transfer: null });
  const theirs = await lines(bob);
  expect(theirs[0]).toEqual({
    type: 'TRANSFER_IN',
    riskScore: null,
    complianceStatus: 'CLEARED',
    transfer: { riskAssessment: null },
  });
});

test('another customer can neither acknowledge an alert nor follow from it', async () => {
  const { id } = (await alertsOf(ada))[0]!;
  const acknowledge = (as: Person) =>
    world.ask(
      'mutation ($id: ID!) { acknowledgeRiskAlert(id: $id) { alert { acknowledged } userErrors { code } } }',
      { id },
      { as },
    );
  expect(await acknowledge(bob)).toEqual({
    acknowledgeRiskAlert: { alert: null, userErrors: [{ code: 'ALERT_NOT_FOUND' }] },
  });
  expect(await acknowledge(ada)).toEqual({ acknowledgeRiskAlert: { alert: { acknowledged: true }, userErrors: [] } });
  expect((await world.follow(RAISED, { after: id }, { as: bob }).ended).codes).toEqual(['NOT_FOUND']);
});
