import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AccountId } from '../../platform/ids.ts';
import { orderApp } from '../order-app.ts';
import { dayFromNow, expectOccurrencesOnce } from '../schedule-world.ts';
import { openWorld, type Person, type World } from '../world.ts';

/* Making standing orders, as an app does. */

let world: World;
let ada: Person;
let bob: Person;
let from: AccountId;
let bobs: AccountId;
const { create, made, change, see } = orderApp(() => ({ world, ada, bob, from }));

beforeAll(async () => {
  world = await openWorld({ gateways: 2 });
  ada = await world.register('Ada');
  bob = await world.register('Bob');
  from = await world.openAccount(ada, 'USD', '1000.00');
  bobs = await world.openAccount(bob);
});

afterAll(async () => {
  await expectOccurrencesOnce(world.admin);
  await world.close();
});

describe('a standing order', () => {
  test('says when it runs next, and is there in the list of its owner', async () => {
    const order = await made({ firstOn: '2030-03-31', timeZone: 'Europe/Berlin', timeOfDay: '02:30' });
    expect(order).toMatchObject({
      status: 'ACTIVE',
      nextRunAt: '2030-03-31T01:00:00.000Z',
      amount: { amount: '10.00' },
    });
    const { me } = await world.ask<{ me: { standingOrders: { edges: { node: Record<string, unknown> }[] } } }>(
      `{ me { standingOrders(first: 1) { edges { node { id frequency firstOn endsOn dayOfMonth timeZone timeOfDay onInsufficientFunds
           source { accountId email } destination { accountId email } description } } } } }`,
      {},
      { as: ada },
    );
    expect(me.standingOrders.edges.map(({ node }) => node)).toEqual([
      {
        id: order.id,
        frequency: 'DAILY',
        firstOn: '2030-03-31',
        endsOn: null,
        dayOfMonth: null,
        timeZone: 'Europe/Berlin',
        timeOfDay: '02:30',
        onInsufficientFunds: 'SKIP',
        source: { accountId: from, email: null },
        destination: { accountId: null, email: bob.email },
        description: null,
      },
    ]);
  });

  test('is made once per key, and shown as it is now', async () => {
    const input = { idempotencyKey: 'rent', amount: { amount: '10.0', currency: 'USD' } };
    const first = await made(input);
    await change('pauseStandingOrder', first.id);
    const again = await create({ ...input, amount: { amount: '10.00', currency: 'USD' } });
    expect(again).toMatchObject({ replayed: true, standingOrder: { id: first.id, status: 'PAUSED' } });
    expect(await create({ ...input, frequency: 'WEEKLY' })).toMatchObject({
      standingOrder: null,
      userErrors: [{ code: 'IDEMPOTENCY_KEY_REUSED', field: ['idempotencyKey'] }],
    });
    // Keys are each customer's own.
    const own = await world.openAccount(bob);
    expect((await create({ ...input, source: { accountId: own } }, bob)).replayed).toBe(false);
  });

  test('is made once by many requests at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) => create({ idempotencyKey: 'many' }, ada, n % 2)),
    );
    expect(new Set(answers.map(({ standingOrder }) => standingOrder!.id)).size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
  });

  test.each([
    ['a source of somebody else', () => ({ source: { accountId: bobs } }), 'ACCOUNT_NOT_FOUND', 'source.accountId'],
    [
      'two ends at once',
      () => ({ destination: { accountId: from, email: 'x@example.com' } }),
      'EXACTLY_ONE_END',
      'destination',
    ],
    ['no amount', () => ({ amount: { amount: '0', currency: 'USD' } }), 'AMOUNT_NOT_POSITIVE', 'amount.amount'],
    [
      'a tenth of a cent',
      () => ({ amount: { amount: '0.001', currency: 'USD' } }),
      'TOO_MANY_DECIMALS',
      'amount.amount',
    ],
    ['a long description', () => ({ description: 'x'.repeat(141) }), 'DESCRIPTION_TOO_LONG', 'description'],
    ['a bad key', () => ({ idempotencyKey: '' }), 'INVALID_IDEMPOTENCY_KEY', 'idempotencyKey'],
    ['no such zone', () => ({ timeZone: 'Europe/Atlantis' }), 'INVALID_TIME_ZONE', 'timeZone'],
    ['no such time', () => ({ timeOfDay: '24:00' }), 'INVALID_TIME_OF_DAY', 'timeOfDay'],
    ['a day of the month of a daily one', () => ({ dayOfMonth: 3 }), 'INVALID_DAY_OF_MONTH', 'dayOfMonth'],
    ['the 32nd', () => ({ frequency: 'MONTHLY', dayOfMonth: 32 }), 'INVALID_DAY_OF_MONTH', 'dayOfMonth'],
    ['two days ago', () => ({ firstOn: dayFromNow(-2) }), 'INVALID_FIRST_DAY', 'firstOn'],
    ['six years ahead', () => ({ firstOn: dayFromNow(6 * 366) }), 'INVALID_FIRST_DAY', 'firstOn'],
    ['an end before the beginning', () => ({ endsOn: dayFromNow(0) }), 'INVALID_LAST_DAY', 'endsOn'],
    [
      'a month without its day',
      () => ({ frequency: 'MONTHLY', firstOn: '2030-01-15', dayOfMonth: 1, endsOn: '2030-01-31' }),
      'INVALID_LAST_DAY',
      'endsOn',
    ],
  ])('is refused with %s', async (_what, input, code, field) => {
    expect(await create(input())).toMatchObject({
      standingOrder: null,
      userErrors: [{ code, field: field.split('.') }],
    });
  });

  test('with several faults is told all of them', async () => {
    const { userErrors } = await create({
      timeZone: 'x',
      timeOfDay: 'noon',
      amount: { amount: '-1', currency: 'USD' },
    });
    expect(userErrors.map(({ code }) => code)).toEqual([
      'AMOUNT_NOT_POSITIVE',
      'INVALID_TIME_ZONE',
      'INVALID_TIME_OF_DAY',
    ]);
  });

  test('that is the hundred and first is refused', async () => {
    const carol = await world.register('Carol');
    const own = await world.openAccount(carol);
    expect((await create({ source: { accountId: own } }, carol)).userErrors).toEqual([]);
    await world.admin.query(
      `INSERT INTO transfer.standing_order SELECT (jsonb_populate_record(o, jsonb_build_object('id', gen_random_uuid(), 'idempotency_key', n::text))).*
       FROM transfer.standing_order o, generate_series(1, 99) AS n WHERE user_id = $1`,
      [carol.userId],
    );
    expect(await create({ source: { accountId: own } }, carol)).toMatchObject({
      userErrors: [{ code: 'TOO_MANY_STANDING_ORDERS' }],
    });
  });

  test('of somebody else is not there', async () => {
    const { id } = await made();
    expect(await see(id, bob)).toBeNull();
    for (const mutation of ['pauseStandingOrder', 'resumeStandingOrder', 'cancelStandingOrder']) {
      expect(await change(mutation, id, bob)).toMatchObject({
        userErrors: [{ code: 'STANDING_ORDER_NOT_FOUND', field: ['id'] }],
      });
      expect(await change(mutation, 'nonsense', bob)).toMatchObject({
        userErrors: [{ code: 'STANDING_ORDER_NOT_FOUND' }],
      });
    }
    expect(await see(id)).toMatchObject({ status: 'ACTIVE' });
    const answer = await world.send('{ me { id } }', {}, { as: null });
    expect(answer.errors![0]!.extensions.code).toBe('UNAUTHENTICATED');
  });
});
