import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { newId, type AccountId } from '../../../platform/ids.ts';
import { holdRelay } from '../../../tests/deposit-jobs.ts';
import { createScriptedCards, type ScriptedCards } from '../../../tests/scripted-cards.ts';
import { openTransferWorld, type Customer, type TransferWorld } from '../../../tests/transfer-world.ts';
import { until } from '../../../tests/until.ts';
import { forgetQuotes } from './quote-store.ts';

const QUOTE = `mutation ($input: QuoteTransferInput!) { quoteTransfer(input: $input) { quote { id } userErrors { code } } }`;
const CREATE = `mutation ($input: CreateTransferInput!) {
  createTransfer(input: $input) {
    transfer { id status fees { amount } feeBreakdown { rule } destinationAmount { amount } exchangeRate }
    replayed userErrors { code field retryable }
  }
}`;
const USED_BY = `query ($id: ID!) { quote(id: $id) { usedBy { id } } }`;

interface Payload {
  transfer: { id: string; destinationAmount: { amount: string }; exchangeRate: string | null } | null;
  replayed: boolean;
  userErrors: { code: string; field: string[]; retryable: boolean }[];
}

let cards: ScriptedCards;
let world: TransferWorld;
let ada: Customer;
let bob: Customer;
let from: AccountId;
let to: AccountId;

beforeAll(async () => {
  cards = createScriptedCards();
  world = await openTransferWorld({ cards });
});
beforeEach(async () => {
  world.faults.clockAheadMs = 0;
  [ada, bob] = [await world.customer('Ada'), await world.customer('Bob')];
  from = await world.account(ada, 'USD', { funds: '10.00' });
  to = await world.account(bob);
});
afterEach(() => world.proveBooks());
afterAll(() => world.close());

/** What is quoted and made here, unless said otherwise: 4.00 dollars from Ada to Bob. */
function asked(change: object = {}): Record<string, unknown> {
  return {
    source: { accountId: from },
    destination: { accountId: to },
    amount: { amount: '4.00', currency: 'USD' },
    ...change,
  };
}

async function quote(change: object = {}, as = ada): Promise<string> {
  const result = await world.execute(as, QUOTE, { input: asked(change) });
  expect(result.errors).toBeUndefined();
  return (result.data!['quoteTransfer'] as { quote: { id: string } }).quote.id;
}

let keys = 0;
async function create(change: object, as = ada): Promise<Payload> {
  const input = { idempotencyKey: `use-quote-${keys++}`, ...asked(change) };
  const result = await world.execute(as, CREATE, { input });
  expect(result.errors).toBeUndefined();
  return result.data!['createTransfer'] as Payload;
}

const codes = ({ userErrors }: Payload) => userErrors.map(({ code, field }) => [code, ...(field ?? [])]);

async function usedBy(quoteId: string): Promise<string | null> {
  const { data } = await world.execute(ada, USED_BY, { id: quoteId });
  return (data!['quote'] as { usedBy: { id: string } | null }).usedBy?.id ?? null;
}

describe('a transfer at a quote', () => {
  test('uses it up, and says so; a repetition of its key is a replay all the same', async () => {
    const quoteId = await quote();
    expect(await usedBy(quoteId)).toBeNull();
    const first = await create({ quoteId, idempotencyKey: 'first' });
    expect(first).toMatchObject({ transfer: { status: 'COMPLETED' }, replayed: false, userErrors: [] });
    expect(await usedBy(quoteId)).toBe(first.transfer!.id);
    expect(await create({ quoteId, idempotencyKey: 'first' })).toEqual({ ...first, replayed: true });

    const second = await create({ quoteId, idempotencyKey: 'second' });
    expect(second).toMatchObject({ transfer: null, replayed: false });
    expect(codes(second)).toEqual([['QUOTE_ALREADY_USED', 'quoteId']]);
    expect(await create({ quoteId, idempotencyKey: 'second' })).toEqual({ ...second, replayed: true });
    expect(await world.balance(to)).toBe(4_00n);
  });

  test('must be what was quoted, and is told which part is not', async () => {
    const quoteId = await quote();
    const other = await world.account(ada, 'USD', { funds: '10.00' });
    const mismatches: [object, string[]][] = [
      [{ source: { accountId: other } }, ['source']],
      [{ destination: { email: bob.email } }, ['destination']],
      [{ amount: { amount: '4.01', currency: 'USD' } }, ['amount', 'amount']],
      [{ amount: { amount: '4.00', currency: 'EUR' } }, ['amount', 'currency']],
      [{ preference: 'FAST' }, ['preference']],
    ];
    for (const [change, field] of mismatches) {
      expect(codes(await create({ quoteId, ...change }))).toEqual([['QUOTE_MISMATCH', ...field]]);
    }
    // Written otherwise, it means the same; and what it is for is the customer's own.
    const same = { source: { accountId: from.toUpperCase() }, amount: { amount: '4', currency: 'USD' } };
    expect(codes(await create({ quoteId, ...same, description: 'for lunch' }))).toEqual([]);
  });

  test('of somebody else is unknown', async () => {
    const quoteId = await quote();
    expect(codes(await create({ quoteId, source: { accountId: to }, destination: { accountId: from } }, bob))).toEqual([
      ['UNKNOWN_QUOTE', 'quoteId'],
    ]);
    expect(codes(await create({ quoteId: newId() }))).toEqual([['UNKNOWN_QUOTE', 'quoteId']]);
  });

  test('that the ledger refuses leaves it to be used', async () => {
    const quoteId = await quote({ amount: { amount: '40.00', currency: 'USD' } });
    const tooMuch = { quoteId, amount: { amount: '40.00', currency: 'USD' } };
    expect(codes(await create({ ...tooMuch, idempotencyKey: 'poor' }))).toEqual([
      ['INSUFFICIENT_FUNDS', 'amount', 'amount'],
    ]);
    expect(await usedBy(quoteId)).toBeNull();
    await world.fund(from, '30.00');
    expect(codes(await create(tooMuch))).toEqual([]);
    // The key of then stays what it was.
    expect(await create({ ...tooMuch, idempotencyKey: 'poor' })).toMatchObject({ transfer: null, replayed: true });
  });

  test.each([2, 10])('asked for by %i at once is made exactly once', async (atOnce) => {
    const quoteId = await quote();
    const answers = await Promise.all(Array.from({ length: atOnce }, () => create({ quoteId })));
    expect(answers.filter(({ transfer }) => transfer !== null)).toHaveLength(1);
    const refusals = answers.filter(({ transfer }) => transfer === null);
    expect(new Set(refusals.flatMap((answer) => codes(answer)[0]![0]))).toEqual(new Set(['QUOTE_ALREADY_USED']));
    expect(await world.balance(to)).toBe(4_00n);
  });

  test('of a deposit works the same way', async () => {
    const card = await world.link(ada);
    const deposit = { source: { paymentMethodId: card }, destination: { accountId: from } };
    const quoteId = await quote(deposit);
    const answers = await Promise.all([1, 2, 3].map(() => create({ ...deposit, quoteId })));
    const started = answers.filter(({ transfer }) => transfer !== null);
    expect(started).toHaveLength(1);
    expect(await usedBy(quoteId)).toBe(started[0]!.transfer!.id);
    expect(codes(await create({ ...deposit, quoteId, amount: { amount: '4.01', currency: 'USD' } }))).toEqual([
      ['QUOTE_MISMATCH', 'amount', 'amount'],
    ]);
    const refused = await create({ ...deposit, quoteId, idempotencyKey: 'deposit' });
    expect(codes(refused)).toEqual([['QUOTE_ALREADY_USED', 'quoteId']]);
    expect(await create({ ...deposit, quoteId, idempotencyKey: 'deposit' })).toEqual({ ...refused, replayed: true });
    await untilDepositsEnded();
  });

  test('of a deposit that is declined, or cancelled, can be used again', async () => {
    const card = await world.link(ada);
    const deposit = { source: { paymentMethodId: card }, destination: { accountId: from } };
    const quoteId = await quote(deposit);
    cards.script.push(async () => ({ outcome: 'DECLINED', chargeId: null, code: 'card_declined', message: 'No.' }));
    expect(codes(await create({ ...deposit, quoteId }))).toEqual([]);
    await untilDepositsEnded();
    expect(await usedBy(quoteId)).toBeNull();

    const relay = await holdRelay(world.admin);
    const { transfer } = await create({ ...deposit, quoteId });
    expect(await usedBy(quoteId)).toBe(transfer!.id);
    const { rows } = await world.admin.query('SELECT transfer.cancel_transfer($1, $2) AS refusal', [
      transfer!.id,
      ada.userId,
    ]);
    await relay.letGo();
    expect(rows).toEqual([{ refusal: null }]);
    expect(await usedBy(quoteId)).toBeNull();
  });

  test('of an exchange is made at the quoted rate, whatever the rate is by then', async () => {
    await world.recordRates({ date: '2026-09-28', perUsd: { EUR: '0.86' } });
    const euros = await world.account(ada, 'EUR');
    const exchange = { destination: { accountId: euros } };
    const quoteId = await quote(exchange);
    await world.recordRates({ date: '2026-09-29', perUsd: { EUR: '0.5' } });
    await until('the new rate counts', async () => {
      const { rows } = await world.admin.query<{ rate: string }>(
        `SELECT exchange->>'rate' AS rate FROM transfer.quote WHERE id = $1`,
        [await quote(exchange)],
      );
      return rows[0]!.rate === '0.4975';
    });
    const before = await world.balance(euros);
    const { transfer } = await create({ ...exchange, quoteId });
    // 4.00 x 0.86 x 0.995 = 3.4228: the spread is taken once.
    expect(transfer).toMatchObject({ exchangeRate: '0.8557', destinationAmount: { amount: '3.42' } });
    expect((await world.balance(euros)) - before).toBe(3_42n);
  });
});

describe('the time of a quote', () => {
  async function expire(quoteId: string, inMs: number): Promise<void> {
    await world.admin.query(
      `UPDATE transfer.quote SET expires_at = clock_timestamp() + $2 * interval '1 ms' WHERE id = $1`,
      [quoteId, inMs],
    );
  }

  test('includes its last moment and ends a millisecond later', async () => {
    const quoteId = await quote();
    const verdictAt = async (after: string) => {
      const { rows } = await world.admin.query<{ verdict: string | null }>(
        `SELECT transfer.quote_verdict(q, q.user_id, $2, q.expires_at + $3::interval) AS verdict FROM transfer.quote q WHERE id = $1`,
        [quoteId, newId(), after],
      );
      return rows[0]!.verdict;
    };
    expect(await verdictAt('-1 ms')).toBeNull();
    expect(await verdictAt('0')).toBeNull();
    expect(await verdictAt('0.999 ms')).toBeNull();
    expect(await verdictAt('1 ms')).toBe('QUOTE_EXPIRED');
    expect(await verdictAt('1 day')).toBe('QUOTE_EXPIRED');
  });

  test('is told by the database’s clock and by no other', async () => {
    const quoteId = await quote();
    world.faults.clockAheadMs = 3_600_000;
    expect(codes(await create({ quoteId }))).toEqual([]);
    const late = await quote();
    world.faults.clockAheadMs = -3_600_000;
    await expire(late, -1);
    expect(codes(await create({ quoteId: late }))).toEqual([['QUOTE_EXPIRED', 'quoteId']]);
    expect(await usedBy(late)).toBeNull();
  });

  test('that ends while a transfer waits for the quote has ended for it', async () => {
    const quoteId = await quote();
    await expire(quoteId, 500);
    const client = await world.admin.connect();
    try {
      await client.query('BEGIN');
      await client.query('SELECT FROM transfer.quote WHERE id = $1 FOR UPDATE', [quoteId]);
      const waiting = create({ quoteId });
      await until('the transfer waits for the quote', async () => {
        // On another connection: within a transaction pg_stat_activity stays as it was first read.
        const { rows } = await world.admin.query<{ waits: boolean; over: boolean }>(
          `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%create_transfers%') AS waits,
             (SELECT clock_timestamp() > expires_at + interval '1 ms' FROM transfer.quote WHERE id = $1) AS over`,
          [quoteId],
        );
        return rows[0]!.waits && rows[0]!.over;
      });
      await client.query('COMMIT');
      expect(codes(await waiting)).toEqual([['QUOTE_EXPIRED', 'quoteId']]);
    } finally {
      client.release();
    }
  });

  test('once over and unused, it is forgotten some days later', async () => {
    const [old, used] = [await quote(), await quote()];
    await create({ quoteId: used });
    await world.admin.query(`UPDATE transfer.quote SET expires_at = now() - interval '8 days' WHERE id IN ($1, $2)`, [
      old,
      used,
    ]);
    const fresh = await quote();
    await forgetQuotes(world.jobsPool(), 1_000);
    const left = await world.admin.query<{ id: string }>('SELECT id FROM transfer.quote WHERE id = ANY ($1)', [
      [old, used, fresh],
    ]);
    expect(left.rows.map(({ id }) => id).sort()).toEqual([used, fresh].sort());
  });
});

async function untilDepositsEnded(): Promise<void> {
  await until('every deposit has ended', async () => {
    const { rows } = await world.admin.query(
      `SELECT FROM transfer.transfer WHERE type = 'DEPOSIT' AND status NOT IN ('COMPLETED', 'FAILED')`,
    );
    return rows.length === 0;
  });
}
