import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type UserId } from '../platform/ids.ts';
import { expectBooksOk } from '../tests/books.ts';
import { createLedgerWorld, leg, movement, type LedgerWorld, type TestAccount } from '../tests/ledger-world.ts';
import type { Entry, EntrySpending } from './entry.ts';
import { readSpending, setSpendingLimit, type LimitScope, type SpendingCounter } from './limits.ts';
import { postEntries, postEntry, type EntryVerdict } from './post.ts';

let world: LedgerWorld;
beforeAll(async () => {
  world = await createLedgerWorld();
});
afterEach(() => expectBooksOk(world.admin));
afterAll(() => world.drop());

const BANK = { bankDailyUsdMinor: 10_000_00n, bankMonthlyUsdMinor: 50_000_00n };
const EXCEEDED: EntryVerdict = { posted: false, refusal: 'LIMIT_EXCEEDED' };
const POSTED = expect.objectContaining({ posted: true });

/** A movement that counts against its source's limits; one unit is one cent unless `usdMinor` says otherwise. */
function spending(
  from: TestAccount,
  to: TestAccount,
  amountMinor: bigint,
  change: Partial<EntrySpending> = {},
): Entry & { spending: EntrySpending } {
  return {
    ...movement(from, to, amountMinor),
    spending: {
      ownerId: from.ownerId,
      usdMinor: amountMinor,
      currency: from.currency,
      amountMinor,
      ...BANK,
      ...change,
    },
  };
}

const setLimit = (ownerId: UserId, scope: LimitScope, dailyMinor: bigint | null, monthlyMinor: bigint | null = null) =>
  setSpendingLimit(world.ledger, { ownerId, scope, dailyMinor, monthlyMinor });

async function spentBy(ownerId: UserId, scope: LimitScope = 'TOTAL'): Promise<SpendingCounter | undefined> {
  return (await readSpending(world.ledger, [ownerId])).get(ownerId)?.find((counter) => counter.scope === scope);
}

/** A customer with money in one currency, and somebody to send it to. */
async function payerAndPayee(currency = 'USD', funds = 100_000_00n): Promise<[TestAccount, TestAccount]> {
  return [await world.funded(funds, currency), await world.open({ currency })];
}

describe('the total of a customer', () => {
  test('may be spent to the last cent, over all accounts, and not one cent more', async () => {
    const [first, to] = await payerAndPayee();
    const second = await world.open({ ownerId: first.ownerId });
    await world.fund(second, 100_000_00n);
    await setLimit(first.ownerId, 'TOTAL', 1_000_00n);
    expect(await postEntry(world.ledger, spending(first, to, 600_00n))).toEqual(POSTED);
    expect(await postEntry(world.ledger, spending(second, to, 400_01n))).toEqual(EXCEEDED);
    expect(await postEntry(world.ledger, spending(second, to, 400_00n))).toEqual(POSTED);
    expect(await postEntry(world.ledger, spending(first, to, 1n))).toEqual(EXCEEDED);
    expect(await spentBy(first.ownerId)).toEqual({
      scope: 'TOTAL',
      dailyMinor: 1_000_00n,
      monthlyMinor: null,
      spentTodayMinor: 1_000_00n,
      spentThisMonthMinor: 1_000_00n,
    });
  });

  test('is counted in dollars, whatever the currency', async () => {
    const [yen, toYen] = await payerAndPayee('JPY', 1_000_000n);
    const euro = await world.open({ ownerId: yen.ownerId, currency: 'EUR' });
    await world.fund(euro, 1_000_00n);
    const toEuro = await world.open({ currency: 'EUR' });
    await setLimit(yen.ownerId, 'TOTAL', 100_00n);
    expect(await postEntry(world.ledger, spending(yen, toYen, 10_000n, { usdMinor: 64_00n }))).toEqual(POSTED);
    expect(await postEntry(world.ledger, spending(euro, toEuro, 32_00n, { usdMinor: 37_00n }))).toEqual(EXCEEDED);
    expect(await postEntry(world.ledger, spending(euro, toEuro, 31_00n, { usdMinor: 36_00n }))).toEqual(POSTED);
  });

  test('is bounded by the bank where the customer has set nothing, or more', async () => {
    const [from, to] = await payerAndPayee();
    const bank = { bankDailyUsdMinor: 500n, bankMonthlyUsdMinor: 700n };
    expect(await postEntry(world.ledger, spending(from, to, 501n, bank))).toEqual(EXCEEDED);
    await setLimit(from.ownerId, 'TOTAL', 10_000n, 10_000n);
    expect(await postEntry(world.ledger, spending(from, to, 501n, bank))).toEqual(EXCEEDED);
    expect(await postEntry(world.ledger, spending(from, to, 500n, bank))).toEqual(POSTED);
    await world.letDaysPass(new Date().getUTCDate() === 1 ? 0 : 1);
    expect(await postEntry(world.ledger, spending(from, to, 201n, bank))).toEqual(EXCEEDED);
  });

  test('that is lowered below what is spent lets nothing more out, and raised again lets the rest out', async () => {
    const [from, to] = await payerAndPayee();
    expect(await postEntry(world.ledger, spending(from, to, 300n))).toEqual(POSTED);
    await setLimit(from.ownerId, 'TOTAL', 200n);
    expect(await postEntry(world.ledger, spending(from, to, 1n))).toEqual(EXCEEDED);
    expect(await spentBy(from.ownerId)).toMatchObject({ dailyMinor: 200n, spentTodayMinor: 300n });
    await setLimit(from.ownerId, 'TOTAL', 301n);
    expect(await postEntry(world.ledger, spending(from, to, 2n))).toEqual(EXCEEDED);
    expect(await postEntry(world.ledger, spending(from, to, 1n))).toEqual(POSTED);
    await setLimit(from.ownerId, 'TOTAL', null);
    expect(await postEntry(world.ledger, spending(from, to, 500n))).toEqual(POSTED);
  });

  test('is counted in a batch as if its entries came one by one, and others are not held back by it', async () => {
    const [from, to] = await payerAndPayee();
    const [other] = await payerAndPayee();
    await setLimit(from.ownerId, 'TOTAL', 500n);
    const verdicts = await postEntries(world.ledger, [
      spending(from, to, 300n),
      spending(other, to, 300n),
      spending(from, to, 300n),
      movement(from, to, 300n),
      spending(from, to, 200n),
      spending(other, to, 300n),
      spending(from, to, 1n),
    ]);
    expect(verdicts).toEqual([POSTED, POSTED, EXCEEDED, POSTED, POSTED, POSTED, EXCEEDED]);
    expect(await spentBy(from.ownerId)).toMatchObject({ spentTodayMinor: 500n });
    expect(await spentBy(other.ownerId)).toMatchObject({ spentTodayMinor: 600n });
  });

  test('is not touched by what was refused for another reason, which is said first', async () => {
    const from = await world.funded(1_000n);
    const to = await world.open();
    await setLimit(from.ownerId, 'TOTAL', 100n);
    expect(await postEntry(world.ledger, spending(from, to, 1_001n))).toEqual({
      posted: false,
      refusal: 'INSUFFICIENT_FUNDS',
    });
    expect(await postEntry(world.ledger, spending(from, to, 101n))).toEqual(EXCEEDED);
    expect(await spentBy(from.ownerId)).toMatchObject({ spentTodayMinor: 0n, spentThisMonthMinor: 0n });
    expect(await postEntry(world.ledger, spending(from, to, 100n))).toEqual(POSTED);
  });

  test('counts no entry that came without it, and needs a customer with an account', async () => {
    const [from, to] = await payerAndPayee();
    expect(await postEntry(world.ledger, movement(from, to, 100n))).toEqual(POSTED);
    expect(await spentBy(from.ownerId)).toMatchObject({ spentTodayMinor: 0n });
    const nobody = spending(from, to, 100n, { ownerId: newId<UserId>() });
    await expect(postEntry(world.ledger, nobody)).rejects.toMatchObject({ code: 'DW003' });
    expect((await readSpending(world.ledger, [nobody.spending.ownerId])).size).toBe(0);
  });
});

describe('days and months', () => {
  test('a new UTC day begins at nothing', async () => {
    const [from, to] = await payerAndPayee();
    await setLimit(from.ownerId, 'TOTAL', 500n);
    expect(await postEntry(world.ledger, spending(from, to, 500n))).toEqual(POSTED);
    expect(await postEntry(world.ledger, spending(from, to, 1n))).toEqual(EXCEEDED);
    await world.letDaysPass(1);
    expect(await spentBy(from.ownerId)).toMatchObject({ spentTodayMinor: 0n });
    expect(await postEntry(world.ledger, spending(from, to, 500n))).toEqual(POSTED);
    expect(await postEntry(world.ledger, spending(from, to, 1n))).toEqual(EXCEEDED);
    // On the first of a month yesterday was another month.
    const thisMonth = new Date().getUTCDate() === 1 ? 500n : 1_000n;
    expect(await spentBy(from.ownerId)).toMatchObject({ spentTodayMinor: 500n, spentThisMonthMinor: thisMonth });
  });

  test('a month holds over its days, and a new one begins at nothing', async () => {
    const [from, to] = await payerAndPayee();
    await setLimit(from.ownerId, 'TOTAL', null, 500n);
    expect(await postEntry(world.ledger, spending(from, to, 500n))).toEqual(POSTED);
    expect(await postEntry(world.ledger, spending(from, to, 1n))).toEqual(EXCEEDED);
    await world.letDaysPass(32);
    expect(await spentBy(from.ownerId)).toMatchObject({ spentTodayMinor: 0n, spentThisMonthMinor: 0n });
    expect(await postEntry(world.ledger, spending(from, to, 500n))).toEqual(POSTED);
    expect(await spentBy(from.ownerId)).toMatchObject({ spentTodayMinor: 500n, spentThisMonthMinor: 500n });
  });

  test('a clock that is set back begins no day a second time', async () => {
    const [from, to] = await payerAndPayee();
    await setLimit(from.ownerId, 'TOTAL', 500n);
    expect(await postEntry(world.ledger, spending(from, to, 500n))).toEqual(POSTED);
    await world.letDaysPass(-1);
    // Accounts that have not seen the later day themselves.
    const other = await world.open({ ownerId: from.ownerId });
    await world.fund(other, 1_000n);
    expect(await spentBy(from.ownerId)).toMatchObject({ spentTodayMinor: 500n });
    expect(await postEntry(world.ledger, spending(other, await world.open(), 1n))).toEqual(EXCEEDED);
    await world.letDaysPass(1);
  });
});

describe('a limit in one currency', () => {
  test('holds beside the total, in its own minor units, and for that currency only', async () => {
    const [euro, toEuro] = await payerAndPayee('EUR');
    const dollar = await world.open({ ownerId: euro.ownerId });
    await world.fund(dollar, 1_000_00n);
    const toDollar = await world.open();
    await setLimit(euro.ownerId, 'EUR', 100n, 150n);
    expect(await postEntry(world.ledger, spending(euro, toEuro, 101n, { usdMinor: 1n }))).toEqual(EXCEEDED);
    expect(await postEntry(world.ledger, spending(euro, toEuro, 100n, { usdMinor: 116n }))).toEqual(POSTED);
    expect(await postEntry(world.ledger, spending(dollar, toDollar, 500n))).toEqual(POSTED);
    expect(await spentBy(euro.ownerId, 'EUR')).toEqual({
      scope: 'EUR',
      dailyMinor: 100n,
      monthlyMinor: 150n,
      spentTodayMinor: 100n,
      spentThisMonthMinor: 100n,
    });
    expect(await spentBy(euro.ownerId)).toMatchObject({ spentTodayMinor: 616n });
    await setLimit(euro.ownerId, 'EUR', 200n, 150n);
    expect(await postEntry(world.ledger, spending(euro, toEuro, 51n))).toEqual(EXCEEDED);
    expect(await postEntry(world.ledger, spending(euro, toEuro, 50n))).toEqual(POSTED);
  });

  test('counts what left before it was set, fees and what came from others left out', async () => {
    const [from, to] = await payerAndPayee('EUR');
    const withFee = spending(from, to, 60n);
    const fee = [leg(from.accountId, -7n, 'EUR', 'FEE'), leg(to.accountId, 7n, 'EUR', 'FEE')];
    expect(await postEntry(world.ledger, { ...withFee, legs: [...withFee.legs, ...fee] })).toEqual(POSTED);
    expect(await postEntry(world.ledger, spending(to, from, 10n))).toEqual(POSTED);
    expect(await postEntry(world.ledger, movement(from, to, 1_000n))).toEqual(POSTED);
    await setLimit(from.ownerId, 'EUR', 100n);
    expect(await spentBy(from.ownerId, 'EUR')).toMatchObject({ spentTodayMinor: 60n, spentThisMonthMinor: 60n });
    expect(await postEntry(world.ledger, spending(from, to, 41n))).toEqual(EXCEEDED);
    expect(await postEntry(world.ledger, spending(from, to, 40n))).toEqual(POSTED);
  });

  test('goes on counting while it is taken away', async () => {
    const [from, to] = await payerAndPayee('EUR');
    await setLimit(from.ownerId, 'EUR', 100n);
    await setLimit(from.ownerId, 'EUR', null);
    expect(await postEntry(world.ledger, spending(from, to, 500n))).toEqual(POSTED);
    await setLimit(from.ownerId, 'EUR', 500n);
    expect(await postEntry(world.ledger, spending(from, to, 1n))).toEqual(EXCEEDED);
  });

  test('is of a currency that exists, and not below zero', async () => {
    const { ownerId } = await world.open();
    await expect(setLimit(ownerId, 'XXX', 1n)).rejects.toMatchObject({ code: 'DW001' });
    await expect(setLimit(ownerId, 'TOTAL', -1n)).rejects.toMatchObject({ code: '23514' });
  });
});

describe('at the same time', () => {
  test('ten spendings of 200.00 over two accounts, of which 1,000.00 may leave: exactly five', async () => {
    const [first, to] = await payerAndPayee();
    const second = await world.open({ ownerId: first.ownerId });
    await world.fund(second, 100_000_00n);
    await setLimit(first.ownerId, 'TOTAL', 1_000_00n);
    const verdicts = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        postEntry(world.ledger, spending(index % 2 ? first : second, to, 200_00n)),
      ),
    );
    expect(verdicts.filter(({ posted }) => posted)).toHaveLength(5);
    expect(verdicts.filter(({ posted }) => !posted)).toEqual(Array.from({ length: 5 }, () => EXCEEDED));
    expect(await spentBy(first.ownerId)).toMatchObject({ spentTodayMinor: 1_000_00n });
  });

  test('many spendings that share no account are held by one limit', async () => {
    const first = await world.open();
    const accounts = await Promise.all(Array.from({ length: 20 }, () => world.open({ ownerId: first.ownerId })));
    await Promise.all(accounts.map((account) => world.fund(account, 1_000_00n)));
    const payees = await Promise.all(accounts.map(() => world.open()));
    await setLimit(first.ownerId, 'TOTAL', 1_000_00n);
    const verdicts = await Promise.all(
      accounts.map((account, index) => postEntry(world.ledger, spending(account, payees[index]!, 200_00n))),
    );
    expect(verdicts.filter(({ posted }) => posted)).toHaveLength(5);
    expect(await spentBy(first.ownerId)).toMatchObject({ spentTodayMinor: 1_000_00n });
  });

  test('customers who pay each other never wait for each other in a circle', async () => {
    const customers = await Promise.all(Array.from({ length: 4 }, () => world.funded(100_000n)));
    const before = await deadlocks();
    const verdicts = await Promise.all(
      Array.from({ length: 60 }, (_, round) => {
        const ring = customers.map((from, index) => spending(from, customers[(index + 1) % 4]!, 1n));
        return postEntries(world.ledger, round % 2 ? ring : ring.reverse());
      }),
    );
    expect(verdicts.flat()).toEqual(Array.from({ length: 240 }, () => POSTED));
    for (const { ownerId } of customers) expect(await spentBy(ownerId)).toMatchObject({ spentTodayMinor: 60n });
    expect(await deadlocks()).toBe(before);
  });

  test('a limit that is set while money leaves misses none of it', async () => {
    const [from, to] = await payerAndPayee('EUR');
    const postings = Array.from({ length: 40 }, () => postEntry(world.ledger, spending(from, to, 10n)));
    const settings = Array.from({ length: 10 }, (_, index) => setLimit(from.ownerId, 'EUR', 200n + BigInt(index)));
    const posted = (await Promise.all(postings)).filter((verdict) => verdict.posted).length;
    await Promise.all(settings);
    // afterEach proves that the counter is the sum of what left.
    expect(await spentBy(from.ownerId, 'EUR')).toMatchObject({ spentTodayMinor: BigInt(posted) * 10n });
  });
});

async function deadlocks(): Promise<string> {
  const { rows } = await world.admin.query<{ deadlocks: string }>({
    text: 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
  });
  return rows[0]!.deadlocks;
}
