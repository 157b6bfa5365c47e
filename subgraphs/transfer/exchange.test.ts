import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { newId, type AccountId } from '../../platform/ids.ts';
import { until } from '../../tests/until.ts';
import { ALLOW, openTransferWorld, type Customer, type TransferWorld } from '../../tests/transfer-world.ts';

const TRANSFER = `fragment All on Transfer {
  id type status amount { amount currency } destinationAmount { amount currency } exchangeRate fees { amount currency }
  source { account { id } label } destination { account { id } label } timeline { status }
}`;
const CREATE = `${TRANSFER} mutation ($input: CreateTransferInput!) {
  createTransfer(input: $input) { transfer { ...All } replayed userErrors { code field retryable } }
}`;
const READ = `${TRANSFER} query ($id: ID!) { transfer(id: $id) { ...All } }`;
const FOLLOW = `${TRANSFER} subscription ($id: ID!) { transferUpdated(transferId: $id) { ...All } }`;

interface Payload {
  transfer: { id: string; exchangeRate: string; destinationAmount: { amount: string } } | null;
  replayed: boolean;
  userErrors: { code: string; retryable: boolean }[];
}

let world: TransferWorld;
let ada: Customer;
let euros: AccountId;
let dollars: AccountId;

beforeAll(async () => {
  world = await openTransferWorld();
});
beforeEach(async () => {
  world.risk.answer = async () => ALLOW;
  world.faults.listenersCaughtUp = null;
  ada = await world.customer('Ada Lovelace');
  euros = await world.account(ada, 'EUR', { funds: '100.00' });
  dollars = await world.account(ada);
});
afterEach(() => world.proveBooks());
afterAll(() => world.close());

let keys = 0;

async function exchange(change: Record<string, unknown> = {}, as = ada): Promise<Payload> {
  const input = {
    idempotencyKey: `exchange-${keys++}`,
    source: { accountId: euros },
    destination: { accountId: dollars },
    amount: { amount: '33.33', currency: 'EUR' },
    ...change,
  };
  const result = await world.execute(as, CREATE, { input });
  expect(result.errors).toBeUndefined();
  return result.data!['createTransfer'] as Payload;
}

/** What the entry of a transfer put onto which kind of account. */
async function postingsOf(transferId: string) {
  const { rows } = await world.admin.query<Record<string, string>>(
    `SELECT a.kind, p.currency, p.amount::text, p.line_type AS "lineType", p.counterparty
     FROM ledger.entry e JOIN ledger.posting p ON p.entry_id = e.id JOIN ledger.account a ON a.id = p.account_id
     WHERE e.transfer_id = $1 ORDER BY p.id`,
    [transferId],
  );
  return rows;
}

describe('an exchange', () => {
  test('without rates is refused, and may be asked for again', async () => {
    const idempotencyKey = 'patient';
    const before = await world.stored();
    expect(await exchange({ idempotencyKey })).toMatchObject({
      transfer: null,
      userErrors: [{ code: 'RATE_UNAVAILABLE', retryable: true }],
    });
    expect(await world.stored()).toEqual(before);
    // The rates are recorded but this subgraph has not heard of them: it waits for them.
    await world.recordRates({ date: '2026-09-28', perUsd: { EUR: '0.9' } }, { unheard: true });
    expect(await exchange({ idempotencyKey })).toMatchObject({ replayed: false, userErrors: [] });
    await world.recordRates({
      date: '2026-09-29',
      perUsd: { EUR: '0.86', JPY: '157.5', KWD: '0.306', ETH: '0.00025' },
    });
  });

  test('shows rate and arrival, at once, later, live and to a repetition', async () => {
    await world.account(ada, 'JPY');
    const answer = await untilRateIs('1.156976744');
    const { transfer } = answer;
    expect(transfer).toEqual({
      id: expect.any(String),
      type: 'EXCHANGE',
      status: 'COMPLETED',
      amount: { amount: '33.33', currency: 'EUR' },
      // 33.33 x 1.156976744 = 38.56203487…
      destinationAmount: { amount: '38.56', currency: 'USD' },
      exchangeRate: '1.156976744',
      fees: { amount: '0.00', currency: 'EUR' },
      source: { account: { id: euros }, label: 'Ada Lovelace (EUR)' },
      destination: { account: { id: dollars }, label: 'Ada Lovelace (USD)' },
      timeline: [{ status: 'INITIATED' }, { status: 'COMPLETED' }],
    });
    expect(await world.execute(ada, READ, { id: transfer!.id })).toEqual({ data: { transfer } });
    const stream = world.subscribe(ada, FOLLOW, { id: transfer!.id });
    expect((await stream.next()).value).toMatchObject({ result: { data: { transferUpdated: transfer } } });
    await stream.return!();
    const other = await world.customer('Bob');
    expect(await world.execute(other, READ, { id: transfer!.id })).toEqual({ data: { transfer: null } });
  });

  test('shown again by its key is at the rate of then, whatever the rate is now', async () => {
    const idempotencyKey = 'once';
    const first = await exchange({ idempotencyKey });
    await world.recordRates({ date: '2026-09-30', perUsd: { EUR: '0.5', JPY: '157.5', KWD: '0.306', ETH: '0.00025' } });
    const balance = await world.balance(dollars);
    expect(await exchange({ idempotencyKey })).toEqual({ ...first, replayed: true });
    expect(await world.balance(dollars)).toBe(balance);
    await untilRateIs('1.99');
    await world.recordRates({
      date: '2026-10-01',
      perUsd: { EUR: '0.86', JPY: '157.5', KWD: '0.306', ETH: '0.00025' },
    });
    await untilRateIs('1.156976744');
  });

  test('posts both sides apart, the spread to the fees, and what rounding leaves to FX_ROUNDING', async () => {
    const { transfer } = await exchange();
    expect(await world.balance(euros)).toBe(66_67n);
    expect(await world.balance(dollars)).toBe(38_56n);
    const bank = { lineType: 'EXCHANGE', counterparty: null };
    expect(await postingsOf(transfer!.id)).toEqual([
      { kind: 'PERSONAL', currency: 'EUR', amount: '-3333', lineType: 'EXCHANGE', counterparty: 'Ada Lovelace (USD)' },
      { kind: 'FX', currency: 'EUR', amount: '3333', ...bank },
      // 33.33 / 0.86 = 38.7558…; of that 0.1938 are earned.
      { kind: 'FX', currency: 'USD', amount: '-3876', ...bank },
      { kind: 'PERSONAL', currency: 'USD', amount: '3856', lineType: 'EXCHANGE', counterparty: 'Ada Lovelace (EUR)' },
      { kind: 'FEE', currency: 'USD', amount: '19', ...bank },
      { kind: 'FX_ROUNDING', currency: 'USD', amount: '1', ...bank },
    ]);
  });

  test.each([
    ['JPY', '10000', '63.17'],
    ['KWD', '1.234', '4.01'],
    ['ETH', '0.123456789012345678', '491.36'],
  ])('from %s keeps to the decimals of both currencies', async (currency, amount, arrives) => {
    const from = await world.account(ada, currency, { funds: amount });
    const to = await world.account(ada, 'USD');
    const out = await exchange({
      source: { accountId: from },
      destination: { accountId: to },
      amount: { amount, currency },
    });
    expect(out.transfer!.destinationAmount.amount).toBe(arrives);
    const back = await exchange({
      source: { accountId: to },
      destination: { accountId: from },
      amount: { amount: arrives, currency: 'USD' },
    });
    expect(Number(back.transfer!.destinationAmount.amount)).toBeLessThan(Number(amount));
    expect(await world.balance(to)).toBe(0n);
  });

  test('of more than there is is refused for ever under its key', async () => {
    const idempotencyKey = 'too much';
    const amount = { amount: '100.01', currency: 'EUR' };
    const refused = { transfer: null, userErrors: [{ code: 'INSUFFICIENT_FUNDS' }] };
    expect(await exchange({ idempotencyKey, amount })).toMatchObject({ ...refused, replayed: false });
    await world.fund(euros, '50.00', 'EUR');
    expect(await exchange({ idempotencyKey, amount })).toMatchObject({ ...refused, replayed: true });
    expect(await world.balance(dollars)).toBe(0n);
  });

  test('is asked about like every transfer, and counts against no limit', async () => {
    world.risk.asked.length = 0;
    await exchange();
    expect(world.risk.asked).toMatchObject([
      { type: 'EXCHANGE', sourceAccountId: euros, destinationAccountId: dollars, recipientId: ada.userId },
    ]);
    world.risk.answer = async () => ({ ...ALLOW, decision: 'BLOCK' });
    expect(await exchange()).toMatchObject({ transfer: null, userErrors: [{ code: 'NOT_PROCESSED' }] });
  });

  test('twenty at once under one key are one', async () => {
    const idempotencyKey = newId();
    const answers = await Promise.all(Array.from({ length: 20 }, () => exchange({ idempotencyKey })));
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(new Set(answers.map(({ transfer }) => JSON.stringify(transfer))).size).toBe(1);
    expect(await world.balance(euros)).toBe(66_67n);
  });

  test('to somebody else is none', async () => {
    const bob = await world.customer('Bob');
    const theirs = await world.account(bob);
    expect(await exchange({ destination: { accountId: theirs } })).toMatchObject({
      userErrors: [{ code: 'CURRENCY_MISMATCH', field: ['destination', 'accountId'] }],
    });
    expect(await exchange({}, bob)).toMatchObject({
      userErrors: [{ code: 'ACCOUNT_NOT_FOUND', field: ['source', 'accountId'] }],
    });
  });
});

/** Exchanges until the newest rates are the ones in use: they are read once a second. */
async function untilRateIs(rate: string): Promise<Payload> {
  for (;;) {
    const answer = await exchange({ amount: { amount: '33.33', currency: 'EUR' } });
    if (answer.transfer?.exchangeRate === rate) return answer;
    await world.fund(euros, '33.33', 'EUR');
  }
}

test('an exchange at rates that are too old is refused where real money is changed', async () => {
  const strict = await openTransferWorld({ exchangeMaxAgeDays: 3 });
  const bo = await strict.customer('Bo Diddley');
  const accounts = [await strict.account(bo, 'EUR', { funds: '100.00' }), await strict.account(bo)];
  const day = (daysAgo: number) => new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 10);
  const ask = async (idempotencyKey: string) => {
    const [source, destination] = accounts.map((accountId) => ({ accountId }));
    const input = { idempotencyKey, source, destination, amount: { amount: '10.00', currency: 'EUR' } };
    const { data } = await strict.execute(bo, CREATE, { input });
    return data!['createTransfer'] as Payload;
  };
  await strict.recordRates({ date: day(4), perUsd: { EUR: '0.9' } });
  expect(await ask('too-old')).toMatchObject({ transfer: null, userErrors: [{ code: 'RATE_UNAVAILABLE' }] });
  await strict.recordRates({ date: day(3), perUsd: { EUR: '0.8' } });
  // The rates are read once a second.
  const done = await until('the new rates are read', async () => {
    const answer = await ask('too-old');
    return answer.transfer && answer;
  });
  expect(done!.transfer).toMatchObject({ destinationAmount: { amount: '12.44' } });
  await strict.close();
});
