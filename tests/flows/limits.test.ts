import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openWorld, type Person, type TransferPayload, type World } from '../world.ts';

let world: World;

beforeAll(async () => {
  // Two banks that share nothing but Postgres: a limit holds over both.
  world = await openWorld({ gateways: 2 });
});
afterAll(() => world.close());

interface Limit {
  currency: string;
  daily: { amount: string };
  dailyRemaining: { amount: string };
  monthlyRemaining: { amount: string };
}

async function setLimit(person: Person, daily: string, monthly: string, currency = 'USD'): Promise<string[]> {
  const { setSpendingLimit } = await world.ask<{ setSpendingLimit: { userErrors: { code: string }[] } }>(
    'mutation ($input: SetSpendingLimitInput!) { setSpendingLimit(input: $input) { userErrors { code } } }',
    { input: { currency, daily, monthly } },
    { as: person },
  );
  return setSpendingLimit.userErrors.map(({ code }) => code);
}

async function limitsOf(person: Person, gateway = 0): Promise<Limit[]> {
  const { me } = await world.ask<{ me: { riskProfile: { limits: Limit[] } } }>(
    '{ me { riskProfile { limits { currency daily { amount } dailyRemaining { amount } monthlyRemaining { amount } } } } }',
    {},
    { as: person, gateway },
  );
  return me.riskProfile.limits;
}

const remaining = async (person: Person): Promise<string[]> =>
  (await limitsOf(person)).map(({ dailyRemaining }) => dailyRemaining.amount);

interface Sender {
  person: Person;
  accounts: string[];
  pay: (amount: string, options?: { account?: number; key?: string; gateway?: number }) => Promise<TransferPayload>;
}

/** A customer with money on one account per currency given, who pays somebody else. */
async function sender(...currencies: string[]): Promise<Sender> {
  const [person, other] = [await world.register(), await world.register()];
  const accounts: string[] = [];
  for (const currency of currencies) {
    accounts.push(await world.openAccount(person, currency, '100000'));
    await world.openAccount(other, currency);
  }
  return {
    person,
    accounts,
    pay: (amount, { account = 0, key, gateway = 0 } = {}) =>
      world.transfer(
        person,
        {
          source: { accountId: accounts[account] },
          destination: { email: other.email },
          amount: { amount, currency: currencies[account] },
          ...(key && { idempotencyKey: key }),
        },
        gateway,
      ),
  };
}

const outcomeOf = ({ transfer, userErrors }: TransferPayload): string => transfer?.status ?? userErrors[0]!.code;

/** Everything that a transfer leaves behind for its customer. */
async function storedFor({ userId }: Person): Promise<Record<string, number>> {
  const { rows } = await world.admin.query<Record<string, number>>(
    `SELECT (SELECT count(*)::int FROM transfer.transfer WHERE user_id = $1) AS transfers,
            (SELECT count(*)::int FROM transfer.idempotency_key WHERE user_id = $1) AS keys,
            (SELECT count(*)::int FROM risk.assessment WHERE customer_id = $1) AS assessments,
            (SELECT sum(day_spent)::int FROM ledger.spending_limit WHERE owner_id = $1) AS spent`,
    [userId],
  );
  return rows[0]!;
}

describe('a limit of 1,000 a day', () => {
  test('lets exactly five of ten parallel 200 pass, over two accounts and two banks', async () => {
    const { person, accounts, pay } = await sender('USD', 'USD');
    expect(await setLimit(person, '1000', '5000')).toEqual([]);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        pay('200', { account: n % 2, gateway: Math.floor(n / 5), key: `race-${n}` }),
      ),
    );
    expect(answers.map(outcomeOf).sort()).toEqual([
      ...Array<string>(5).fill('COMPLETED'),
      ...Array<string>(5).fill('LIMIT_EXCEEDED'),
    ]);
    expect(await limitsOf(person, 1)).toEqual([
      {
        currency: 'USD',
        daily: { amount: '1000.00' },
        dailyRemaining: { amount: '0.00' },
        monthlyRemaining: { amount: '4000.00' },
      },
    ]);
    const booked = await Promise.all(accounts.map((id) => world.booked(id)));
    expect(booked.reduce((sum, { posted }) => sum + BigInt(posted), 0n)).toBe(200_000_00n - 1_000_00n);
    expect(await storedFor(person)).toMatchObject({ transfers: 5, assessments: 5, spent: 1_000_00 });
  });

  test('counts currencies together at their equivalent', async () => {
    const { person, pay } = await sender('USD', 'JPY');
    await setLimit(person, '1000', '5000');
    // A yen has been between half a cent and two cents for decades.
    expect(outcomeOf(await pay('20000', { account: 1 }))).toBe('COMPLETED');
    const [left] = await remaining(person);
    expect(Number(left)).toBeGreaterThan(600);
    expect(Number(left)).toBeLessThan(900);
    expect(outcomeOf(await pay('950'))).toBe('LIMIT_EXCEEDED');
    expect(outcomeOf(await pay(left!))).toBe('COMPLETED');
    expect(await remaining(person)).toEqual(['0.00']);
    expect(outcomeOf(await pay('1', { account: 1 }))).toBe('LIMIT_EXCEEDED');
  });
});

describe('a limit', () => {
  test('holds from the next transfer on, and what it refused stays refused under that key', async () => {
    const { person, pay } = await sender('USD');
    expect(outcomeOf(await pay('60'))).toBe('COMPLETED');
    await setLimit(person, '100', '200');
    expect(outcomeOf(await pay('40.01', { key: 'too-much' }))).toBe('LIMIT_EXCEEDED');
    expect(await remaining(person)).toEqual(['40.00']);
    await setLimit(person, '10000', '50000');
    expect(await pay('40.01', { key: 'too-much' })).toMatchObject({
      replayed: true,
      userErrors: [{ code: 'LIMIT_EXCEEDED' }],
    });
    expect(outcomeOf(await pay('40.01'))).toBe('COMPLETED');
    await setLimit(person, '1', '1');
    expect(await remaining(person)).toEqual(['0.00']);
  });

  test('in another currency holds beside the total, and counts what had left before', async () => {
    const { person, pay } = await sender('USD', 'EUR');
    expect(outcomeOf(await pay('30', { account: 1 }))).toBe('COMPLETED');
    expect(await setLimit(person, '50', '500', 'EUR')).toEqual([]);
    expect((await remaining(person))[1]).toBe('20.00');
    expect(outcomeOf(await pay('20.01', { account: 1 }))).toBe('LIMIT_EXCEEDED');
    expect(outcomeOf(await pay('20', { account: 1 }))).toBe('COMPLETED');
    expect(outcomeOf(await pay('100'))).toBe('COMPLETED');
    expect(
      (await limitsOf(person)).map(({ currency, dailyRemaining }) => [
        currency,
        currency === 'EUR' && dailyRemaining.amount,
      ]),
    ).toEqual([
      ['USD', false],
      ['EUR', '0.00'],
    ]);
  });

  test('does not count what stays with the customer', async () => {
    const { person, accounts } = await sender('USD', 'USD');
    await setLimit(person, '1', '1');
    const own = await world.transfer(person, {
      source: { accountId: accounts[0] },
      destination: { accountId: accounts[1] },
      amount: { amount: '5000', currency: 'USD' },
    });
    expect(outcomeOf(own)).toBe('COMPLETED');
    expect(await remaining(person)).toEqual(['1.00']);
  });

  test('cannot be raised above the bank’s own, and is nobody else’s to set or see', async () => {
    const { person } = await sender('USD');
    expect(await setLimit(person, '10000.01', '50000')).toEqual(['LIMIT_ABOVE_BANK']);
    await setLimit(person, '5', '6');
    const other = await world.register();
    expect((await limitsOf(other))[0]!.daily.amount).toBe('10000.00');
  });
});

describe('the policy’s amount', () => {
  test('goes through at 1,000.00, and one cent more asks for a second factor and stores nothing', async () => {
    const { person, pay } = await sender('USD');
    expect(outcomeOf(await pay('1000.01', { key: 'more' }))).toBe('STEP_UP_REQUIRED');
    expect(await storedFor(person)).toEqual({ transfers: 0, keys: 0, assessments: 0, spent: 0 });
    expect(outcomeOf(await pay('1000.00', { key: 'more' }))).toBe('COMPLETED');
    expect(await storedFor(person)).toMatchObject({ transfers: 1, assessments: 1, spent: 1_000_00 });
  });

  test('is of no account to who has not the money anyway', async () => {
    const { pay } = await sender('USD');
    expect(outcomeOf(await pay('100000.01'))).toBe('INSUFFICIENT_FUNDS');
  });
});
