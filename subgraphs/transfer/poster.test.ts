import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { balances } from '../../ledger/balances.ts';
import { readSpending, setSpendingLimit } from '../../ledger/limits.ts';
import { newId, type AccountId, type TransferId } from '../../platform/ids.ts';
import { createLog } from '../../platform/log.ts';
import { expectBooksOk } from '../../tests/books.ts';
import { createLedgerWorld, type LedgerWorld, type TestAccount } from '../../tests/ledger-world.ts';
import { planned } from '../../tests/planned-transfers.ts';
import { createPoster, type Poster, type PosterDeps, type PosterLimits, type Verdict } from './poster.ts';

const log = createLog('silent');
let world: LedgerWorld;
let pool: pg.Pool;
let poster: Poster;
let signals: number;
const posters: Poster[] = [];

beforeAll(async () => {
  world = await createLedgerWorld();
  pool = world.database.pool('dwaybank_transfer');
});
beforeEach(() => {
  signals = 0;
  poster = posterOn(pool);
});
afterEach(async () => {
  await Promise.all(posters.splice(0).map((each) => each.stop()));
  await expectBooksOk(world.admin);
});
afterAll(() => world.drop());

function posterOn(on: PosterDeps['pool'], limits: Partial<PosterLimits> = {}): Poster {
  const created = createPoster({ pool: on, wakeUp: { signal: () => signals++ }, log }, limits);
  posters.push(created);
  return created;
}

const balanceOf = async ({ accountId }: TestAccount) =>
  (await balances(world.ledger, [accountId])).get(accountId)!.postedMinor;
const outcomes = (verdicts: Verdict[]) => verdicts.map(({ outcome }) => outcome).sort();
const rowsOf = async (table: string, where: string, value: unknown) =>
  (
    await world.admin.query<Record<string, unknown>>({
      text: `SELECT * FROM ${table} WHERE ${where} = $1`,
      values: [value],
    })
  ).rows;

describe('a transfer that is posted', () => {
  test('is done once, with its row, its timeline, its assessment and its event', async () => {
    const [from, to] = await Promise.all([world.funded(10_000n), world.open()]);
    const attempt = planned(from, to, 2_500n, { description: 'Rent "May"' });
    const verdict = await poster.post(attempt);
    expect(verdict).toEqual({ outcome: 'DONE', transferId: attempt.transferId, at: expect.any(Date) });
    expect(await balanceOf(from)).toBe(7_500n);
    expect(await balanceOf(to)).toBe(2_500n);
    expect(signals).toBe(1);

    const { at } = verdict as { at: Date };
    const createdAt = attempt.initiatedAt < at ? attempt.initiatedAt : at;
    expect(await rowsOf('transfer.transfer', 'id', attempt.transferId)).toEqual([
      {
        id: attempt.transferId,
        user_id: from.ownerId,
        type: 'INTERNAL',
        status: 'COMPLETED',
        amount: '2500',
        currency: 'USD',
        fees: '0',
        fee_lines: [],
        destination_amount: '2500',
        destination_currency: 'USD',
        exchange_rate: null,
        rate_date: null,
        source_account_id: from.accountId,
        source_payment_method_id: null,
        source_reference: null,
        source_owner_id: from.ownerId,
        source_label: 'Ada',
        destination_account_id: to.accountId,
        destination_owner_id: to.ownerId,
        destination_label: 'Ben',
        description: 'Rent "May"',
        failure_code: null,
        // Of payouts, holds and refunds only.
        destination_payment_method_id: null,
        destination_reference: null,
        destination_holder: null,
        hold_id: null,
        preference: null,
        quoted_provider: null,
        refund_of: null,
        timeline: [
          { status: 'INITIATED', at: createdAt.toISOString() },
          { status: 'COMPLETED', at: at.toISOString() },
        ],
        created_at: createdAt,
        updated_at: at,
      },
    ]);
    expect(await rowsOf('risk.assessment', 'transfer_id', attempt.transferId)).toHaveLength(1);
    expect(
      (await rowsOf('platform.event', 'key', attempt.transferId)).map(({ type, payload }) => ({ type, payload })),
    ).toEqual([
      {
        type: 'TransferCompleted',
        payload: {
          transferId: attempt.transferId,
          type: 'INTERNAL',
          senderId: from.ownerId,
          recipientId: to.ownerId,
          sourceAccountId: from.accountId,
          destinationAccountId: to.accountId,
          amountMinor: '2500',
          currency: 'USD',
          destinationAmountMinor: '2500',
          destinationCurrency: 'USD',
          at: at.toISOString(),
        },
      },
    ]);
  });

  test('has no time before it was asked for, even if this process’s clock is ahead', async () => {
    const [from, to] = await Promise.all([world.funded(100n), world.open()]);
    const attempt = planned(from, to, 1n, { initiatedAt: new Date(Date.now() + 60_000) });
    const verdict = await poster.post(attempt);
    const [row] = await rowsOf('transfer.transfer', 'id', attempt.transferId);
    expect(row!.created_at).toEqual((verdict as { at: Date }).at);
  });
});

describe('a refusal', () => {
  test('is stored with the key and stays, even when a top-up would have made it possible', async () => {
    const [from, to] = await Promise.all([world.funded(100n), world.open()]);
    const attempt = planned(from, to, 101n);
    expect(await poster.post(attempt)).toEqual({ outcome: 'REFUSED', code: 'INSUFFICIENT_FUNDS' });
    await world.fund(from, 1_000n);
    const again = planned(from, to, 101n, { idempotencyKey: attempt.idempotencyKey });
    expect(await poster.post(again)).toEqual({ outcome: 'REPLAYED', transferId: null, code: 'INSUFFICIENT_FUNDS' });
    expect(await balanceOf(from)).toBe(1_100n);
    for (const { transferId } of [attempt, again]) {
      expect(await rowsOf('transfer.transfer', 'id', transferId)).toEqual([]);
      expect(await rowsOf('risk.assessment', 'transfer_id', transferId)).toEqual([]);
      expect(await rowsOf('platform.event', 'key', transferId)).toEqual([]);
    }
    expect(signals).toBe(0);
  });

  test.each([
    ['FROZEN', 'ACCOUNT_FROZEN'],
    ['CLOSED', 'ACCOUNT_CLOSED'],
  ])('names why: %s', async (status, code) => {
    const [from, to] = await Promise.all([world.funded(100n), world.open()]);
    await world.admin.query({
      text: 'UPDATE ledger.account SET status = $2 WHERE id = $1',
      values: [to.accountId, status],
    });
    const attempt = planned(from, to, 1n);
    expect(await poster.post(attempt)).toEqual({ outcome: 'REFUSED', code });
    expect(await poster.post({ ...attempt, transferId: planned(from, to, 1n).transferId })).toMatchObject({
      outcome: 'REPLAYED',
      code,
    });
    expect(await balanceOf(from)).toBe(100n);
  });

  test('names why: no such account, another currency', async () => {
    const [from, euros] = await Promise.all([world.funded(100n), world.open({ currency: 'EUR' })]);
    const nobody = { ...from, accountId: newId<AccountId>() };
    expect(await poster.post(planned(from, nobody, 1n))).toEqual({ outcome: 'REFUSED', code: 'UNKNOWN_ACCOUNT' });
    expect(await poster.post(planned(from, euros, 1n))).toEqual({ outcome: 'REFUSED', code: 'CURRENCY_MISMATCH' });
  });
});

describe('what counts against spending limits', () => {
  const spending = { usdMinor: '60', bankDailyUsdMinor: '100', bankMonthlyUsdMinor: '1000' };
  const spend = (from: TestAccount, to: TestAccount) => {
    const plan = planned(from, to, 60n);
    return { ...plan, assessment: { ...plan.assessment, spending } };
  };
  const spentBy = async ({ ownerId }: TestAccount) =>
    (await readSpending(world.ledger, [ownerId])).get(ownerId)![0]!.spentTodayMinor;

  test('is counted once, however often a key comes, and what was refused stays refused', async () => {
    const [from, to] = await Promise.all([world.funded(1_000n), world.open()]);
    const first = spend(from, to);
    expect(outcomes([await poster.post(first)])).toEqual(['DONE']);
    const again = { ...first, transferId: newId<TransferId>() };
    expect(outcomes(await Promise.all([poster.post(again), poster.post(first)]))).toEqual(['DONE', 'REPLAYED']);
    expect(await spentBy(from)).toBe(60n);

    const second = spend(from, to);
    expect(await poster.post(second)).toEqual({ outcome: 'REFUSED', code: 'LIMIT_EXCEEDED' });
    await setSpendingLimit(world.ledger, {
      ownerId: from.ownerId,
      scope: 'TOTAL',
      dailyMinor: 500n,
      monthlyMinor: null,
    });
    const higher = { ...spending, bankDailyUsdMinor: '500' };
    const repeated = {
      ...second,
      transferId: newId<TransferId>(),
      assessment: { ...second.assessment, spending: higher },
    };
    expect(await poster.post(repeated)).toEqual({ outcome: 'REPLAYED', transferId: null, code: 'LIMIT_EXCEEDED' });
    expect(await spentBy(from)).toBe(60n);
  });

  test('passes the limit in no race over two processes', async () => {
    // No two share an account: only the limit is theirs together.
    const from = await world.open();
    const accounts = await Promise.all(Array.from({ length: 10 }, () => world.open({ ownerId: from.ownerId })));
    await Promise.all(accounts.map((account) => world.fund(account, 1_000n)));
    const payees = await Promise.all(accounts.map(() => world.open()));
    const posters = [poster, posterOn(world.database.pool('dwaybank_transfer'))];
    const verdicts = await Promise.all(
      accounts.map((account, index) => posters[index % 2]!.post(spend(account, payees[index]!))),
    );
    expect(outcomes(verdicts)).toEqual(['DONE', ...Array<string>(9).fill('REFUSED')]);
    expect(await spentBy(from)).toBe(60n);
  });
});

describe('an idempotency key', () => {
  test('used again for the same body answers with the first transfer and moves nothing', async () => {
    const [from, to] = await Promise.all([world.funded(100n), world.open()]);
    const first = planned(from, to, 60n);
    await poster.post(first);
    const again = planned(from, to, 60n, { idempotencyKey: first.idempotencyKey });
    expect(await poster.post(again)).toEqual({ outcome: 'REPLAYED', transferId: first.transferId, code: null });
    expect(await balanceOf(from)).toBe(40n);
  });

  test('used again for another body is refused, whether the first was accepted or not', async () => {
    const [from, to] = await Promise.all([world.funded(100n), world.open()]);
    for (const amount of [10n, 1_000n]) {
      const first = planned(from, to, amount);
      await poster.post(first);
      expect(await poster.post(planned(from, to, 20n, { idempotencyKey: first.idempotencyKey }))).toEqual({
        outcome: 'KEY_REUSED',
      });
    }
    expect(await balanceOf(from)).toBe(90n);
  });

  test('counts per user: the same key of two people is two keys', async () => {
    const [ada, ben] = await Promise.all([world.funded(100n), world.funded(100n)]);
    const [one, two] = [
      planned(ada, ben, 10n, { idempotencyKey: 'k' }),
      planned(ben, ada, 10n, { idempotencyKey: 'k' }),
    ];
    expect(outcomes(await Promise.all([poster.post(one), poster.post(two)]))).toEqual(['DONE', 'DONE']);
  });

  test('twice in one batch: the second is a replay of the first', async () => {
    const [from, to] = await Promise.all([world.funded(100n), world.open()]);
    const { idempotencyKey } = planned(from, to, 60n);
    const verdicts = await Promise.all([
      poster.post(planned(from, to, 60n, { idempotencyKey })),
      poster.post(planned(from, to, 60n, { idempotencyKey })),
      poster.post(planned(from, to, 61n, { idempotencyKey })),
    ]);
    expect(verdicts.map(({ outcome }) => outcome)).toEqual(['DONE', 'REPLAYED', 'KEY_REUSED']);
    expect(verdicts[1]).toEqual({
      outcome: 'REPLAYED',
      transferId: (verdicts[0] as { transferId: string }).transferId,
      code: null,
    });
    expect(await balanceOf(from)).toBe(40n);
  });

  test('refused and repeated in one batch: both get the refusal', async () => {
    const [from, to] = await Promise.all([world.open(), world.open()]);
    const { idempotencyKey } = planned(from, to, 1n);
    const verdicts = await Promise.all([1, 2].map(() => poster.post(planned(from, to, 1n, { idempotencyKey }))));
    expect(verdicts).toEqual([
      { outcome: 'REFUSED', code: 'INSUFFICIENT_FUNDS' },
      { outcome: 'REPLAYED', transferId: null, code: 'INSUFFICIENT_FUNDS' },
    ]);
  });

  test('used by twenty at once over two processes: one does it, nineteen see it', async () => {
    const [from, to] = await Promise.all([world.funded(10_000n), world.open()]);
    const { idempotencyKey } = planned(from, to, 100n);
    // Batches of one, so that the database and not the batch has to tell them apart.
    const two = [posterOn(pool, { maxBatch: 1, connections: 4 }), posterOn(pool, { maxBatch: 1, connections: 4 })];
    const verdicts = await Promise.all(
      Array.from({ length: 20 }, (_, index) => two[index % 2]!.post(planned(from, to, 100n, { idempotencyKey }))),
    );
    expect(outcomes(verdicts)).toEqual(['DONE', ...Array.from({ length: 19 }, () => 'REPLAYED')]);
    expect(new Set(verdicts.map((verdict) => (verdict as { transferId: string }).transferId)).size).toBe(1);
    expect(await balanceOf(from)).toBe(9_900n);
  });
});

describe('many at once', () => {
  test('twenty transfers of the whole balance: one is done, nineteen have no cover', async () => {
    const [from, to] = await Promise.all([world.funded(10_000n), world.open()]);
    const two = [poster, posterOn(pool)];
    const verdicts = await Promise.all(
      Array.from({ length: 20 }, (_, index) => two[index % 2]!.post(planned(from, to, 10_000n))),
    );
    expect(outcomes(verdicts)).toEqual(['DONE', ...Array.from({ length: 19 }, () => 'REFUSED')]);
    expect(await balanceOf(from)).toBe(0n);
    expect(await balanceOf(to)).toBe(10_000n);
  });

  test('there and back over two processes: all are done, without a deadlock', async () => {
    const [a, b] = await Promise.all([world.funded(1_000n), world.funded(1_000n)]);
    const deadlocks = async () =>
      (await world.admin.query({ text: 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()' }))
        .rows;
    const before = await deadlocks();
    const two = [posterOn(pool, { maxBatch: 7 }), posterOn(pool, { maxBatch: 7 })];
    const verdicts = await Promise.all(
      Array.from({ length: 400 }, (_, index) =>
        two[index % 2]!.post(index % 4 < 2 ? planned(a, b, 1n) : planned(b, a, 1n)),
      ),
    );
    expect(new Set(outcomes(verdicts))).toEqual(new Set(['DONE']));
    expect([await balanceOf(a), await balanceOf(b)]).toEqual([1_000n, 1_000n]);
    expect(await deadlocks()).toEqual(before);
  });
});
