import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type HoldId } from '../platform/ids.ts';
import { expectBooksOk } from '../tests/books.ts';
import { createLedgerWorld, movement, type LedgerWorld, type TestAccount } from '../tests/ledger-world.ts';
import { captureHold, increaseHold, placeHold, type HoldSpending } from '../tests/holds.ts';
import { expireHolds, releaseHold } from './holds.ts';
import { readSpending, setSpendingLimit } from './limits.ts';

/* What is held counts against spending limits when it is held; what is given up is given back, to the day and month of then. */

let world: LedgerWorld;
let payer: TestAccount;
let payee: TestAccount;
beforeAll(async () => {
  world = await createLedgerWorld();
  payee = await world.open({ currency: 'EUR' });
});
afterEach(() => expectBooksOk(world.admin));
afterAll(() => world.drop());

/** Two dollar cents for each euro cent. */
const spending = (amountMinor: bigint): HoldSpending => ({
  ownerId: payer.ownerId,
  usdMinor: amountMinor * 2n,
  amountMinor,
  bankDailyUsdMinor: 1_000_00n,
  bankMonthlyUsdMinor: 5_000_00n,
});
const place = (amountMinor: bigint, change: Partial<HoldSpending> = {}, id = newId<HoldId>()) =>
  placeHold(world.ledger, {
    id,
    accountId: payer.accountId,
    amount: { amountMinor, currency: 'EUR' },
    transferId: null,
    spending: { ...spending(amountMinor), ...change },
  });
async function hold(amountMinor: bigint, change: Partial<HoldSpending> = {}): Promise<HoldId> {
  const id = newId<HoldId>();
  expect(await place(amountMinor, change, id)).toMatchObject({ ok: true });
  return id;
}
const capture = (id: HoldId, amountMinor: bigint, final = true) =>
  captureHold(world.ledger, id, movement(payer, payee, amountMinor), { final });
const setOwnLimit = (dailyMinor: bigint | null, monthlyMinor: bigint | null = null) =>
  setSpendingLimit(world.ledger, { ownerId: payer.ownerId, scope: 'EUR', dailyMinor, monthlyMinor });

async function newPayer(): Promise<void> {
  payer = await world.funded(100_000_00n, 'EUR');
}

/** What counts today and this month: of the total, in US cents, and of euros if there is a limit for them. */
async function counted(): Promise<Record<string, [bigint, bigint]>> {
  const counters = (await readSpending(world.ledger, [payer.ownerId])).get(payer.ownerId)!;
  return Object.fromEntries(
    counters.map(({ scope, spentTodayMinor, spentThisMonthMinor }) => [scope, [spentTodayMinor, spentThisMonthMinor]]),
  );
}

const EXCEEDED = { ok: false, refusal: 'LIMIT_EXCEEDED' };

describe('a hold', () => {
  test('counts at once, to the last cent of the bank, the customer and the currency, and not one more', async () => {
    await newPayer();
    expect(await place(500_01n)).toEqual(EXCEEDED);
    await setOwnLimit(300_00n);
    const before = await world.fingerprint();
    expect(await place(300_01n)).toEqual(EXCEEDED);
    expect(await world.fingerprint()).toEqual(before);
    await hold(300_00n);
    expect(await place(1n)).toEqual(EXCEEDED);
    await setOwnLimit(null);
    expect(await place(200_01n)).toEqual(EXCEEDED);
    await hold(200_00n);
    expect(await counted()).toEqual({ TOTAL: [1_000_00n, 1_000_00n], EUR: [500_00n, 500_00n] });
  });

  test('is bounded by what the bank lets out in a month, too', async () => {
    await newPayer();
    const bankMonthlyUsdMinor = 300_00n;
    await hold(100_00n, { bankMonthlyUsdMinor });
    expect(await place(50_01n, { bankMonthlyUsdMinor })).toEqual(EXCEEDED);
    await hold(50_00n, { bankMonthlyUsdMinor });
  });

  test('begins no day a second time, though the clock was set back and its account has not seen the later day', async () => {
    await newPayer();
    await hold(500_00n);
    await world.letDaysPass(-1);
    const first = payer;
    payer = await world.open({ ownerId: first.ownerId, currency: 'EUR' });
    await world.fund(payer, 100n);
    expect(await place(1n)).toEqual(EXCEEDED);
    payer = first;
    await world.letDaysPass(1);
  });

  test('counts what it is increased by', async () => {
    await newPayer();
    const id = await hold(400_00n);
    const more = (amountMinor: bigint) => increaseHold(world.ledger, id, amountMinor, spending(amountMinor));
    const before = await world.fingerprint();
    expect(await more(100_01n)).toEqual(EXCEEDED);
    expect(await world.fingerprint()).toEqual(before);
    expect(await more(100_00n)).toMatchObject({ ok: true });
    expect(await counted()).toEqual({ TOTAL: [1_000_00n, 1_000_00n] });
  });

  test('that counts must say what, also when it is increased, and be of a customer with an account', async () => {
    await newPayer();
    const id = await hold(10n);
    await expect(increaseHold(world.ledger, id, 1n)).rejects.toMatchObject({ code: 'DW003' });
    await expect(place(1n, { ownerId: newId() })).rejects.toMatchObject({ code: 'DW003' });
  });

  test('is not counted a second time by its capture, and not given back by it', async () => {
    await newPayer();
    const id = await hold(400_00n);
    await capture(id, 150_00n, false);
    await capture(id, 250_00n);
    expect(await counted()).toEqual({ TOTAL: [800_00n, 800_00n] });
    expect(await place(100_01n)).toEqual(EXCEEDED);
  });

  test('that came before a limit in its currency is counted by it, less what was given back', async () => {
    await newPayer();
    const id = await hold(100_00n);
    await releaseHold(world.ledger, id, 30_00n);
    await capture(await hold(7_00n), 7_00n);
    await setOwnLimit(80_00n);
    expect(await counted()).toMatchObject({ EUR: [77_00n, 77_00n] });
    await releaseHold(world.ledger, id, 20_00n);
    expect(await counted()).toEqual({ TOTAL: [114_00n, 114_00n], EUR: [57_00n, 57_00n] });
    expect(await place(23_01n)).toEqual(EXCEEDED);
    await hold(23_00n);
  });
});

describe('what a hold counted is given back', () => {
  test.each<[string, (id: HoldId) => Promise<unknown>]>([
    ['when it is released', (id) => releaseHold(world.ledger, id)],
    [
      'when it expires',
      async (id) => {
        const text = 'UPDATE ledger.hold SET expires_at = clock_timestamp() WHERE id = $1';
        await world.admin.query({ text, values: [id] });
        expect(await expireHolds(world.ledger, 10)).toBe(1);
      },
    ],
  ])('%s, and once only', async (_, end) => {
    await newPayer();
    await setOwnLimit(500_00n);
    await hold(1_00n);
    const id = await hold(499_00n);
    await end(id);
    expect(await counted()).toEqual({ TOTAL: [2_00n, 2_00n], EUR: [1_00n, 1_00n] });
    expect(await releaseHold(world.ledger, id)).toMatchObject({ ok: false });
    expect(await counted()).toEqual({ TOTAL: [2_00n, 2_00n], EUR: [1_00n, 1_00n] });
  });

  test('in proportion and rounded down, however many steps it takes', async () => {
    await newPayer();
    await setOwnLimit(1_000n);
    const id = await hold(300n, { usdMinor: 100n, amountMinor: 299n });
    const steps: bigint[] = [];
    for (let step = 0; step < 3; step++) {
      await releaseHold(world.ledger, id, 1n);
      steps.push((await counted())['TOTAL']![0]);
    }
    // 100 cents for 300: a third of one for each, given back when it is a whole one.
    expect(steps).toEqual([100n, 100n, 99n]);
    await capture(id, 97n);
    // Captured 97 of 300: what stays is what 203 of 300 did not give back, 100 - 67 and 299 - 202.
    expect(await counted()).toEqual({ TOTAL: [33n, 33n], EUR: [97n, 97n] });
  });

  test('of the newest part first', async () => {
    await newPayer();
    const id = await hold(100n, { usdMinor: 1n });
    await increaseHold(world.ledger, id, 100n, spending(100n));
    await releaseHold(world.ledger, id, 50n);
    expect(await counted()).toMatchObject({ TOTAL: [101n, 101n] });
    await releaseHold(world.ledger, id, 100n);
    expect(await counted()).toMatchObject({ TOTAL: [1n, 1n] });
    await releaseHold(world.ledger, id);
    expect(await counted()).toMatchObject({ TOTAL: [0n, 0n] });
  });

  test('to the day and month of then, and to no later one', async () => {
    await newPayer();
    await setOwnLimit(100_00n);
    const id = await hold(50_00n);
    await world.letDaysPass(new Date().getUTCDate() === 1 ? 0 : 1);
    const isFirst = new Date().getUTCDate() === 1;
    const today = await hold(10_00n);
    await releaseHold(world.ledger, id, 20_00n);
    expect(await counted()).toMatchObject({ EUR: [isFirst ? 40_00n : 10_00n, 40_00n] });
    await world.letDaysPass(32);
    const later = await hold(5_00n);
    await releaseHold(world.ledger, id);
    await releaseHold(world.ledger, today);
    expect(await counted()).toMatchObject({ TOTAL: [10_00n, 10_00n], EUR: [5_00n, 5_00n] });
    await releaseHold(world.ledger, later);
    expect(await counted()).toMatchObject({ TOTAL: [0n, 0n], EUR: [0n, 0n] });
  });

  test('to a day that is over but was the newest, unseen by today', async () => {
    await newPayer();
    const id = await hold(50_00n);
    await world.letDaysPass(1);
    await releaseHold(world.ledger, id);
    expect((await counted())['TOTAL']![0]).toBe(0n);
    await hold(500_00n);
  });
});
