import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { AccountId } from '../../../platform/ids.ts';
import { createBatch, endedBatch, verdicts, type Ask } from '../../../tests/batch-world.ts';
import { openTransferWorld, type Customer, type TransferWorld } from '../../../tests/transfer-world.ts';

/* What can never be done is told in the answer to createBatch, before anything runs. */

let world: TransferWorld;
let ada: Customer;
let from: AccountId;
let to: AccountId;
let keys = 0;

beforeAll(async () => {
  world = await openTransferWorld();
  ada = await world.customer('Ada');
  to = await world.account(await world.customer('Bob'));
});
beforeEach(async () => {
  from = await world.account(ada, 'USD', { funds: '100.00' });
});
afterEach(() => world.proveBooks());
afterAll(() => world.close());

const ask: Ask = async (query, variables) => {
  const { data, errors } = await world.execute(ada, query, variables);
  if (errors) throw new Error(JSON.stringify(errors));
  return data as Record<string, unknown>;
};
const item = (itemKey: string, more: Record<string, unknown> = {}) => ({
  itemKey,
  source: { accountId: from },
  destination: { accountId: to },
  amount: { amount: '1.00', currency: 'USD' },
  ...more,
});
const asked = () => world.risk.asked.length;
const jobs = async (id: string) =>
  (await world.admin.query('SELECT FROM transfer_jobs.jobs WHERE key = $1', [`batch:${id}`])).rowCount;

const create = async (mode: string, items: object[], idempotencyKey = `batch-${++keys}`) => {
  const answer = await createBatch(ask, { idempotencyKey, mode, items });
  expect(answer.userErrors).toEqual([]);
  return answer;
};

test('items that can never be done are refused in the answer, and the others are done', async () => {
  const { batch } = await create('EACH', [
    item('fine'),
    item('itself', { destination: { accountId: from } }),
    item('nonsense', { amount: { amount: '1e3', currency: 'USD' } }),
    item('euros', { amount: { amount: '1', currency: 'EUR' } }),
    item('not mine', { source: { accountId: to } }),
    item('nobody', { destination: { email: 'nobody@example.com' } }),
    item('fine too'),
  ]);
  const told = verdicts(batch!);
  expect(told.slice(1, 6)).toEqual([
    'itself REFUSED SAME_ACCOUNT',
    'nonsense REFUSED INVALID_AMOUNT',
    'euros REFUSED CURRENCY_MISMATCH',
    'not mine REFUSED ACCOUNT_NOT_FOUND',
    'nobody REFUSED UNKNOWN_RECIPIENT',
  ]);
  expect(batch).toMatchObject({ status: 'PROCESSING', counts: { total: 7, pending: 2, done: 0, refused: 5 } });
  const ended = await endedBatch(ask, batch!.id);
  expect(ended).toMatchObject({ status: 'COMPLETED', counts: { done: 2, refused: 5 } });
  expect(await world.balance(from)).toBe(9_800n);
});

test('a batch of which nothing can be done has ended in the answer, and nobody works on it', async () => {
  const before = asked();
  const { batch } = await create('EACH', [item('itself', { destination: { accountId: from } })]);
  expect(batch).toMatchObject({ status: 'COMPLETED', counts: { pending: 0, refused: 1 }, endedAt: expect.any(String) });
  expect([await jobs(batch!.id), asked() - before]).toEqual([0, 0]);
});

test('one item that can never be done refuses a batch of all or nothing in the answer', async () => {
  const before = asked();
  const items = [item('fine'), item('itself', { destination: { accountId: from } })];
  const { batch } = await create('ALL_OR_NOTHING', items, 'all-of-it');
  expect(verdicts(batch!)).toEqual(['fine REFUSED BATCH_REFUSED', 'itself REFUSED SAME_ACCOUNT']);
  expect(batch!.status).toBe('REFUSED');
  expect(await jobs(batch!.id)).toBe(0);
  const again = await create('ALL_OR_NOTHING', items, 'all-of-it');
  expect(again).toMatchObject({ replayed: true, batch: { id: batch!.id, status: 'REFUSED' } });
  expect(asked()).toBe(before);
  expect(await world.balance(from)).toBe(10_000n);
});

test('items that cannot be judged just now wait for their turn', async () => {
  world.faults.listenersCaughtUp = () => Promise.reject(new Error('behind'));
  const late = await world.customer('Late', { unheard: true });
  await world.account(late);
  const { batch } = await create('EACH', [item('late', { destination: { email: late.email } }), item('fine')]);
  expect(batch!.counts.refused).toBe(0);
  world.faults.listenersCaughtUp = null;
  expect(verdicts(await endedBatch(ask, batch!.id))).toEqual(['late DONE', 'fine DONE']);
});

test('a thousand items are judged and taken at once', async () => {
  const items = Array.from({ length: 1_000 }, (_, n) =>
    item(`item-${n}`, n % 2 ? { destination: { accountId: from } } : { amount: { amount: '0', currency: 'USD' } }),
  );
  const { batch } = await create('EACH', items);
  const ended = await endedBatch(ask, batch!.id, 60_000);
  expect(ended.counts).toEqual({ total: 1_000, pending: 0, done: 0, refused: 1_000 });
});
