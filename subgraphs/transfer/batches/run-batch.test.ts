import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { AccountId } from '../../../platform/ids.ts';
import { createBatch, endedBatch, seeBatch, verdicts, type Ask } from '../../../tests/batch-world.ts';
import { blocked, hold, type Held } from '../../../tests/deposit-jobs.ts';
import { ALLOW, openTransferWorld, type Customer, type TransferWorld } from '../../../tests/transfer-world.ts';
import { until } from '../../../tests/until.ts';

let world: TransferWorld;
let ada: Customer;
let bob: Customer;
let from: AccountId;
let to: AccountId;
let keys = 0;
const held: Held[] = [];

beforeAll(async () => {
  world = await openTransferWorld();
  ada = await world.customer('Ada');
  bob = await world.customer('Bob');
  await world.recordRates({ date: '2026-11-20', perUsd: { EUR: '0.9' } });
});

beforeEach(async () => {
  world.risk.answer = async () => ALLOW;
  from = await world.account(ada, 'USD', { funds: '100.00' });
  to = await world.account(bob);
});

afterEach(async () => {
  for (const each of held.splice(0)) await each.letGo();
  await world.proveBooks();
});
afterAll(() => world.close());

const ask: Ask = async (query, variables) => {
  const { data, errors } = await world.execute(ada, query, variables);
  if (errors) throw new Error(JSON.stringify(errors));
  return data as Record<string, unknown>;
};

const item = (itemKey: string, amount: string, more: Record<string, unknown> = {}) => ({
  itemKey,
  source: { accountId: from },
  destination: { accountId: to },
  amount: { amount, currency: 'USD' },
  ...more,
});

async function start(mode: 'EACH' | 'ALL_OR_NOTHING', items: object[]): Promise<string> {
  const { batch, userErrors } = await createBatch(ask, { idempotencyKey: `batch-${++keys}`, mode, items });
  expect(userErrors).toEqual([]);
  return batch!.id;
}

const run = async (mode: 'EACH' | 'ALL_OR_NOTHING', items: object[]) => endedBatch(ask, await start(mode, items));

/** How many transfers left the account, and how many keys and events there are of them. */
async function traces(): Promise<{ transfers: number; keys: number; events: number }> {
  const { rows } = await world.admin.query<{ transfers: number; keys: number; events: number }>(
    `SELECT (SELECT count(*)::int FROM transfer.transfer WHERE source_account_id = $1) AS transfers,
       (SELECT count(*)::int FROM transfer.idempotency_key WHERE key LIKE 'batch:%') AS keys,
       (SELECT count(*)::int FROM platform.event WHERE type IN ('TransferCompleted', 'EntryPosted')) AS events`,
    [from],
  );
  return rows[0]!;
}

test.each(['EACH', 'ALL_OR_NOTHING'] as const)(
  'a batch of %s asks risk as for every transfer, from where it was asked for, and forgets it',
  async (mode) => {
    const before = world.risk.asked.length;
    const { id } = await run(mode, [item('a', '1.00'), item('b', '2.00')]);
    const asked = { customerId: ada.userId, origin: { ip: '192.0.2.1', deviceId: 'device-1' } };
    expect(world.risk.asked.slice(before)).toMatchObject([asked, asked]);
    const { rows } = await world.admin.query('SELECT origin FROM transfer.batch WHERE id = $1', [id]);
    expect(rows).toEqual([{ origin: null }]);
  },
);

describe('a batch of items that stand each for itself', () => {
  test('gives each its own verdict', async () => {
    const batch = await run('EACH', [
      item('rent', '10.00'),
      item('too much', '500.00'),
      item('nonsense', '1e3'),
      item('nobody', '1.00', { destination: { email: 'nobody@example.com' } }),
      item('not mine', '1.00', { source: { accountId: to } }),
      item('two ends', '1.00', { destination: { accountId: to, email: bob.email } }),
      item('with a null', '1.00', { description: 'a\u0000b' }),
      item('food', '5.00', { destination: { email: bob.email } }),
    ]);
    expect(verdicts(batch)).toEqual([
      'rent DONE',
      'too much REFUSED INSUFFICIENT_FUNDS',
      'nonsense REFUSED INVALID_AMOUNT',
      'nobody REFUSED UNKNOWN_RECIPIENT',
      'not mine REFUSED ACCOUNT_NOT_FOUND',
      'two ends REFUSED EXACTLY_ONE_END',
      'with a null REFUSED INVALID_DESCRIPTION',
      'food DONE',
    ]);
    expect(batch).toMatchObject({ status: 'COMPLETED', counts: { total: 8, pending: 0, done: 2, refused: 6 } });
    expect(batch.items.edges[2]!.node.userErrors).toEqual([{ code: 'INVALID_AMOUNT', field: ['amount', 'amount'] }]);
    expect(batch.items.edges[0]!.node.transfer).toMatchObject({ status: 'COMPLETED' });
    expect(await world.balance(from)).toBe(8500n);
  });

  test('that cannot be checked just now is tried again, and keeps nobody waiting', async () => {
    let isAway = true;
    world.risk.answer = async ({ amountMinor }) => {
      if (amountMinor === '777' && isAway) throw new Error('risk is away');
      return ALLOW;
    };
    const id = await start('EACH', [item('late', '7.77'), item('prompt', '1.00')]);
    await until('the other item is done', async () => (await seeBatch(ask, id))!.counts.done === 1);
    expect(verdicts((await seeBatch(ask, id))!)).toEqual(['late PENDING', 'prompt DONE']);
    isAway = false;
    expect(verdicts(await endedBatch(ask, id))).toEqual(['late DONE', 'prompt DONE']);
  });

  test('that cannot be checked for a day is refused', async () => {
    world.risk.answer = async () => Promise.reject(new Error('risk is away'));
    const id = await start('EACH', [item('late', '7.77')]);
    await world.admin.query(`UPDATE transfer.batch SET created_at = created_at - interval '25 hours' WHERE id = $1`, [
      id,
    ]);
    expect(verdicts(await endedBatch(ask, id))).toEqual(['late REFUSED RISK_UNAVAILABLE']);
  });

  test('that was cut off in the middle is carried on, and nothing is done twice', async () => {
    const items = Array.from({ length: 100 }, (_, n) => item(`item-${n}`, '0.50'));
    const id = await start('EACH', items);
    await endedBatch(ask, id);
    // As a process leaves it that died after some of the transfers and before their verdicts; the job is there again.
    await world.admin.query(
      `UPDATE transfer.batch_item SET status = 'PENDING', transfer_id = NULL WHERE batch_id = $1 AND number % 3 = 0`,
      [id],
    );
    await world.admin.query(
      `UPDATE transfer.batch SET status = 'PROCESSING', done = done - 33, ended_at = NULL WHERE id = $1`,
      [id],
    );
    await addJobs(id, 1);
    const batch = await endedBatch(ask, id);
    expect(batch.counts).toEqual({ total: 100, pending: 0, done: 100, refused: 0 });
    expect(await traces()).toMatchObject({ transfers: 100 });
    expect(await world.balance(from)).toBe(5000n);
  });

  test('that two processes work on at once does each item once, and counts it once', async () => {
    // The first chunk waits for the lock of the account, so that the second worker finds the same items.
    held.push(await hold(world.admin, 'SELECT FROM ledger.account WHERE id = $1 FOR UPDATE', [from]));
    const id = await start(
      'EACH',
      Array.from({ length: 150 }, (_, n) => item(`item-${n}`, '0.50')),
    );
    await blocked(world.admin, 'create_transfers');
    await addJobs(id, 3);
    for (const each of held.splice(0)) await each.letGo();
    const batch = await endedBatch(ask, id);
    expect(batch.counts).toEqual({ total: 150, pending: 0, done: 150, refused: 0 });
    expect(await traces()).toMatchObject({ transfers: 150 });
  });

  /** More workers for a batch than there may be, as when living ones are taken for dead. */
  async function addJobs(batchId: string, count: number): Promise<void> {
    await world.admin.query(
      `SELECT transfer_jobs.add_job('run-batch', payload => json_build_object('batchId', $1::text)) FROM generate_series(1, $2)`,
      [batchId, count],
    );
  }
});

describe('a batch of all or nothing', () => {
  test('does everything at the same moment', async () => {
    const euros = await world.account(ada, 'EUR');
    const batch = await run('ALL_OR_NOTHING', [
      item('a', '60.00'),
      item('b', '30.00', { destination: { email: bob.email } }),
      item('c', '10.00', { destination: { accountId: euros } }),
    ]);
    expect(verdicts(batch)).toEqual(['a DONE', 'b DONE', 'c DONE']);
    expect(batch).toMatchObject({ status: 'COMPLETED', counts: { done: 3, refused: 0 } });
    expect(await world.balance(from)).toBe(0n);
    const { rows } = await world.admin.query<{ moments: number; recorded: number }>(
      `SELECT count(DISTINCT t.xmin::text)::int AS moments, count(a.transfer_id)::int AS recorded
       FROM transfer.transfer t LEFT JOIN risk.assessment a ON a.transfer_id = t.id WHERE source_account_id = $1`,
      [from],
    );
    expect(rows).toEqual([{ moments: 1, recorded: 3 }]);
  });

  test('does nothing when the money ends with the last item, and leaves no trace', async () => {
    const before = await traces();
    const batch = await run('ALL_OR_NOTHING', [item('a', '60.00'), item('b', '40.00'), item('c', '0.01')]);
    expect(verdicts(batch)).toEqual([
      'a REFUSED BATCH_REFUSED',
      'b REFUSED BATCH_REFUSED',
      'c REFUSED INSUFFICIENT_FUNDS',
    ]);
    expect(batch).toMatchObject({ status: 'REFUSED', counts: { total: 3, pending: 0, done: 0, refused: 3 } });
    expect(await world.balance(from)).toBe(10_000n);
    expect(await traces()).toEqual(before);
  });

  test('does nothing when an item cannot be planned, for each its own reason', async () => {
    const card = await world.link(ada);
    const batch = await run('ALL_OR_NOTHING', [
      item('fine', '1.00'),
      item('nonsense', '1e3'),
      item('nobody', '1.00', { destination: { email: 'nobody@example.com' } }),
      item('deposit', '1.00', { source: { paymentMethodId: card }, destination: { accountId: from } }),
      item('withdrawal', '1.00', { destination: { paymentMethodId: card } }),
      item('other bank', '1.00', { destination: { iban: 'DE89370400440532013000' } }),
    ]);
    expect(verdicts(batch)).toEqual([
      'fine REFUSED BATCH_REFUSED',
      'nonsense REFUSED INVALID_AMOUNT',
      'nobody REFUSED UNKNOWN_RECIPIENT',
      'deposit REFUSED FEATURE_UNAVAILABLE',
      'withdrawal REFUSED FEATURE_UNAVAILABLE',
      'other bank REFUSED FEATURE_UNAVAILABLE',
    ]);
    expect(batch.items.edges.slice(3).map(({ node }) => node.userErrors[0]!.field)).toEqual([
      ['source', 'paymentMethodId'],
      ['destination', 'paymentMethodId'],
      ['destination', 'iban'],
    ]);
    expect(await traces()).toMatchObject({ transfers: 0 });
  });

  test.each([
    ['a second factor', 'STEP_UP', 'STEP_UP_REQUIRED'],
    ['a person to look', 'REVIEW', 'RISK_REVIEW_REQUIRED'],
  ] as const)('does nothing and holds nothing when one item would need %s', async (_what, decision, code) => {
    world.risk.answer = async ({ amountMinor }) => (amountMinor === '200' ? { ...ALLOW, decision } : ALLOW);
    const batch = await run('ALL_OR_NOTHING', [item('a', '1.00'), item('b', '2.00')]);
    expect(verdicts(batch)).toEqual(['a REFUSED BATCH_REFUSED', `b REFUSED ${code}`]);
    const { rows } = await world.admin.query('SELECT posted, held FROM ledger.account WHERE id = $1', [from]);
    expect(rows).toEqual([{ posted: '10000', held: '0' }]);
    expect(await traces()).toMatchObject({ transfers: 0 });
  });

  test('waits for risk to answer for every item', async () => {
    let failures = 1;
    world.risk.answer = async ({ amountMinor }) => {
      if (amountMinor === '200' && failures-- > 0) throw new Error('risk is away');
      return ALLOW;
    };
    expect(verdicts(await run('ALL_OR_NOTHING', [item('a', '1.00'), item('b', '2.00')]))).toEqual(['a DONE', 'b DONE']);
  });

  test('that several processes work on at once is done once', async () => {
    held.push(await hold(world.admin, 'SELECT FROM ledger.account WHERE id = $1 FOR UPDATE', [from]));
    const id = await start('ALL_OR_NOTHING', [item('a', '1.00'), item('b', '2.00')]);
    await world.admin.query(
      `SELECT transfer_jobs.add_job('run-batch', payload => json_build_object('batchId', $1::text)) FROM generate_series(1, 3)`,
      [id],
    );
    await until(
      'as many as run at once have planned it and wait',
      async () => world.risk.asked.filter(({ sourceAccountId }) => sourceAccountId === from).length === 4,
    );
    for (const each of held.splice(0)) await each.letGo();
    expect((await endedBatch(ask, id)).counts.done).toBe(2);
    await until('all jobs are gone', async () => {
      const { rowCount } = await world.admin.query(
        `SELECT FROM transfer_jobs.jobs WHERE task_identifier = 'run-batch'`,
      );
      return rowCount === 0;
    });
    expect(await traces()).toMatchObject({ transfers: 2 });
    expect(await world.balance(from)).toBe(9700n);
  });
});
