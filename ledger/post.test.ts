import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type AccountId } from '../platform/ids.ts';
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
import { postEntries, postEntry } from './post.ts';

let world: LedgerWorld;
beforeAll(async () => {
  world = await createLedgerWorld();
});
afterEach(() => expectBooksOk(world.admin));
afterAll(() => world.drop());

const balanceOf = async ({ accountId }: TestAccount) => (await balances(world.ledger, [accountId])).get(accountId)!;
const countOf = async (what: 'entry' | 'posting') =>
  (await world.admin.query<{ count: number }>({ text: `SELECT count(*)::int FROM ledger.${what}` })).rows[0]!.count;
const setAccount = ({ accountId }: TestAccount, change: string) =>
  world.admin.query({ text: `UPDATE ledger.account SET ${change} WHERE id = $1`, values: [accountId] });

describe('a posted entry', () => {
  test('moves its amount, gives each account its next version, and says so in the log', async () => {
    const from = await world.funded(10_000n);
    const to = await world.open();
    const entry = { ...movement(from, to, 2_500n), description: 'Rent "May"\n' };
    const verdict = await postEntry(world.ledger, entry);
    expect(verdict).toEqual({ posted: true, at: expect.any(Date) });
    expect(await balanceOf(from)).toMatchObject({ postedMinor: 7_500n, version: 2 });
    expect(await balanceOf(to)).toMatchObject({ postedMinor: 2_500n, version: 1 });

    const { rows } = await world.admin.query<{ payload: { changes: { postingId: string }[] } }>({
      text: `SELECT payload FROM platform.event WHERE type = 'EntryPosted' AND key = $1`,
      values: [entry.id],
    });
    const at = (verdict as { at: Date }).at.toISOString();
    const change = {
      currency: 'USD',
      held: '0',
      overdraft: '0',
      at,
      counterparty: 'The other end',
      description: 'Rent "May"\n',
    };
    expect(rows.map(({ payload }) => payload)).toEqual([
      {
        entryId: entry.id,
        transferId: null,
        kind: 'FUNDING',
        changes: [
          {
            ...change,
            accountId: from.accountId,
            ownerId: from.ownerId,
            version: 2,
            posted: '7500',
            amountMinor: '-2500',
            lineType: 'TRANSFER_OUT',
            postingId: (await changesAfter(world.ledger, from.accountId, 1, 10))[0]!.postingId,
          },
          {
            ...change,
            accountId: to.accountId,
            ownerId: to.ownerId,
            version: 1,
            posted: '2500',
            amountMinor: '2500',
            lineType: 'TRANSFER_IN',
            postingId: (await changesAfter(world.ledger, to.accountId, 0, 10))[0]!.postingId,
          },
        ],
      },
    ]);
  });

  test('may take everything, and not one minor unit more', async () => {
    const from = await world.funded(100n);
    const to = await world.open();
    expect(await postEntry(world.ledger, movement(from, to, 101n))).toEqual({
      posted: false,
      refusal: 'INSUFFICIENT_FUNDS',
    });
    expect(await postEntry(world.ledger, movement(from, to, 100n))).toMatchObject({ posted: true });
    expect(await postEntry(world.ledger, movement(from, to, 1n))).toEqual({
      posted: false,
      refusal: 'INSUFFICIENT_FUNDS',
    });
    expect(await balanceOf(from)).toMatchObject({ postedMinor: 0n, version: 2 });
  });

  test('gives a principal and its fee two versions, and the bank’s account none', async () => {
    const from = await world.funded(1_000n);
    const to = await world.open();
    const fee = await systemAccount(world.ledger, 'FEE', 'USD');
    const legs = [
      leg(from.accountId, -900n),
      leg(to.accountId, 900n),
      leg(from.accountId, -10n, 'USD', 'FEE'),
      leg(fee, 10n, 'USD', 'FEE'),
    ];
    expect(await postEntry(world.ledger, entryOf(legs))).toMatchObject({ posted: true });
    const changes = await changesAfter(world.ledger, from.accountId, 1, 10);
    expect(changes.map(({ version, amountMinor, postedMinor }) => [version, amountMinor, postedMinor])).toEqual([
      [2, -900n, 100n],
      [3, -10n, 90n],
    ]);
    const { rows } = await world.admin.query({
      text: 'SELECT posted, version FROM ledger.account WHERE id = $1',
      values: [fee],
    });
    expect(rows).toEqual([{ posted: '0', version: '0' }]);
  });

  test('is refused as a whole when its last leg has no cover', async () => {
    const from = await world.funded(1_000n);
    const to = await world.open();
    const fee = await systemAccount(world.ledger, 'FEE', 'USD');
    const legs = [
      leg(from.accountId, -1_000n),
      leg(to.accountId, 1_000n),
      leg(from.accountId, -1n, 'USD', 'FEE'),
      leg(fee, 1n, 'USD', 'FEE'),
    ];
    expect(await postEntry(world.ledger, entryOf(legs))).toEqual({ posted: false, refusal: 'INSUFFICIENT_FUNDS' });
    expect(await balanceOf(from)).toMatchObject({ postedMinor: 1_000n, version: 1 });
    expect(await balanceOf(to)).toMatchObject({ postedMinor: 0n, version: 0 });
  });

  test('sums to zero in each of its currencies', async () => {
    const dollars = await world.funded(500n);
    const euros = await world.open({ currency: 'EUR' });
    const [fxUsd, fxEur] = await Promise.all([
      systemAccount(world.ledger, 'FX', 'USD'),
      systemAccount(world.ledger, 'FX', 'EUR'),
    ]);
    const exchange = entryOf([
      leg(dollars.accountId, -500n, 'USD', 'EXCHANGE'),
      leg(fxUsd, 500n, 'USD', 'EXCHANGE'),
      leg(fxEur, -460n, 'EUR', 'EXCHANGE'),
      leg(euros.accountId, 460n, 'EUR', 'EXCHANGE'),
    ]);
    expect(await postEntry(world.ledger, exchange)).toMatchObject({ posted: true });
    expect(await balanceOf(euros)).toMatchObject({ postedMinor: 460n });
  });

  test('cannot be posted a second time under its id', async () => {
    const from = await world.funded(1_000n);
    const to = await world.open();
    const entry = movement(from, to, 10n);
    await postEntry(world.ledger, entry);
    await expect(postEntry(world.ledger, entry)).rejects.toMatchObject({ code: '23505' });
    expect(await balanceOf(from)).toMatchObject({ postedMinor: 990n, version: 2 });
  });
});

describe('an entry is refused, and nothing is written,', () => {
  test.each(['FROZEN', 'CLOSED'])('when an end is %s', async (status) => {
    const from = await world.funded(1_000n);
    const to = await world.open();
    await setAccount(to, `status = '${status}'`);
    const before = await countOf('entry');
    expect(await postEntry(world.ledger, movement(from, to, 1n))).toEqual({
      posted: false,
      refusal: `ACCOUNT_${status}`,
    });
    await setAccount(to, `status = 'ACTIVE'`);
    await setAccount(from, `status = '${status}'`);
    expect(await postEntry(world.ledger, movement(from, to, 1n))).toEqual({
      posted: false,
      refusal: `ACCOUNT_${status}`,
    });
    expect(await countOf('entry')).toBe(before);
    expect(await balanceOf(from)).toMatchObject({ postedMinor: 1_000n, version: 1 });
  });

  test('when an account does not exist', async () => {
    const from = await world.funded(1_000n);
    const nobody = { ...from, accountId: newId<AccountId>() };
    expect(await postEntry(world.ledger, movement(from, nobody, 1n))).toEqual({
      posted: false,
      refusal: 'UNKNOWN_ACCOUNT',
    });
    expect(await postEntry(world.ledger, movement(nobody, from, 1n))).toEqual({
      posted: false,
      refusal: 'UNKNOWN_ACCOUNT',
    });
    expect(await balanceOf(from)).toMatchObject({ postedMinor: 1_000n, version: 1 });
  });

  test('when a leg is in another currency than its account, also one of the bank’s', async () => {
    const dollars = await world.funded(1_000n);
    const euros = await world.open({ currency: 'EUR' });
    expect(await postEntry(world.ledger, movement(dollars, euros, 1n))).toEqual({
      posted: false,
      refusal: 'CURRENCY_MISMATCH',
    });
    const fee = await systemAccount(world.ledger, 'FEE', 'EUR');
    const legs = [leg(dollars.accountId, -1n), leg(fee, 1n)];
    expect(await postEntry(world.ledger, entryOf(legs))).toEqual({ posted: false, refusal: 'CURRENCY_MISMATCH' });
  });

  test('when a balance would no longer fit into 38 digits', async () => {
    const largest = 10n ** 38n - 1n;
    const rich = await world.funded(largest - 5n, 'ETH');
    const from = await world.funded(10n, 'ETH');
    expect(await postEntry(world.ledger, movement(from, rich, 6n))).toEqual({
      posted: false,
      refusal: 'BALANCE_TOO_LARGE',
    });
    expect(await postEntry(world.ledger, movement(from, rich, 5n))).toMatchObject({ posted: true });
    expect(await balanceOf(rich)).toMatchObject({ postedMinor: largest });
    const empty = await world.open({ currency: 'ETH' });
    expect(await postEntry(world.ledger, movement(rich, empty, largest))).toMatchObject({ posted: true });
  });

  test('when the money is held, but not when an overdraft covers it', async () => {
    const from = await world.funded(100n);
    const to = await world.open();
    const spend = (amountMinor: bigint) => postEntry(world.ledger, movement(from, to, amountMinor));
    await world.hold(from, 60n);
    expect(await spend(41n)).toEqual({ posted: false, refusal: 'INSUFFICIENT_FUNDS' });
    expect(await spend(40n)).toMatchObject({ posted: true });
    await world.admin.query({
      text: 'SELECT ledger.set_overdraft($1, 50, $2)',
      values: [from.accountId, from.ownerId],
    });
    expect(await spend(51n)).toEqual({ posted: false, refusal: 'INSUFFICIENT_FUNDS' });
    expect(await spend(50n)).toMatchObject({ posted: true });
    expect(await balanceOf(from)).toMatchObject({ postedMinor: 10n, heldMinor: 60n, overdraftMinor: 50n });
  });
});

describe('a batch', () => {
  test('gives each entry its own verdict: a refused one does not disturb its neighbours', async () => {
    const a = await world.funded(100n);
    const b = await world.open();
    const c = await world.open();
    const verdicts = await postEntries(world.ledger, [
      movement(a, b, 60n),
      movement(a, c, 60n),
      movement(b, c, 60n),
      movement(c, a, 61n),
      movement(c, a, 60n),
    ]);
    expect(verdicts.map((verdict) => (verdict.posted ? 'POSTED' : verdict.refusal))).toEqual([
      'POSTED',
      'INSUFFICIENT_FUNDS',
      'POSTED',
      'INSUFFICIENT_FUNDS',
      'POSTED',
    ]);
    expect(await balanceOf(a)).toMatchObject({ postedMinor: 100n, version: 3 });
    expect(await balanceOf(b)).toMatchObject({ postedMinor: 0n, version: 2 });
    expect(await balanceOf(c)).toMatchObject({ postedMinor: 0n, version: 2 });
  });

  test('takes back the first legs of an entry whose last leg is refused, before the next entry is decided', async () => {
    const a = await world.funded(100n);
    const b = await world.open();
    const c = await world.open();
    await setAccount(c, `status = 'FROZEN'`);
    const verdicts = await postEntries(world.ledger, [
      entryOf([leg(a.accountId, -100n), leg(b.accountId, 60n), leg(c.accountId, 40n)]),
      movement(b, a, 1n),
      movement(a, b, 100n),
    ]);
    expect(verdicts.map((verdict) => (verdict.posted ? 'POSTED' : verdict.refusal))).toEqual([
      'ACCOUNT_FROZEN',
      'INSUFFICIENT_FUNDS',
      'POSTED',
    ]);
    expect(await balanceOf(a)).toMatchObject({ postedMinor: 0n, version: 2 });
    expect(await balanceOf(b)).toMatchObject({ postedMinor: 100n, version: 1 });
  });

  test('of refusals only writes nothing at all', async () => {
    const a = await world.open();
    const b = await world.open();
    const before = await countOf('posting');
    expect(await postEntries(world.ledger, [movement(a, b, 1n), movement(b, a, 1n)])).toHaveLength(2);
    expect(await countOf('posting')).toBe(before);
    expect(await postEntries(world.ledger, [])).toEqual([]);
  });

  test('leaves alone what is not wanted', async () => {
    const a = await world.funded(100n);
    const b = await world.open();
    const { rows } = await world.ledger.query<{ verdict: string | null }>({
      text: `SELECT verdict FROM ledger.post_batch(ARRAY[gen_random_uuid(), gen_random_uuid()], ARRAY['T', 'T'], ARRAY[NULL, NULL]::uuid[],
               ARRAY[NULL, NULL]::text[], ARRAY[false, true], ARRAY[1, 1, 2, 2], (SELECT array_agg(gen_random_uuid()) FROM generate_series(1, 4)),
               ARRAY[$1, $2, $1, $2]::uuid[], ARRAY['USD', 'USD', 'USD', 'USD'], ARRAY[-70, 70, -70, 70],
               array_fill('FEE'::text, ARRAY[4]), array_fill(NULL::text, ARRAY[4]))`,
      values: [a.accountId, b.accountId],
    });
    expect(rows).toEqual([{ verdict: null }, { verdict: 'POSTED' }]);
    expect(await balanceOf(b)).toMatchObject({ postedMinor: 70n, version: 1 });
  });
});
