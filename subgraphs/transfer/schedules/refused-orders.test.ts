import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { AccountId } from '../../../platform/ids.ts';
import { dayFromNow, makeDue, scheduling, type OrderAnswer } from '../../../tests/schedule-world.ts';
import { ALLOW, openTransferWorld, type Customer, type TransferWorld } from '../../../tests/transfer-world.ts';

/* What can never be done is not taken down for later, and whoever changes an order is whom risk sees at its next run. */

let world: TransferWorld;
let ada: Customer;
let bob: Customer;
let from: AccountId;
let to: AccountId;
let euros: AccountId;
let closed: AccountId;
let frozen: AccountId;
const orders = scheduling(() => world);

beforeAll(async () => {
  world = await openTransferWorld();
  [ada, bob] = [await world.customer('Ada'), await world.customer('Bob')];
  from = await world.account(ada, 'USD', { funds: '100.00' });
  [to, euros] = [await world.account(bob), await world.account(bob, 'EUR')];
  [closed, frozen] = [await world.account(ada), await world.account(ada)];
  await world.setStatus(closed, 'CLOSED');
  await world.setStatus(frozen, 'FROZEN');
});
beforeEach(() => {
  world.risk.answer = async () => ALLOW;
});
afterAll(async () => {
  await world.proveBooks();
  await world.close();
});

const usd = (amount: string) => ({ amount, currency: 'USD' });
const rent = (more: Record<string, unknown> = {}) => ({
  source: { accountId: from },
  destination: { accountId: to },
  amount: usd('1.00'),
  ...more,
});
const told = ({ userErrors }: OrderAnswer) => userErrors.map(({ code, field }) => [code, ...(field ?? [])].join(' '));

async function stored(): Promise<number> {
  const { rows } = await world.admin.query<{ count: number }>('SELECT count(*)::int FROM transfer.standing_order');
  return rows[0]!.count;
}

const CANNOT_BE = [
  ['from and to the same account', () => ({ destination: { accountId: from } }), 'SAME_ACCOUNT destination accountId'],
  ['in another currency', () => ({ amount: { amount: '1', currency: 'EUR' } }), 'CURRENCY_MISMATCH amount currency'],
  [
    'to another’s account in another currency',
    () => ({ destination: { accountId: euros } }),
    'CURRENCY_MISMATCH destination accountId',
  ],
  ['from another’s account', () => ({ source: { accountId: to } }), 'ACCOUNT_NOT_FOUND source accountId'],
  [
    'to an account that is not there',
    () => ({ destination: { accountId: 'nowhere' } }),
    'ACCOUNT_NOT_FOUND destination accountId',
  ],
  ['from a closed account', () => ({ source: { accountId: closed } }), 'ACCOUNT_CLOSED source accountId'],
  ['to a closed account', () => ({ destination: { accountId: closed } }), 'ACCOUNT_CLOSED destination accountId'],
  ['from a frozen account', () => ({ source: { accountId: frozen } }), 'ACCOUNT_FROZEN source accountId'],
  ['to nobody', () => ({ destination: { email: 'nobody@example.com' } }), 'UNKNOWN_RECIPIENT destination email'],
  [
    'to a card that is not linked',
    () => ({ destination: { paymentMethodId: from } }),
    'FEATURE_UNAVAILABLE destination paymentMethodId',
  ],
  ['of nothing', () => ({ amount: usd('0') }), 'AMOUNT_NOT_POSITIVE amount amount'],
  ['of less than nothing', () => ({ amount: usd('-5') }), 'AMOUNT_NOT_POSITIVE amount amount'],
  ['of more money than there is', () => ({ amount: usd('1'.repeat(40)) }), 'AMOUNT_TOO_LARGE amount amount'],
  ['of half a cent', () => ({ amount: usd('0.005') }), 'TOO_MANY_DECIMALS amount amount'],
  ['in a time zone that is not there', () => ({ timeZone: 'Mars/Olympus' }), 'INVALID_TIME_ZONE timeZone'],
  ['at a time that is not there', () => ({ timeOfDay: '24:00' }), 'INVALID_TIME_OF_DAY timeOfDay'],
] as const;

describe('not taken down for later', () => {
  test.each(CANNOT_BE)('is what goes %s', async (_what, more, refusal) => {
    const before = await stored();
    expect(told(await orders.create(ada, rent(more())))).toEqual([refusal]);
    expect(told(await orders.schedule(ada, rent(more())))).toEqual([refusal]);
    expect(await stored()).toBe(before);
  });

  test.each([
    ['ends before it begins', { endsOn: dayFromNow(0) }, 'INVALID_LAST_DAY endsOn'],
    [
      'ends before its first occurrence',
      { frequency: 'MONTHLY', dayOfMonth: Number(dayFromNow(2).slice(8)), endsOn: dayFromNow(1) },
      'INVALID_LAST_DAY endsOn',
    ],
    ['began yesterday', { firstOn: dayFromNow(-2) }, 'INVALID_FIRST_DAY firstOn'],
    ['begins in six years', { firstOn: dayFromNow(6 * 366) }, 'INVALID_FIRST_DAY firstOn'],
    ['is weekly on a day of the month', { frequency: 'WEEKLY', dayOfMonth: 3 }, 'INVALID_DAY_OF_MONTH dayOfMonth'],
    ['is on the 32nd', { frequency: 'MONTHLY', dayOfMonth: 32 }, 'INVALID_DAY_OF_MONTH dayOfMonth'],
  ])('is an order that %s', async (_what, more, refusal) => {
    const before = await stored();
    expect(told(await orders.create(ada, rent(more)))).toEqual([refusal]);
    expect(await stored()).toBe(before);
  });

  test('a replay is answered, whatever has become of the account since', async () => {
    const account = await world.account(ada);
    const input = { ...rent({ source: { accountId: account } }), idempotencyKey: 'again' };
    const { standingOrder } = await orders.create(ada, input);
    await world.setStatus(account, 'CLOSED');
    expect(await orders.create(ada, input)).toMatchObject({ replayed: true, standingOrder: { id: standingOrder!.id } });
  });

  test('what this moment alone refuses is taken down', async () => {
    const mine = await world.account(ada, 'EUR');
    // Nobody has told any rate yet.
    expect(told(await orders.create(ada, rent({ destination: { accountId: mine } })))).toEqual([]);
  });
});

describe('an order that is there', () => {
  const made = async (more: Record<string, unknown> = {}) => (await orders.create(ada, rent(more))).standingOrder!.id;

  test.each([
    [{ amount: usd('0') }, 'AMOUNT_NOT_POSITIVE amount amount'],
    [{ amount: usd('1.001') }, 'TOO_MANY_DECIMALS amount amount'],
    [{ amount: { amount: '1.00', currency: 'EUR' } }, 'CURRENCY_MISMATCH amount currency'],
    [{ endsOn: dayFromNow(0) }, 'INVALID_LAST_DAY endsOn'],
  ])('is not changed to %j', async (change, refusal) => {
    const id = await made();
    expect(told(await orders.update(ada, { id, ...change }))).toEqual([refusal]);
    expect(await orders.see(ada, id)).toMatchObject({ status: 'ACTIVE', amount: { amount: '1.00' } });
  });

  test('from an account that was closed is neither changed to another amount nor resumed; its end may be changed', async () => {
    const account = await world.account(ada);
    const id = await made({ source: { accountId: account } });
    await orders.pause(ada, id);
    await world.setStatus(account, 'CLOSED');
    expect(told(await orders.update(ada, { id, amount: usd('2.00') }))).toEqual(['ACCOUNT_CLOSED id']);
    expect(told(await orders.resume(ada, id))).toEqual(['ACCOUNT_CLOSED id']);
    expect(told(await orders.update(ada, { id, endsOn: dayFromNow(9) }))).toEqual([]);
    expect(await orders.see(ada, id)).toMatchObject({ status: 'PAUSED', amount: { amount: '1.00' } });
    expect(told(await orders.cancel(ada, id))).toEqual([]);
  });

  test('of another customer is not found, whatever is asked of it', async () => {
    const id = await made();
    for (const answer of [await orders.update(bob, { id, amount: usd('0.01') }), await orders.resume(bob, id)]) {
      expect(told(answer)).toEqual(['STANDING_ORDER_NOT_FOUND id']);
    }
  });
});

describe('risk sees a run', () => {
  const devices = (before: number) => world.risk.asked.slice(before).map(({ origin }) => origin.deviceId);

  async function run(id: string, count: number): Promise<void> {
    await makeDue(world.admin, id);
    await orders.settled(ada, id, count);
  }

  test.each(['update', 'resume'] as const)('from where the order was %sd last', async (change) => {
    const { standingOrder } = await orders.create(ada, rent());
    const { id } = standingOrder!;
    const before = world.risk.asked.length;
    await run(id, 1);
    if (change === 'update') {
      await orders.update(ada, { id, amount: usd('2.00') }, 'device-2');
    } else {
      await orders.pause(ada, id);
      await orders.resume(ada, id, 'device-2');
    }
    await run(id, 2);
    await run(id, 3);
    expect(devices(before)).toEqual(['device-1', 'device-2', null]);
  });

  test('from where it was changed while the run before was under way', async () => {
    const { standingOrder } = await orders.create(ada, rent());
    const { id } = standingOrder!;
    const before = world.risk.asked.length;
    world.risk.answer = async () => {
      await orders.update(ada, { id, amount: usd('3.00') }, 'device-3');
      return ALLOW;
    };
    await run(id, 1);
    world.risk.answer = async () => ALLOW;
    await run(id, 2);
    expect(devices(before)).toEqual(['device-1', 'device-3']);
  });
});
