import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { newId, type QuoteId, type UserId } from '../../../platform/ids.ts';
import { expectBooksOk } from '../../../tests/books.ts';
import { createLedgerWorld, type LedgerWorld, type TestAccount } from '../../../tests/ledger-world.ts';
import { planned } from '../../../tests/planned-transfers.ts';
import type { TransferCommand } from '../domain.ts';
import { createTransfersStatement, toVerdicts, type OutcomeRow, type PlannedTransfer } from '../transfer-batch.ts';
import { storeQuote } from './quote-store.ts';

let world: LedgerWorld;
let pool: pg.Pool;
let from: TestAccount;
let to: TestAccount;

beforeAll(async () => {
  world = await createLedgerWorld();
  pool = world.database.pool('dwaybank_transfer', { max: 4 });
});
beforeEach(async () => {
  from = await world.funded(1_000n);
  to = await world.open();
});
afterEach(() => expectBooksOk(world.database.pool('postgres', { max: 1 })));
afterAll(() => world.drop());

async function post(batch: readonly PlannedTransfer[]) {
  const { rows } = await pool.query<OutcomeRow>(createTransfersStatement(batch, 20_000));
  return toVerdicts(batch, rows);
}

/** A quote of a transfer of so much; what it is for is not looked at here. */
async function quote(amountMinor: bigint, userId: UserId = from.ownerId): Promise<QuoteId> {
  const amount = { amountMinor, currency: from.currency };
  const end = { kind: 'email', email: 'nobody@example.com' } as const;
  const stored = await storeQuote(
    pool,
    userId,
    // Of a command only what the hashes are made of.
    { source: end, destination: end, preference: 'BALANCED' } as unknown as TransferCommand,
    {
      type: 'INTERNAL',
      amount,
      feeLines: [],
      destinationAmount: amount,
      exchange: null,
      provider: null,
      options: [],
      cheaper: null,
    },
  );
  return stored.id;
}

const attempt = (amountMinor: bigint, quoteId: QuoteId | null, change: Partial<PlannedTransfer> = {}) =>
  planned(from, to, amountMinor, { quoteId, ...change });

async function usedBy(quoteId: QuoteId): Promise<string | null> {
  const { rows } = await pool.query<{ used_by: string | null }>('SELECT used_by FROM quote WHERE id = $1', [quoteId]);
  return rows[0]!.used_by;
}

describe('transfers of one batch', () => {
  test('that name one quote: the first is made, the second finds it used', async () => {
    const quoteId = await quote(10n);
    const batch = [attempt(10n, quoteId), attempt(20n, null), attempt(10n, quoteId)];
    expect(await post(batch)).toMatchObject([
      { outcome: 'DONE' },
      { outcome: 'DONE' },
      { outcome: 'REFUSED', code: 'QUOTE_ALREADY_USED' },
    ]);
    expect(await usedBy(quoteId)).toBe(batch[0]!.transferId);
  });

  test('that name one quote, of which the first lacks the money: so does the second, and the quote is left', async () => {
    const quoteId = await quote(5_000n);
    const short = { outcome: 'REFUSED', code: 'INSUFFICIENT_FUNDS' };
    const batch = [attempt(5_000n, quoteId), attempt(5_000n, quoteId)];
    expect(await post(batch)).toEqual([short, short]);
    expect(await usedBy(quoteId)).toBeNull();
    // Both verdicts are kept.
    const again = batch.map((one) => ({ ...one, transferId: newId<PlannedTransfer['transferId']>() }));
    expect(await post(again)).toEqual(
      batch.map(() => ({ outcome: 'REPLAYED', transferId: null, code: 'INSUFFICIENT_FUNDS' })),
    );
  });

  test('whose quote is somebody else’s do not stand in the owner’s way', async () => {
    const quoteId = await quote(10n);
    const [other, another] = [await world.funded(100n), await world.open()];
    const foreign = planned(other, another, 10n, { quoteId });
    expect(await post([foreign, attempt(10n, quoteId)])).toMatchObject([
      { outcome: 'REFUSED', code: 'UNKNOWN_QUOTE' },
      { outcome: 'DONE' },
    ]);
  });

  test('with one key and one quote are one transfer and its repetition', async () => {
    const quoteId = await quote(10n);
    const first = attempt(10n, quoteId);
    const second = attempt(10n, quoteId, { idempotencyKey: first.idempotencyKey, bodyHash: first.bodyHash });
    expect(await post([first, second])).toMatchObject([
      { outcome: 'DONE', transferId: first.transferId },
      { outcome: 'REPLAYED', transferId: first.transferId },
    ]);
  });

  test('whose answer was lost are told as done when they are sent again', async () => {
    const quoteId = await quote(10n);
    const batch = [attempt(10n, quoteId), attempt(10n, quoteId)];
    const first = await post(batch);
    expect(await post(batch)).toEqual(first);
    expect(await usedBy(quoteId)).toBe(batch[0]!.transferId);
  });

  test('that expired, are used, unknown or good get each its own verdict, and their neighbours theirs', async () => {
    const [good, old, used] = [await quote(1n), await quote(1n), await quote(1n)];
    await pool.query(`UPDATE quote SET expires_at = clock_timestamp() - interval '2 ms' WHERE id = $1`, [old]);
    await post([attempt(1n, used)]);
    const codes = (
      await post([
        attempt(1n, old),
        attempt(1n, null),
        attempt(1n, used),
        attempt(1n, newId<QuoteId>()),
        attempt(5_000n, null),
        attempt(1n, good),
      ])
    ).map((verdict) => ('code' in verdict ? verdict.code : verdict.outcome));
    expect(codes).toEqual([
      'QUOTE_EXPIRED',
      'DONE',
      'QUOTE_ALREADY_USED',
      'UNKNOWN_QUOTE',
      'INSUFFICIENT_FUNDS',
      'DONE',
    ]);
  });

  test('in many batches at once, in any order, use each quote once and wait for nobody in a circle', async () => {
    const quotes = await Promise.all(Array.from({ length: 8 }, () => quote(1n)));
    const batches = Array.from({ length: 16 }, (_, index) => {
      // The same for every run: each batch has the quotes in another order.
      const order = [...quotes].sort((a, b) => digest(a, index).compare(digest(b, index)));
      return order.map((quoteId) => attempt(1n, quoteId));
    });
    const verdicts = (await Promise.all(batches.map((batch) => post(batch)))).flat();
    expect(verdicts.filter(({ outcome }) => outcome === 'DONE')).toHaveLength(quotes.length);
    expect(new Set(verdicts.map((verdict) => ('code' in verdict ? verdict.code : null)))).toEqual(
      new Set([null, 'QUOTE_ALREADY_USED']),
    );
  });
});

function digest(text: string, salt: number): Buffer {
  return createHash('sha256').update(`${salt} ${text}`).digest();
}
