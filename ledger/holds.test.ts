import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type AccountId, type EntryId, type HoldId, type TransferId } from '../platform/ids.ts';
import { parseAmount } from '../platform/money.ts';
import { allot } from '../platform/ratio.ts';
import { expectBooksOk } from '../tests/books.ts';
import {
  createLedgerWorld,
  entryOf,
  leg,
  movement,
  type LedgerWorld,
  type TestAccount,
} from '../tests/ledger-world.ts';
import { systemAccount } from './accounts.ts';
import { balances, changesAfter } from './balances.ts';
import { captureHold, increaseHold, keepHold, placeHold, type HoldRequest } from '../tests/holds.ts';
import { releaseHold } from './holds.ts';
import { postEntry } from './post.ts';

let world: LedgerWorld;
beforeAll(async () => {
  world = await createLedgerWorld();
});
afterEach(() => expectBooksOk(world.admin));
afterAll(() => world.drop());

const request = ({ accountId, currency }: TestAccount, amountMinor: bigint): HoldRequest => ({
  id: newId<HoldId>(),
  accountId,
  amount: { amountMinor, currency },
  transferId: null,
});
const spentBy = ({ ownerId }: TestAccount) => ({
  ownerId,
  usdMinor: 60n,
  amountMinor: 60n,
  bankDailyUsdMinor: 1_000n,
  bankMonthlyUsdMinor: 1_000n,
});
const place = (account: TestAccount, amountMinor: bigint) => placeHold(world.ledger, request(account, amountMinor));
const capture = (hold: HoldId, from: TestAccount, to: TestAccount, amountMinor: bigint, final = true) =>
  captureHold(world.ledger, hold, movement(from, to, amountMinor), { final });
const refused = (refusal: string) => ({ ok: false, refusal });
const DONE = expect.objectContaining({ ok: true });

async function balanceOf({ accountId }: TestAccount) {
  const { postedMinor, heldMinor, version } = (await balances(world.ledger, [accountId])).get(accountId)!;
  return { posted: postedMinor, held: heldMinor, version };
}

async function holdRow(id: HoldId) {
  const text = `SELECT status, amount, captured, released, expires_at, ended_at FROM ledger.hold WHERE id = $1`;
  return (await world.ledger.query<Record<string, unknown>>({ text, values: [id] })).rows[0]!;
}

const setStatus = ({ accountId }: TestAccount, status: string) =>
  world.admin.query({ text: 'UPDATE ledger.account SET status = $2 WHERE id = $1', values: [accountId, status] });

/** What is refused leaves no row anywhere. */
async function expectNoTrace<Result>(work: () => Promise<Result>): Promise<Result> {
  const before = await world.fingerprint();
  const result = await work();
  expect(await world.fingerprint()).toEqual(before);
  return result;
}

describe('a hold', () => {
  test('takes what is available and leaves what is posted, in one version, for 30 minutes', async () => {
    const account = await world.funded(100n);
    const held = await place(account, 60n);
    expect(held).toEqual(DONE);
    const { placedAt, expiresAt } = held as unknown as { placedAt: Date; expiresAt: Date };
    expect(expiresAt.getTime() - placedAt.getTime()).toBe(30 * 60_000);
    expect(await balanceOf(account)).toEqual({ posted: 100n, held: 60n, version: 2 });
    expect(await place(account, 41n)).toEqual(refused('INSUFFICIENT_FUNDS'));
    expect(await postEntry(world.ledger, movement(account, await world.open(), 41n))).toMatchObject({ posted: false });
    expect(await place(account, 40n)).toEqual(DONE);
  });

  test('is told to whoever listens, in the shape of every change', async () => {
    const account = await world.funded(100n);
    const transferId = newId<TransferId>();
    const id = await world.hold(account, 60n, { transferId });
    const { rows } = await world.admin.query<{ payload: unknown }>({
      text: `SELECT payload FROM platform.event WHERE type = 'HoldChanged' AND key = $1`,
      values: [id],
    });
    expect(rows).toEqual([
      {
        payload: {
          holdId: id,
          transferId,
          status: 'OPEN',
          changes: [
            {
              accountId: account.accountId,
              ownerId: account.ownerId,
              currency: 'USD',
              version: 2,
              posted: '100',
              held: '60',
              overdraft: '0',
              at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
              postingId: null,
              amountMinor: '0',
              lineType: null,
              counterparty: null,
              description: null,
            },
          ],
        },
      },
    ]);
  });

  test('placed again is the same hold, also when it has ended; with another figure it is a bug', async () => {
    const account = await world.funded(100n);
    const asked = request(account, 60n);
    const first = await placeHold(world.ledger, asked);
    expect(await expectNoTrace(() => placeHold(world.ledger, asked))).toEqual(first);
    await increaseHold(world.ledger, asked.id, 5n);
    expect(await expectNoTrace(() => placeHold(world.ledger, asked))).toEqual(first);
    await releaseHold(world.ledger, asked.id);
    expect(await expectNoTrace(() => placeHold(world.ledger, asked))).toEqual(first);
    for (const change of [
      { amount: { amountMinor: 61n, currency: 'USD' } },
      { transferId: newId<TransferId>() },
      { accountId: (await world.funded(100n)).accountId },
      { spending: spentBy(account) },
    ]) {
      await expect(placeHold(world.ledger, { ...asked, ...change })).rejects.toMatchObject({ code: 'DW003' });
    }
  });

  test.each<[string, () => Promise<HoldRequest>]>([
    ['UNKNOWN_ACCOUNT', async () => ({ ...request(await world.open(), 1n), accountId: newId<AccountId>() })],
    [
      'UNKNOWN_ACCOUNT',
      async () => ({ ...request(await world.open(), 1n), accountId: await systemAccount(world.ledger, 'FEE', 'USD') }),
    ],
    ['CURRENCY_MISMATCH', async () => request({ ...(await world.funded(10n)), currency: 'EUR' }, 1n)],
    ['INSUFFICIENT_FUNDS', async () => request(await world.funded(10n), 11n)],
    ['ACCOUNT_FROZEN', async () => request(await inStatus('FROZEN'), 1n)],
    ['ACCOUNT_CLOSED', async () => request(await inStatus('CLOSED'), 1n)],
  ])('is refused as %s without a trace (%#)', async (refusal, asked) => {
    const hold = await asked();
    expect(await expectNoTrace(() => placeHold(world.ledger, hold))).toEqual(refused(refusal));
  });

  const inStatus = async (status: string) => {
    const account = await world.funded(10n);
    await setStatus(account, status);
    return account;
  };

  test.each([0n, -1n])('of %s is a bug', async (amountMinor) => {
    await expect(place(await world.funded(10n), amountMinor)).rejects.toMatchObject({ code: 'DW003' });
  });

  test('counts to the last of 18 decimals', async () => {
    const account = await world.funded(parseAmount('10', 'ETH'), 'ETH');
    expect(await place(account, parseAmount('10.000000000000000001', 'ETH'))).toEqual(refused('INSUFFICIENT_FUNDS'));
    expect(await place(account, parseAmount('9.999999999999999999', 'ETH'))).toEqual(DONE);
    expect(await place(account, 2n)).toEqual(refused('INSUFFICIENT_FUNDS'));
    expect(await place(account, 1n)).toEqual(DONE);
  });

  test('is increased within what is available, at the same expiry', async () => {
    const account = await world.funded(100n);
    const id = await world.hold(account, 60n);
    const before = await holdRow(id);
    expect(await expectNoTrace(() => increaseHold(world.ledger, id, 41n))).toEqual(refused('INSUFFICIENT_FUNDS'));
    expect(await increaseHold(world.ledger, id, 40n)).toEqual(DONE);
    expect(await holdRow(id)).toEqual({ ...before, amount: '100' });
    expect(await balanceOf(account)).toEqual({ posted: 100n, held: 100n, version: 3 });
    await setStatus(account, 'FROZEN');
    expect(await expectNoTrace(() => increaseHold(world.ledger, id, 1n))).toEqual(refused('ACCOUNT_FROZEN'));
  });

  test('is released in part and whole, on a frozen account too, and only once', async () => {
    const account = await world.funded(100n);
    const id = await world.hold(account, 60n);
    expect(await expectNoTrace(() => releaseHold(world.ledger, id, 61n))).toEqual(refused('RELEASE_EXCEEDS_HOLD'));
    expect(await releaseHold(world.ledger, id, 20n)).toEqual(DONE);
    expect(await holdRow(id)).toMatchObject({ status: 'OPEN', released: '20', ended_at: null });
    await setStatus(account, 'FROZEN');
    expect(await releaseHold(world.ledger, id)).toEqual(DONE);
    expect(await holdRow(id)).toMatchObject({ status: 'RELEASED', released: '60', ended_at: expect.any(Date) });
    expect(await balanceOf(account)).toEqual({ posted: 100n, held: 0n, version: 4 });
    expect(await expectNoTrace(() => releaseHold(world.ledger, id))).toEqual(refused('HOLD_CLOSED'));
    expect(await expectNoTrace(() => increaseHold(world.ledger, id, 1n))).toEqual(refused('HOLD_CLOSED'));
    expect(await keepHold(world.ledger, id)).toBe('HOLD_CLOSED');
  });

  test('that there is none of is a bug', async () => {
    const id = newId<HoldId>();
    const account = await world.funded(10n);
    const other = await world.open();
    for (const attempt of [
      () => releaseHold(world.ledger, id),
      () => increaseHold(world.ledger, id, 1n),
      () => keepHold(world.ledger, id),
      () => capture(id, account, other, 1n),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'DW003' });
    }
  });
});

describe('a capture', () => {
  test('moves posted and held in one version per leg; the final one frees what is left', async () => {
    const [from, to] = [await world.funded(1_000n), await world.open()];
    const id = await world.hold(from, 350n);
    expect(await capture(id, from, to, 100n, false)).toEqual(DONE);
    expect(await balanceOf(from)).toEqual({ posted: 900n, held: 250n, version: 3 });
    expect(await holdRow(id)).toMatchObject({ status: 'OPEN', captured: '100', released: '0' });
    const fee = await systemAccount(world.ledger, 'FEE', 'USD');
    const entry = entryOf([
      leg(from.accountId, -200n),
      leg(to.accountId, 200n),
      leg(from.accountId, -10n, 'USD', 'FEE'),
      leg(fee, 10n, 'USD', 'FEE'),
    ]);
    expect(await captureHold(world.ledger, id, entry, { final: true })).toEqual(DONE);
    const changes = await changesAfter(world.ledger, from.accountId, 3, 10);
    expect(changes.map(({ postedMinor, heldMinor, amountMinor }) => [postedMinor, heldMinor, amountMinor])).toEqual([
      [700n, 50n, -200n],
      [690n, 0n, -10n],
    ]);
    expect(await holdRow(id)).toMatchObject({ status: 'CAPTURED', captured: '310', released: '40' });
    expect(await balanceOf(to)).toEqual({ posted: 300n, held: 0n, version: 2 });
    const text = `SELECT payload #>> '{changes,0,held}' AS first, payload #>> '{changes,2,held}' AS last FROM platform.event WHERE key = $1`;
    const { rows } = await world.admin.query({ text, values: [entry.id] });
    expect(rows).toEqual([{ first: '50', last: '0' }]);
  });

  test('of 1.00 in three parts takes 0.34, 0.33 and 0.33, and ends the hold with the last', async () => {
    const [from, to] = [await world.funded(100n), await world.open()];
    const id = await world.hold(from, 100n);
    const parts = allot(100n, 3);
    expect(parts).toEqual([34n, 33n, 33n]);
    for (const part of parts) expect(await capture(id, from, to, part, false)).toEqual(DONE);
    expect(await holdRow(id)).toMatchObject({ status: 'CAPTURED', captured: '100', released: '0' });
    expect(await expectNoTrace(() => capture(id, from, to, 1n))).toEqual(refused('HOLD_CLOSED'));
    expect(await balanceOf(to)).toMatchObject({ posted: 100n });
  });

  test('of more than is left is refused without a trace, though the money would be there', async () => {
    const [from, to] = [await world.funded(1_000n), await world.open()];
    const id = await world.hold(from, 100n);
    expect(await expectNoTrace(() => capture(id, from, to, 101n))).toEqual(refused('CAPTURE_EXCEEDS_HOLD'));
    await capture(id, from, to, 40n, false);
    await releaseHold(world.ledger, id, 30n);
    expect(await expectNoTrace(() => capture(id, from, to, 31n))).toEqual(refused('CAPTURE_EXCEEDS_HOLD'));
    expect(await capture(id, from, to, 30n, false)).toEqual(DONE);
  });

  test('leaves a frozen account, because the money was promised before, but does not reach one', async () => {
    const [from, to, other] = [await world.funded(100n), await world.open(), await world.open()];
    const id = await world.hold(from, 100n);
    await setStatus(from, 'FROZEN');
    await setStatus(to, 'FROZEN');
    expect(await expectNoTrace(() => capture(id, from, to, 100n))).toEqual(refused('ACCOUNT_FROZEN'));
    await setStatus(from, 'CLOSED');
    expect(await expectNoTrace(() => capture(id, from, other, 100n))).toEqual(refused('ACCOUNT_CLOSED'));
    await setStatus(from, 'FROZEN');
    expect(await capture(id, from, other, 100n)).toEqual(DONE);
  });

  test('has the verdicts of a posting about the other accounts', async () => {
    const from = await world.funded(100n);
    const id = await world.hold(from, 100n);
    const nobody = { ...from, accountId: newId<AccountId>() };
    const euros = await world.open({ currency: 'EUR' });
    expect(await expectNoTrace(() => capture(id, from, nobody, 1n))).toEqual(refused('UNKNOWN_ACCOUNT'));
    expect(await expectNoTrace(() => capture(id, from, euros, 1n))).toEqual(refused('CURRENCY_MISMATCH'));
  });

  test('that takes nothing from the account, gives it something, or reuses an entry is a bug', async () => {
    const [from, to] = [await world.funded(100n), await world.funded(100n)];
    const id = await world.hold(from, 100n);
    const used = movement(from, to, 1n);
    await captureHold(world.ledger, id, used, { final: false });
    const wrong = [
      movement(to, await world.open(), 1n),
      movement(to, from, 1n),
      { ...used, id: newId<EntryId>(), legs: [] },
    ];
    for (const entry of wrong) {
      await expect(captureHold(world.ledger, id, entry, { final: false })).rejects.toMatchObject({ code: 'DW003' });
    }
    await expect(captureHold(world.ledger, id, used, { final: false })).rejects.toMatchObject({ code: '23505' });
    expect(await holdRow(id)).toMatchObject({ status: 'OPEN', captured: '1' });
  });
});
