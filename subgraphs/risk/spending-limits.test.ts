import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type UserId } from '../../platform/ids.ts';
import { viewerFor } from '../../tests/one-subgraph.ts';
import { openProjectionWorld, ratesRecorded, type ProjectionWorld } from '../../tests/projection-world.ts';
import { appliedLimits, leftThisMonth, leftToday } from './limits.ts';
import { createRiskSubgraph } from './subgraph.ts';

let world: ProjectionWorld;

beforeAll(async () => {
  world = await openProjectionWorld('risk', createRiskSubgraph);
  await world.append([ratesRecorded({ date: '2026-11-20', perUsd: { EUR: '0.9', JPY: '150' } })]);
});
afterAll(() => world.close());

const LIMITS =
  'limits { currency daily { amount currency } monthly { amount } dailyRemaining { amount } monthlyRemaining { amount } }';

interface GraphLimit {
  currency: string;
  daily: { amount: string };
  monthly: { amount: string };
  dailyRemaining: { amount: string };
  monthlyRemaining: { amount: string };
}
interface SetAnswer {
  setSpendingLimit: {
    riskProfile: { limits: GraphLimit[] } | null;
    userErrors: { code: string; field: string[] | null; retryable: boolean }[];
  };
}

async function set(
  userId: UserId,
  currency: string,
  daily: string,
  monthly: string,
): Promise<SetAnswer['setSpendingLimit']> {
  const { data, errors } = await world.execute<SetAnswer>(
    `mutation ($input: SetSpendingLimitInput!) { setSpendingLimit(input: $input) {
       riskProfile { ${LIMITS} } userErrors { code field retryable } } }`,
    { viewer: viewerFor(userId), variables: { input: { currency, daily, monthly } } },
  );
  expect(errors).toEqual([]);
  return data.setSpendingLimit;
}

async function limitsOf(userId: UserId, viewer = viewerFor(userId)): Promise<string[][] | null> {
  const { data } = await world.execute<{ _entities: { riskProfile: { limits: GraphLimit[] } | null }[] }>(
    `query ($id: ID!) { _entities(representations: [{ __typename: "User", id: $id }]) { ... on User { riskProfile { ${LIMITS} } } } }`,
    { viewer, variables: { id: userId } },
  );
  return data._entities[0]!.riskProfile?.limits.map(toRow) ?? null;
}

const toRow = ({ currency, daily, monthly, dailyRemaining, monthlyRemaining }: GraphLimit): string[] => [
  currency,
  ...[daily, monthly, dailyRemaining, monthlyRemaining].map(({ amount }) => amount),
];

/** As if so much had left today, and so much more earlier this month. */
async function spend(userId: UserId, scope: string, today: bigint, earlier = 0n): Promise<void> {
  await world.admin.query(
    `UPDATE ledger.spending_limit SET day = (now() AT TIME ZONE 'UTC')::date, day_spent = $3,
       month = date_trunc('month', now() AT TIME ZONE 'UTC')::date, month_spent = $4 WHERE owner_id = $1 AND scope = $2`,
    [userId, scope, today, today + earlier],
  );
}

const BANK = ['USD', '10000.00', '50000.00', '10000.00', '50000.00'];

describe('limits', () => {
  test('of a new customer are the bank’s own', async () => {
    expect(await limitsOf(newId<UserId>())).toEqual([BANK]);
  });

  test('are the least of the bank’s and the customer’s, the total first, with what is left', async () => {
    const userId = newId<UserId>();
    const { riskProfile, userErrors } = await set(userId, 'USD', '1000', '2000.5');
    expect(userErrors).toEqual([]);
    expect(riskProfile!.limits.map(toRow)).toEqual([['USD', '1000.00', '2000.50', '1000.00', '2000.50']]);
    await set(userId, 'JPY', '15000', '90000');
    await set(userId, 'EUR', '100', '100');
    await spend(userId, 'TOTAL', 250_00n, 500_00n);
    await spend(userId, 'EUR', 99_99n);
    const expected = [
      ['USD', '1000.00', '2000.50', '750.00', '1250.50'],
      ['EUR', '100.00', '100.00', '0.01', '0.01'],
      ['JPY', '15000', '90000', '15000', '90000'],
    ];
    expect(await limitsOf(userId)).toEqual(expected);
  });

  test('leave nothing, and never less than that, when lowered below what was spent', async () => {
    const userId = newId<UserId>();
    await set(userId, 'USD', '1000', '1000');
    await spend(userId, 'TOTAL', 600_00n);
    expect((await set(userId, 'USD', '500', '550')).riskProfile!.limits.map(toRow)).toEqual([
      ['USD', '500.00', '550.00', '0.00', '0.00'],
    ]);
  });

  test('leave no more today than this month', async () => {
    const userId = newId<UserId>();
    await set(userId, 'USD', '1000', '1000');
    await spend(userId, 'TOTAL', 0n, 700_00n);
    expect(await limitsOf(userId)).toEqual([['USD', '1000.00', '1000.00', '300.00', '300.00']]);
  });

  test('are not counted on from an earlier day', async () => {
    const userId = newId<UserId>();
    await set(userId, 'USD', '1000', '2000');
    await spend(userId, 'TOTAL', 900_00n);
    await world.admin.query(`UPDATE ledger.spending_limit SET day = day - 1 WHERE owner_id = $1`, [userId]);
    expect(await limitsOf(userId)).toEqual([['USD', '1000.00', '2000.00', '1000.00', '1100.00']]);
  });

  test('can be raised again up to the bank’s own, and a request that sets twice shows the last', async () => {
    const userId = newId<UserId>();
    await set(userId, 'USD', '1', '1');
    expect((await set(userId, 'USD', '10000', '50000')).riskProfile!.limits.map(toRow)).toEqual([BANK]);
    const { data } = await world.execute<Record<'first' | 'second', SetAnswer['setSpendingLimit']>>(
      `mutation { first: setSpendingLimit(input: { currency: "USD", daily: "5", monthly: "6" }) { riskProfile { ${LIMITS} } }
         second: setSpendingLimit(input: { currency: "USD", daily: "7", monthly: "8" }) { riskProfile { ${LIMITS} } } }`,
      { viewer: viewerFor(userId) },
    );
    expect([data.first, data.second].map(({ riskProfile }) => riskProfile!.limits[0]!.daily.amount)).toEqual([
      '5.00',
      '7.00',
    ]);
  });

  test('are the customer’s own and staff’s to see', async () => {
    const userId = newId<UserId>();
    await set(userId, 'USD', '5', '6');
    expect(await limitsOf(userId, viewerFor())).toBeNull();
    expect(await limitsOf(userId, viewerFor(newId(), ['SUPPORT']))).toEqual([['USD', '5.00', '6.00', '5.00', '6.00']]);
    // Set by another, they are the other's.
    expect(await limitsOf(newId<UserId>())).toEqual([BANK]);
  });

  test('of many customers are read in one statement', async () => {
    const ids = Array.from({ length: 10 }, () => newId<UserId>());
    const before = world.statements();
    const { data } = await world.execute<{ _entities: unknown[] }>(
      `query ($users: [_Any!]!) { _entities(representations: $users) { ... on User { riskProfile { score ${LIMITS} } } } }`,
      { viewer: viewerFor(newId(), ['SUPPORT']), variables: { users: ids.map((id) => ({ __typename: 'User', id })) } },
    );
    expect(data._entities).toHaveLength(10);
    expect(world.statements() - before).toBe(2);
  });
});

describe('setSpendingLimit refuses', () => {
  test.each([
    ['USD', '10000.01', '50000', 'LIMIT_ABOVE_BANK', 'daily'],
    ['USD', '10000', '50000.01', 'LIMIT_ABOVE_BANK', 'monthly'],
    ['EUR', '9000.01', '45000', 'LIMIT_ABOVE_BANK', 'daily'],
    ['EUR', '9000', '45000.01', 'LIMIT_ABOVE_BANK', 'monthly'],
    ['USD', '100', '99.99', 'INVALID_LIMIT', 'monthly'],
    ['USD', '0', '100', 'AMOUNT_NOT_POSITIVE', 'daily'],
    ['USD', '1', '-1', 'AMOUNT_NOT_POSITIVE', 'monthly'],
    ['USD', '1e3', '5000', 'INVALID_AMOUNT', 'daily'],
    ['USD', '', '5000', 'INVALID_AMOUNT', 'daily'],
    ['USD', '1', '1.001', 'TOO_MANY_DECIMALS', 'monthly'],
    ['JPY', '1.5', '100', 'TOO_MANY_DECIMALS', 'daily'],
    ['USD', '1', '9'.repeat(40), 'AMOUNT_TOO_LARGE', 'monthly'],
    ['XAU', '1', '2', 'UNSUPPORTED_CURRENCY', 'currency'],
    ['GHS', '1', '2', 'RATE_UNAVAILABLE', 'currency'],
  ])('%s %s a day and %s a month: %s', async (currency, daily, monthly, code, field) => {
    const userId = newId<UserId>();
    expect(await set(userId, currency, daily, monthly)).toEqual({
      riskProfile: null,
      userErrors: [{ code, field: [field], retryable: code === 'RATE_UNAVAILABLE' }],
    });
    const { rowCount } = await world.admin.query('SELECT FROM ledger.spending_limit WHERE owner_id = $1', [userId]);
    expect(rowCount).toBe(0);
  });

  test('but allows exactly the bank’s own, in other currencies too', async () => {
    expect((await set(newId<UserId>(), 'USD', '10000', '50000')).userErrors).toEqual([]);
    expect((await set(newId<UserId>(), 'EUR', '9000', '45000')).userErrors).toEqual([]);
  });

  test('a caller without a token', async () => {
    const { errors } = await world.execute(
      'mutation { setSpendingLimit(input: { currency: "USD", daily: "1", monthly: "1" }) { userErrors { code } } }',
    );
    expect(errors).toEqual([expect.objectContaining({ code: 'UNAUTHENTICATED' })]);
  });
});

test('a limit that was taken away is not shown', () => {
  const counter = { spentTodayMinor: 5n, spentThisMonthMinor: 5n };
  const limits = appliedLimits([
    { scope: 'TOTAL', dailyMinor: null, monthlyMinor: null, ...counter },
    { scope: 'EUR', dailyMinor: null, monthlyMinor: null, ...counter },
  ]);
  expect(limits).toHaveLength(1);
  expect([leftToday(limits[0]!), leftThisMonth(limits[0]!)]).toEqual([9_999_95n, 49_999_95n]);
});
