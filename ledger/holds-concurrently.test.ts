import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type HoldId } from '../platform/ids.ts';
import { expectBooksOk } from '../tests/books.ts';
import { createLedgerWorld, movement, type LedgerWorld, type TestAccount } from '../tests/ledger-world.ts';
import { balances, changesAfter } from './balances.ts';
import type { EntrySpending } from './entry.ts';
import { captureHold, increaseHold, placeHold } from '../tests/holds.ts';
import { releaseHold } from './holds.ts';
import { readSpending, setSpendingLimit } from './limits.ts';
import { postEntry } from './post.ts';

let world: LedgerWorld;
beforeAll(async () => {
  world = await createLedgerWorld();
});
afterEach(() => expectBooksOk(world.admin));
afterAll(() => world.drop());

const times = <Result>(count: number, work: (index: number) => Promise<Result>): Promise<Result[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)));

const outcomes = (verdicts: readonly ({ ok: true } | { ok: false; refusal: string })[]) => {
  const counts: Record<string, number> = {};
  for (const verdict of verdicts) {
    const outcome = verdict.ok ? 'done' : verdict.refusal;
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
};

const place = ({ accountId, currency }: TestAccount, amountMinor: bigint, options = {}, id = newId<HoldId>()) =>
  placeHold(world.ledger, { id, accountId, amount: { amountMinor, currency }, transferId: null, ...options });

const balanceOf = async ({ accountId }: TestAccount) => (await balances(world.ledger, [accountId])).get(accountId)!;

const deadlocks = async () =>
  (
    await world.admin.query<{ deadlocks: string }>({
      text: 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
    })
  ).rows[0]!.deadlocks;

describe('at the same moment', () => {
  test('as many holds are placed as the money is enough for', async () => {
    const account = await world.funded(100n);
    expect(outcomes(await times(20, () => place(account, 30n)))).toEqual({ done: 3, INSUFFICIENT_FUNDS: 17 });
    expect(await balanceOf(account)).toMatchObject({ heldMinor: 90n, version: 4 });
  });

  test('holds and payments share what is available', async () => {
    const [account, to] = [await world.funded(100n), await world.open()];
    const held = times(10, () => place(account, 30n));
    const paid = times(10, () => postEntry(world.ledger, movement(account, to, 30n)));
    const done = outcomes(await held)['done'] ?? 0;
    expect(done + (await paid).filter(({ posted }) => posted).length).toBe(3);
    const { postedMinor, heldMinor } = await balanceOf(account);
    expect(postedMinor - heldMinor).toBe(10n);
  });

  test('one hold is placed once, however often it is asked for', async () => {
    const account = await world.funded(100n);
    const id = newId<HoldId>();
    const verdicts = await times(10, () => place(account, 60n, {}, id));
    expect(new Set(verdicts.map((verdict) => JSON.stringify(verdict))).size).toBe(1);
    expect(await balanceOf(account)).toMatchObject({ heldMinor: 60n, version: 2 });
  });

  test('captures take no more than the hold has', async () => {
    const [account, to] = [await world.funded(1_000n), await world.open()];
    const id = await world.hold(account, 100n);
    const verdicts = await times(10, () => captureHold(world.ledger, id, movement(account, to, 30n), { final: false }));
    expect(outcomes(verdicts)).toEqual({ done: 3, CAPTURE_EXCEEDS_HOLD: 7 });
    expect(await balanceOf(to)).toMatchObject({ postedMinor: 90n });
  });

  test('a hold ends once: by one final capture, or by one release', async () => {
    const [account, to] = [await world.funded(10_000n), await world.open()];
    for (let round = 0; round < 10; round++) {
      const id = await world.hold(account, 100n);
      const captures = times(3, () => captureHold(world.ledger, id, movement(account, to, 70n), { final: true }));
      const releases = times(3, () => releaseHold(world.ledger, id));
      const all = outcomes([...(await captures), ...(await releases)]);
      expect(all).toEqual({ done: 1, HOLD_CLOSED: 5 });
    }
    expect(await balanceOf(account)).toMatchObject({ heldMinor: 0n });
  });

  test('increases and partial releases all count', async () => {
    const account = await world.funded(1_000n);
    const id = await world.hold(account, 100n);
    const increases = times(10, () => increaseHold(world.ledger, id, 7n));
    const releases = times(10, () => releaseHold(world.ledger, id, 3n));
    expect(outcomes([...(await increases), ...(await releases)])).toEqual({ done: 20 });
    expect(await balanceOf(account)).toMatchObject({ heldMinor: 140n, version: 22 });
  });

  test('versions run without a gap and times never fall while all of it goes on', async () => {
    const [account, to] = [await world.funded(100_000n), await world.open()];
    await times(12, async (index) => {
      for (let round = 0; round < 5; round++) {
        const id = await world.hold(account, 50n);
        if (index % 3 === 0) await releaseHold(world.ledger, id);
        else if (index % 3 === 1) await captureHold(world.ledger, id, movement(account, to, 40n), { final: true });
        else await postEntry(world.ledger, movement(account, to, 1n));
      }
    });
    const changes = await changesAfter(world.ledger, account.accountId, 0, 1_000);
    expect(changes.map(({ version }) => version)).toEqual(changes.map((_, index) => index + 1));
    const moments = changes.map(({ at }) => at.getTime());
    expect([...moments].sort((a, b) => a - b)).toEqual(moments);
    expect(changes.at(-1)).toMatchObject({ heldMinor: 20n * 50n });
  });
});

describe('customers who pay each other out of holds', () => {
  const BANK = { bankDailyUsdMinor: 10n ** 12n, bankMonthlyUsdMinor: 10n ** 12n };
  const spendingOf = ({ ownerId }: TestAccount, amountMinor: bigint): Omit<EntrySpending, 'currency'> => ({
    ownerId,
    usdMinor: amountMinor,
    amountMinor,
    ...BANK,
  });

  test('never wait for each other in a circle, limits and payments between included', async () => {
    const accounts = await Promise.all([1, 2, 3].map(() => world.funded(1_000_000n)));
    const before = await deadlocks();
    await times(18, async (index) => {
      const from = accounts[index % 3]!;
      const to = accounts[(index + 1 + (index % 2)) % 3]!;
      for (let round = 0; round < 6; round++) {
        const id = newId<HoldId>();
        await place(from, 50n, { spending: spendingOf(from, 50n) }, id);
        if (index % 4 === 0) await releaseHold(world.ledger, id);
        else await captureHold(world.ledger, id, movement(from, to, 40n), { final: round % 2 === 0 });
        const spending = { ...spendingOf(to, 3n), currency: 'USD' };
        expect(await postEntry(world.ledger, { ...movement(to, from, 3n), spending })).toMatchObject({ posted: true });
      }
    });
    expect(await deadlocks()).toBe(before);
    const total = (await Promise.all(accounts.map(balanceOf))).reduce((sum, { postedMinor }) => sum + postedMinor, 0n);
    expect(total).toBe(3_000_000n);
  });

  test('get no more past a limit by holds and payments over several accounts than by one', async () => {
    const [first, to] = [await world.funded(100_000n), await world.open()];
    const second = await world.open({ ownerId: first.ownerId });
    await world.fund(second, 100_000n);
    await setSpendingLimit(world.ledger, {
      ownerId: first.ownerId,
      scope: 'TOTAL',
      dailyMinor: 1_000n,
      monthlyMinor: null,
    });
    const held = times(10, () => place(first, 200n, { spending: spendingOf(first, 200n) }));
    const paid = times(10, () =>
      postEntry(world.ledger, {
        ...movement(second, to, 200n),
        spending: { ...spendingOf(second, 200n), currency: 'USD' },
      }),
    );
    const done = (outcomes(await held)['done'] ?? 0) + (await paid).filter(({ posted }) => posted).length;
    expect(done).toBe(5);
    const counters = (await readSpending(world.ledger, [first.ownerId])).get(first.ownerId)!;
    expect(counters[0]).toMatchObject({ spentTodayMinor: 1_000n, spentThisMonthMinor: 1_000n });
  });
});
