import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AccountId, TransferId } from '../../../platform/ids.ts';
import { REVIEW } from '../../../tests/payout-scene.ts';
import { ALLOW, openTransferWorld, type Customer, type TransferWorld } from '../../../tests/transfer-world.ts';

let world: TransferWorld;
let ada: Customer;
let ben: Customer;
let eve: Customer;
let staff: Customer;
let from: AccountId;
let to: AccountId;

beforeAll(async () => {
  world = await openTransferWorld();
  [ada, ben, eve] = [await world.customer('Ada'), await world.customer('Ben'), await world.customer('Eve')];
  const kim = await world.customer('Kim');
  staff = { ...kim, viewer: { ...kim.viewer, roles: ['ADMIN'] } };
});
afterAll(async () => {
  try {
    await world.proveBooks();
  } finally {
    await world.close();
  }
});

const SHOWN = `id status amount { amount currency } refundedAmount { amount } refundOf { id } refunds { id }
  source { label account { id } } destination { label account { id } } timeline { status step note }`;
const REFUND = `mutation ($input: RefundTransferInput!) { refundTransfer(input: $input) {
  replayed refund { ${SHOWN} } userErrors { code field retryable } } }`;
const REVERSE = `mutation ($input: ReverseTransferInput!) { reverseTransfer(input: $input) {
  replayed refund { ${SHOWN} } userErrors { code field retryable } } }`;

interface Shown {
  id: TransferId;
  status: string;
  refundedAmount: { amount: string };
  refunds: { id: string }[];
  timeline: { status: string; step: string | null; note: string | null }[];
}
interface Answer {
  replayed: boolean;
  refund: Shown | null;
  userErrors: { code: string; field: string[] | null }[];
}

let keys = 0;

/** Ada pays Ben, on accounts of this payment alone. */
async function pay(amount = '100.00', currency = 'USD'): Promise<TransferId> {
  from = await world.account(ada, currency, { funds: amount });
  to = await world.account(ben, currency);
  const input = {
    idempotencyKey: `pay-${++keys}`,
    source: { accountId: from },
    destination: { accountId: to },
    amount: { amount, currency },
    description: 'Chairs',
  };
  const { data } = await world.execute(
    ada,
    `mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } userErrors { code } } }`,
    { input },
  );
  return (data!['createTransfer'] as { transfer: { id: TransferId } }).transfer.id;
}

async function refund(as: Customer, input: Record<string, unknown>): Promise<Answer> {
  const { data, errors } = await world.execute(as, REFUND, { input: { idempotencyKey: `r-${++keys}`, ...input } });
  if (errors) throw new Error(JSON.stringify(errors));
  return data!['refundTransfer'] as Answer;
}

async function reverse(input: Record<string, unknown>): Promise<Answer> {
  const variables = { input: { idempotencyKey: `r-${++keys}`, reason: 'Sent in error', ...input } };
  const { data, errors } = await world.execute(staff, REVERSE, variables);
  if (errors) throw new Error(JSON.stringify(errors));
  return data!['reverseTransfer'] as Answer;
}

async function read(id: TransferId, as = ada): Promise<Shown> {
  const { data } = await world.execute(as, `query ($id: ID!) { transfer(id: $id) { ${SHOWN} } }`, { id });
  return data!['transfer'] as Shown;
}

const usd = (amount: string) => ({ amount, currency: 'USD' });
const codes = ({ userErrors }: Answer) => userErrors.map(({ code }) => code);

/** The original's rows in the books, as text. */
async function booksOf(id: TransferId): Promise<string> {
  const { rows } = await world.admin.query<{ rows: string }>(
    `SELECT json_agg(json_build_array(e, p) ORDER BY p.id)::text AS rows
     FROM ledger.entry e JOIN ledger.posting p ON p.entry_id = e.id WHERE e.transfer_id = $1`,
    [id],
  );
  return rows[0]!.rows;
}

describe('refundTransfer', () => {
  test('gives a part back, links the two, and leaves the original’s entry as it was', async () => {
    const paid = await pay();
    const before = await booksOf(paid);
    const { refund: made, userErrors } = await refund(ben, {
      transferId: paid,
      amount: usd('30.5'),
      description: 'One broke',
    });
    expect(userErrors).toEqual([]);
    expect(made).toMatchObject({
      status: 'COMPLETED',
      amount: usd('30.50'),
      refundOf: { id: paid },
      source: { label: 'Ben', account: { id: to } },
      destination: { label: 'Ada', account: null },
    });
    expect(await read(paid)).toMatchObject({
      status: 'COMPLETED',
      refundedAmount: { amount: '30.50' },
      refunds: [{ id: made!.id }],
      timeline: [
        { status: 'INITIATED' },
        { status: 'COMPLETED', step: null },
        { status: 'COMPLETED', step: 'REFUNDED' },
      ],
    });
    expect([await world.balance(from), await world.balance(to)]).toEqual([3_050n, 6_950n]);
    expect(await booksOf(paid)).toBe(before);
  });

  test('gives back what remains when no amount is said, and the original is REVERSED then', async () => {
    const paid = await pay();
    await refund(ben, { transferId: paid, amount: usd('99.99') });
    expect((await refund(ben, { transferId: paid })).refund).toMatchObject({ amount: usd('0.01') });
    expect(await read(paid)).toMatchObject({ status: 'REVERSED', refundedAmount: { amount: '100.00' } });
    expect(await world.balance(to)).toBe(0n);
    expect(codes(await refund(ben, { transferId: paid }))).toEqual(['REFUND_EXCEEDS_REMAINING']);
  });

  test('never gives more than remains, also when ten ask at once', async () => {
    const paid = await pay();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => refund(ben, { transferId: paid, amount: usd('30.00') })),
    );
    const refused = answers.filter(({ refund: made }) => made === null);
    expect(answers.length - refused.length).toBe(3);
    expect(new Set(refused.flatMap(codes))).toEqual(new Set(['REFUND_EXCEEDS_REMAINING']));
    expect([await world.balance(from), await world.balance(to)]).toEqual([9_000n, 1_000n]);
  });

  test('is done once per key, also by two at the same moment; another body is refused', async () => {
    const paid = await pay();
    const input = { idempotencyKey: 'the-one', transferId: paid, amount: usd('10.00') };
    const answers = await Promise.all([refund(ben, input), refund(ben, { ...input, amount: usd('10') })]);
    expect(answers.map(({ replayed }) => replayed).sort()).toEqual([false, true]);
    expect(answers[0].refund!.id).toBe(answers[1].refund!.id);
    expect(await world.balance(from)).toBe(1_000n);
    expect(codes(await refund(ben, { ...input, amount: usd('11.00') }))).toEqual(['IDEMPOTENCY_KEY_REUSED']);
  });

  test('that was refused stays refused for its key, though there is money later', async () => {
    const paid = await pay();
    const elsewhere = await world.account(ben);
    const spend = { idempotencyKey: 'spent', source: { accountId: to }, destination: { accountId: elsewhere } };
    await world.execute(ben, `mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { replayed } }`, {
      input: { ...spend, amount: usd('95.00') },
    });
    const input = { idempotencyKey: 'too-late', transferId: paid, amount: usd('5.01') };
    expect(codes(await refund(ben, input))).toEqual(['INSUFFICIENT_FUNDS']);
    await world.fund(to, '50.00');
    expect(await refund(ben, input)).toMatchObject({
      replayed: true,
      refund: null,
      userErrors: [{ code: 'INSUFFICIENT_FUNDS' }],
    });
    expect((await refund(ben, { transferId: paid, amount: usd('5.01') })).refund).not.toBeNull();
  });

  test('is the recipient’s alone: to the sender and to others there is no such transfer', async () => {
    const paid = await pay();
    for (const other of [ada, eve, staff]) {
      expect(await refund(other, { transferId: paid })).toMatchObject({
        userErrors: [{ code: 'TRANSFER_NOT_FOUND', field: ['transferId'] }],
      });
    }
    expect(codes(await refund(ben, { transferId: 'none' }))).toEqual(['TRANSFER_NOT_FOUND']);
    expect(await world.balance(from)).toBe(0n);
  });

  test('of what a person must look at first, and has not arrived, is refused', async () => {
    world.risk.answer = async () => REVIEW;
    const id = await pay();
    world.risk.answer = async () => ALLOW;
    const early = await refund(ben, { transferId: id });
    expect([codes(early), early.refund]).toEqual([['NOT_REFUNDABLE'], null]);
    expect((await read(id)).status).toBe('HELD_FOR_REVIEW');
  });

  test('of a refund is refused', async () => {
    const paid = await pay();
    const { refund: made } = await refund(ben, { transferId: paid });
    expect(codes(await refund(ada, { transferId: made!.id }))).toEqual(['REVERSAL_OF_REVERSAL']);
  });

  test.each([
    [{ amount: { amount: '0', currency: 'USD' } }, 'AMOUNT_NOT_POSITIVE'],
    [{ amount: { amount: '-5', currency: 'USD' } }, 'AMOUNT_NOT_POSITIVE'],
    [{ amount: { amount: '1.001', currency: 'USD' } }, 'TOO_MANY_DECIMALS'],
    [{ amount: { amount: '1', currency: 'EUR' } }, 'CURRENCY_MISMATCH'],
    [{ amount: { amount: '100.01', currency: 'USD' } }, 'REFUND_EXCEEDS_REMAINING'],
    [{ idempotencyKey: '' }, 'INVALID_IDEMPOTENCY_KEY'],
    [{ description: 'x'.repeat(141) }, 'DESCRIPTION_TOO_LONG'],
    [{ description: 'a\u0000' }, 'INVALID_DESCRIPTION'],
  ])('with %j is refused: %s', async (change, code) => {
    const paid = await pay();
    const before = await world.stored();
    expect(codes(await refund(ben, { transferId: paid, ...change }))).toEqual([code]);
    // What the database decided is stored with its key; nothing else leaves a trace.
    const keysMore = code === 'REFUND_EXCEEDS_REMAINING' ? 1 : 0;
    expect(await world.stored()).toEqual({ ...before, keys: before['keys']! + keysMore });
  });
});

describe('reverseTransfer', () => {
  test('is staff’s: a customer is told FORBIDDEN and nothing moves', async () => {
    const paid = await pay();
    const input = { idempotencyKey: 'mine', transferId: paid, reason: 'Please' };
    const { errors } = await world.execute(ada, REVERSE, { input });
    expect(errors![0]!.extensions['code']).toBe('FORBIDDEN');
    expect(await world.balance(from)).toBe(0n);
  });

  test('is nobody’s to do with money of their own: neither who gets it back nor who had it', async () => {
    const paid = await pay();
    for (const own of [ada, ben]) {
      const admin: Customer = { ...own, viewer: { ...own.viewer, roles: ['ADMIN'] } };
      for (const shortfall of ['REFUSE', 'RECEIVABLE']) {
        const input = { idempotencyKey: `own-${++keys}`, transferId: paid, reason: 'Mine', shortfall };
        const { data } = await world.execute(admin, REVERSE, { input });
        expect(data!['reverseTransfer']).toMatchObject({
          refund: null,
          userErrors: [{ code: 'OWN_TRANSFER', field: ['transferId'] }],
        });
      }
    }
    expect([await world.balance(from), await world.balance(to)]).toEqual([0n, 10_000n]);
    expect((await reverse({ transferId: paid })).userErrors).toEqual([]);
  });

  test('says why on the timeline', async () => {
    const paid = await pay();
    expect((await reverse({ transferId: paid })).userErrors).toEqual([]);
    expect((await read(paid)).timeline.at(-1)).toEqual({ status: 'REVERSED', step: 'REFUNDED', note: 'Sent in error' });
  });

  test('of money that was spent is refused, or laid out by the bank as a receivable, as staff says', async () => {
    const paid = await pay('100.00');
    const elsewhere = await world.account(ben);
    const input = {
      idempotencyKey: 'gone',
      source: { accountId: to },
      destination: { accountId: elsewhere },
      amount: usd('60.00'),
    };
    await world.execute(ben, `mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { replayed } }`, {
      input,
    });
    expect(codes(await reverse({ transferId: paid }))).toEqual(['INSUFFICIENT_FUNDS']);
    expect((await reverse({ transferId: paid, shortfall: 'RECEIVABLE' })).userErrors).toEqual([]);
    expect([await world.balance(from), await world.balance(to)]).toEqual([10_000n, 0n]);
    const { rows } = await world.admin.query(
      `SELECT r.amount::text, r.receivable::text, r.debtor_id, (
         SELECT sum(p.amount)::text FROM ledger.posting p JOIN ledger.account a ON a.id = p.account_id
         WHERE p.entry_id = r.entry_id AND a.kind = 'RECEIVABLE') AS laid_out
       FROM ledger.reversal r JOIN ledger.entry e ON e.id = r.reverses WHERE e.transfer_id = $1`,
      [paid],
    );
    expect(rows).toEqual([{ amount: '10000', receivable: '6000', debtor_id: ben.userId, laid_out: '-6000' }]);
  });

  test('under one key stands for one wish: another shortfall is another', async () => {
    const transferId = await pay();
    const idempotencyKey = 'one-wish';
    expect(codes(await reverse({ idempotencyKey, transferId, shortfall: 'REFUSE' }))).toEqual([]);
    const other = await reverse({ idempotencyKey, transferId, shortfall: 'RECEIVABLE' });
    expect(codes(other)).toEqual(['IDEMPOTENCY_KEY_REUSED']);
  });

  test('against a frozen account is refused', async () => {
    const paid = await pay();
    await world.setStatus(to, 'FROZEN');
    expect(codes(await reverse({ transferId: paid, shortfall: 'RECEIVABLE' }))).toEqual(['ACCOUNT_FROZEN']);
    await world.setStatus(to, 'ACTIVE');
  });

  test('of an exchange is refused: one changes back instead', async () => {
    await world.recordRates({ date: '2026-01-02', perUsd: { EUR: '0.5', USD: '1' } });
    const [usdAccount, eurAccount] = [
      await world.account(ada, 'USD', { funds: '10.00' }),
      await world.account(ada, 'EUR'),
    ];
    const { data } = await world.execute(
      ada,
      `mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } userErrors { code } } }`,
      {
        input: {
          idempotencyKey: 'exchange',
          source: { accountId: usdAccount },
          destination: { accountId: eurAccount },
          amount: usd('10.00'),
        },
      },
    );
    const { transfer } = data!['createTransfer'] as { transfer: { id: TransferId } };
    expect(codes(await reverse({ transferId: transfer.id }))).toEqual(['NOT_REFUNDABLE']);
  });
});
