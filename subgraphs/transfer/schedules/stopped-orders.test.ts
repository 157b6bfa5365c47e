import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { AccountId } from '../../../platform/ids.ts';
import { blocked, hold } from '../../../tests/deposit-jobs.ts';
import { expectOccurrencesOnce, makeDue, passRetryPause, scheduling } from '../../../tests/schedule-world.ts';
import { openTransferWorld, type Customer, type TransferWorld } from '../../../tests/transfer-world.ts';
import { until } from '../../../tests/until.ts';

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
  from = await world.account(ada, 'USD', { funds: '100.00' });
});

afterEach(async () => {
  await expectOccurrencesOnce(world.admin);
  await world.proveBooks();
});
afterAll(() => world.close());

const tooMuch = () => ({
  source: { accountId: from },
  destination: { accountId: to },
  amount: { amount: '150.00', currency: 'USD' },
  onInsufficientFunds: 'RETRY',
});

/** The first attempt of an order finds too little money, and meanwhile something happens. */
async function duringTheFirstAttempt(id: string, happens: () => Promise<unknown>): Promise<void> {
  const account = await hold(world.admin, 'SELECT FROM ledger.account WHERE id = $1 FOR UPDATE', [from]);
  try {
    await makeDue(world.admin, id);
    await blocked(world.admin, 'create_transfers');
    await happens();
  } finally {
    await account.letGo();
  }
}

/** What became of the one occurrence, six hours later and with enough money. */
async function verdictAfterThePause(id: string): Promise<string> {
  await orders.settled(ada, id, 1);
  await world.fund(from, '50.00');
  await passRetryPause(world.admin, id);
  const [seen] = await orders.settled(ada, id, 1);
  return [seen!.status, seen!.code].filter((part) => part !== null).join(' ');
}

describe('an attempt that is under way when its order', () => {
  test.each([
    ['pause', 'PAUSED'],
    ['cancel', 'CANCELLED'],
  ] as const)('is stopped by a %s is not followed by another', async (change, code) => {
    const { standingOrder } = await orders.create(ada, tooMuch());
    const { id } = standingOrder!;
    await duringTheFirstAttempt(id, () => orders[change](ada, id));
    expect(await verdictAfterThePause(id)).toBe(`SKIPPED ${code}`);
    expect(await world.balance(from)).toBe(15_000n);
  });

  test('of one occurrence is cancelled is not followed by another, and the order shows it', async () => {
    const { standingOrder } = await orders.schedule(ada, tooMuch());
    const { id } = standingOrder!;
    await duringTheFirstAttempt(id, async () => {
      expect((await orders.see(ada, id))!.status).toBe('ENDED');
      expect((await orders.cancel(ada, id)).standingOrder).toMatchObject({ status: 'CANCELLED', nextRunAt: null });
    });
    expect(await verdictAfterThePause(id)).toBe('SKIPPED CANCELLED');
    expect(await world.balance(from)).toBe(15_000n);
  });

  test('is paused and resumed is followed by another', async () => {
    const { standingOrder } = await orders.create(ada, tooMuch());
    const { id } = standingOrder!;
    await duringTheFirstAttempt(id, async () => {
      await orders.pause(ada, id);
      await orders.resume(ada, id);
    });
    expect(await verdictAfterThePause(id)).toBe('DONE');
    expect(await world.balance(from)).toBe(0n);
  });
});

describe('cancelling an order that has ended', () => {
  test('gives up the attempt that waits, and the order shows it', async () => {
    const { standingOrder } = await orders.schedule(ada, tooMuch());
    const { id } = standingOrder!;
    await makeDue(world.admin, id);
    await orders.settled(ada, id, 1);
    expect((await orders.cancel(ada, id)).standingOrder).toMatchObject({ status: 'CANCELLED' });
    expect(await verdictAfterThePause(id)).toBe('SKIPPED CANCELLED');
  });

  test('changes nothing when its last occurrence has its verdict', async () => {
    const amount = { amount: '1.00', currency: 'USD' };
    const { standingOrder } = await orders.schedule(ada, { ...tooMuch(), amount });
    const { id } = standingOrder!;
    await makeDue(world.admin, id);
    await orders.settled(ada, id, 1);
    expect((await orders.cancel(ada, id)).standingOrder).toMatchObject({ status: 'ENDED' });
  });
});

test.each(['PAUSED', 'CANCELLED'])('an order that is %s begins no attempt, whatever waits', async (status) => {
  const { standingOrder } = await orders.create(ada, { ...tooMuch(), amount: { amount: '1.00', currency: 'USD' } });
  const { id } = standingOrder!;
  await world.admin.query('UPDATE transfer.standing_order SET status = $2, next_due_at = NULL WHERE id = $1', [
    id,
    status,
  ]);
  await world.admin.query(
    `INSERT INTO transfer.standing_order_occurrence (standing_order_id, number, due_at, status, run_after, look_at)
     VALUES ($1, 1, now(), 'DUE', now(), now())`,
    [id],
  );
  await until('its job was there and is done', async () => {
    const { rowCount } = await world.admin.query(
      `SELECT FROM transfer.standing_order_occurrence o WHERE standing_order_id = $1 AND look_at > now()
         AND NOT EXISTS (SELECT FROM transfer_jobs.jobs WHERE key LIKE $2)`,
      [id, `occurrence:${id}%`],
    );
    return rowCount === 1;
  });
  expect(await world.balance(from)).toBe(10_000n);
});
