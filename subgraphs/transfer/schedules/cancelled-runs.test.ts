import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { AccountId } from '../../../platform/ids.ts';
import { hurryJob } from '../../../tests/payout-jobs.ts';
import { expectOccurrencesOnce, makeDue, scheduling } from '../../../tests/schedule-world.ts';
import { ALLOW, openTransferWorld, type Customer, type TransferWorld } from '../../../tests/transfer-world.ts';
import { until } from '../../../tests/until.ts';

/* A run that meets a cancel has happened or has not: never both, and what the order shows is what the books say. */

let world: TransferWorld;
let ada: Customer;
let from: AccountId;
let to: AccountId;
const orders = scheduling(() => world);

beforeAll(async () => {
  world = await openTransferWorld();
  ada = await world.customer('Ada');
  to = await world.account(await world.customer('Bob'));
});
beforeEach(async () => {
  world.risk.answer = async () => ALLOW;
  from = await world.account(ada, 'USD', { funds: '100.00' });
});
afterEach(async () => {
  await expectOccurrencesOnce(world.admin);
  await world.proveBooks();
});
afterAll(() => world.close());

const rent = () => ({
  source: { accountId: from },
  destination: { accountId: to },
  amount: { amount: '1.00', currency: 'USD' },
});

/** What became of the one run: as the order shows it, and whether its transfer is in the books. */
async function fate(id: string): Promise<string> {
  const seen = (await orders.see(ada, id))!;
  const shown = seen.occurrences.edges.length === 0 ? [] : await orders.settled(ada, id, 1);
  const { rowCount } = await world.admin.query(
    `SELECT FROM transfer.transfer t JOIN transfer.standing_order o ON t.user_id = o.user_id
     JOIN transfer.idempotency_key k ON k.transfer_id = t.id AND k.key LIKE 'occurrence:' || o.key_seed || ':%' WHERE o.id = $1`,
    [id],
  );
  return [
    seen.status,
    ...shown.map(({ status, code }) => `${status} ${code ?? ''}`.trim()),
    `${rowCount} transfers`,
  ].join(', ');
}

describe.each(['create', 'schedule'] as const)('a cancel that meets a run of what was made by %s', (make) => {
  test('ends it before it has begun, or leaves it to be carried through: the order shows which', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 16; n++) ids.push((await orders[make](ada, rent())).standingOrder!.id);
    // Whoever comes to be asked by risk is under way: half of the orders are cancelled while they are, and the others at any moment.
    const [asked, others] = [ids.slice(0, 8), ids.slice(8)];
    let next = 0;
    world.risk.answer = async () => {
      const id = asked[next++];
      if (id) await orders.cancel(ada, id);
      return ALLOW;
    };
    await Promise.all(ids.map((id) => makeDue(world.admin, id)));
    await Promise.all(others.map((id) => orders.cancel(ada, id)));
    let done = 0;
    for (const id of ids) {
      await orders.cancel(ada, id);
      const found = await fate(id);
      const [carriedThrough, ended] = ['DONE, 1 transfers', 'SKIPPED CANCELLED, 0 transfers'];
      const status = found.split(', ')[0]!;
      // Before it was found due nothing is shown of it; one of a single run that was made has ended by itself.
      expect([
        `CANCELLED, ${carriedThrough}`,
        `ENDED, ${carriedThrough}`,
        `CANCELLED, ${ended}`,
        'CANCELLED, 0 transfers',
      ]).toContain(found);
      if (make === 'create') expect(status).toBe('CANCELLED');
      if (found.endsWith(carriedThrough)) done++;
    }
    expect(await world.balance(from)).toBe(10_000n - 100n * BigInt(done));
  });
});

test('a run whose process died after the transfer was made has happened, though the order was cancelled meanwhile', async () => {
  const { standingOrder } = await orders.create(ada, rent());
  const { id } = standingOrder!;
  await makeDue(world.admin, id);
  await orders.settled(ada, id, 1);
  // As the process leaves it that died before it could write down what came of the attempt.
  await world.admin.query(
    `UPDATE transfer.standing_order_occurrence SET status = 'DUE', transfer_id = NULL, ended_at = NULL, look_at = now() + interval '1 hour'
     WHERE standing_order_id = $1`,
    [id],
  );
  const { standingOrder: cancelled } = await orders.cancel(ada, id);
  expect(cancelled).toMatchObject({ status: 'CANCELLED', occurrences: { edges: [{ node: { status: 'DUE' } }] } });
  await world.admin.query(
    'UPDATE transfer.standing_order_occurrence SET look_at = now() WHERE standing_order_id = $1',
    [id],
  );
  expect((await orders.settled(ada, id, 1))[0]).toMatchObject({ status: 'DONE' });
  expect(await fate(id)).toBe('CANCELLED, DONE, 1 transfers');
  expect(await world.balance(from)).toBe(9_900n);
});

test.each([
  ['cancel', 'CANCELLED'],
  ['pause', 'PAUSED'],
] as const)('a run that only an outage puts off is given up minutes after its owner’s %s', async (stop, code) => {
  world.risk.answer = () => Promise.reject(new Error('risk is away'));
  const { id } = (await orders.create(ada, rent())).standingOrder!;
  await makeDue(world.admin, id);
  const row = 'transfer.standing_order_occurrence WHERE standing_order_id = $1';
  const begun = `SELECT FROM ${row} AND begun_at IS NOT NULL`;
  await until('the attempt has begun', async () => (await world.admin.query(begun, [id])).rowCount);
  await orders[stop](ada, id);
  const status = async () =>
    (await world.admin.query<{ status: string; code: string | null }>(`SELECT status, code FROM ${row}`, [id])).rows;
  // It may have been made just then: for some minutes it is asked after.
  expect(await status()).toMatchObject([{ status: 'DUE' }]);
  await world.admin.query(
    `UPDATE transfer.standing_order_occurrence SET begun_at = begun_at - interval '11 minutes' WHERE standing_order_id = $1`,
    [id],
  );
  await until('it is given up', async () => {
    await hurryJob(world.admin, `occurrence:${id}:1`);
    return (await status())[0]!.status !== 'DUE';
  });
  expect(await status()).toEqual([{ status: 'SKIPPED', code }]);
  expect(await world.balance(from)).toBe(10_000n);
});
