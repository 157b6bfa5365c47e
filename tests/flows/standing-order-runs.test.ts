import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AccountId } from '../../platform/ids.ts';
import { orderApp } from '../order-app.ts';
import { dayFromNow, expectOccurrencesOnce, makeDue, passDays } from '../schedule-world.ts';
import { until } from '../until.ts';
import { openWorld, type Person, type World } from '../world.ts';

/* The runs of standing orders. Two banks stand on one database, so that whatever is due is due for two processes. */

let world: World;
let ada: Person;
let bob: Person;
let from: AccountId;
const { create, made, change, update, schedule, see, occurrences } = orderApp(() => ({ world, ada, bob, from }));

beforeAll(async () => {
  world = await openWorld({ gateways: 2 });
  ada = await world.register('Ada');
  bob = await world.register('Bob');
  from = await world.openAccount(ada, 'USD', '1000.00');
  await world.openAccount(bob);
});

afterAll(async () => {
  await expectOccurrencesOnce(world.admin);
  await world.close();
});

describe('the runs of a standing order', () => {
  test('are made once each, though two banks look for them, and after their owner has logged out', async () => {
    const dora = await world.register('Dora');
    const own = await world.openAccount(dora, 'USD', '500.00');
    const ids: string[] = [];
    for (let n = 0; n < 12; n++) ids.push((await create({ source: { accountId: own } }, dora)).standingOrder!.id);
    await world.ask('mutation { logout { userErrors { code } } }', {}, { as: dora });
    for (let round = 1; round <= 3; round++) {
      for (const id of ids) await makeDue(world.admin, id);
      await until('all occurrences are made', async () => {
        const { rows } = await world.admin.query<{ done: number }>(
          `SELECT count(*)::int AS done FROM transfer.standing_order_occurrence
           WHERE standing_order_id = ANY ($1::uuid[]) AND status = 'DONE'`,
          [ids],
        );
        return rows[0]!.done === round * ids.length;
      });
    }
    expect(await world.booked(own)).toMatchObject({ posted: '14000', version: 37 });
  });

  test('are due by the clock of the database alone', async () => {
    const far = await made({ timeOfDay: '00:00' });
    const due = await made();
    try {
      for (const [run, days] of [20, -20].entries()) {
        world.clock.offsetMs = days * 86_400_000;
        await makeDue(world.admin, due.id);
        // Nobody's token is of this time: only the database can be asked.
        await until('the occurrence is made', async () => {
          const { rowCount } = await world.admin.query(
            `SELECT FROM transfer.standing_order_occurrence WHERE standing_order_id = $1 AND status = 'DONE'`,
            [due.id],
          );
          return rowCount === run + 1;
        });
      }
    } finally {
      world.clock.offsetMs = 0;
    }
    expect(await see(far.id)).toMatchObject({ nextRunAt: far.nextRunAt, occurrences: { edges: [] } });
  });

  test('begin at once when today is the first day and its time has passed', async () => {
    const { id } = await made({ firstOn: dayFromNow(0), timeOfDay: '00:00' });
    expect(await occurrences(id, 1)).toEqual(['1 DONE']);
    expect(await see(id)).toMatchObject({ status: 'ACTIVE', nextRunAt: `${dayFromNow(1)}T00:00:00.000Z` });
  });

  test('end with the last day', async () => {
    const { id } = await made({ endsOn: dayFromNow(2), timeOfDay: '00:00' });
    await passDays(world.admin, id, 1);
    expect(await occurrences(id, 1)).toEqual(['1 DONE']);
    await passDays(world.admin, id, 1);
    expect(await occurrences(id, 2)).toEqual(['1 DONE', '2 DONE']);
    expect(await see(id)).toMatchObject({ status: 'ENDED', nextRunAt: null });
    expect(await change('pauseStandingOrder', id)).toMatchObject({ userErrors: [{ code: 'STANDING_ORDER_ENDED' }] });
  });

  test('take the new amount and end', async () => {
    const { id } = await made();
    expect(await update({ id, amount: { amount: '0.01', currency: 'EUR' } })).toMatchObject({
      userErrors: [{ code: 'CURRENCY_MISMATCH', field: ['amount', 'currency'] }],
    });
    expect(await update({ id, endsOn: dayFromNow(0) })).toMatchObject({ userErrors: [{ code: 'INVALID_LAST_DAY' }] });
    expect(await update({ id, amount: { amount: '0.01', currency: 'USD' }, endsOn: dayFromNow(1) })).toMatchObject({
      standingOrder: { amount: { amount: '0.01' } },
    });
    expect(await update({ id, endsOn: null })).toMatchObject({
      userErrors: [],
      standingOrder: { amount: { amount: '0.01' } },
    });
    const before = BigInt((await world.booked(from)).posted);
    await makeDue(world.admin, id);
    expect(await occurrences(id, 1)).toEqual(['1 DONE']);
    expect(BigInt((await world.booked(from)).posted)).toBe(before - 1n);
    expect(await see(id)).toMatchObject({ status: 'ACTIVE' });
  });
});

describe('a pause', () => {
  test('keeps everything from running, and what was due meanwhile is skipped', async () => {
    const { id } = await made({ timeOfDay: '00:00' });
    expect(await change('pauseStandingOrder', id)).toMatchObject({
      standingOrder: { status: 'PAUSED', nextRunAt: null },
    });
    await world.admin.query('UPDATE transfer.standing_order SET first_on = first_on - 3 WHERE id = $1', [id]);
    expect(await change('resumeStandingOrder', id)).toMatchObject({
      standingOrder: { status: 'ACTIVE', nextRunAt: `${dayFromNow(1)}T00:00:00.000Z` },
    });
    expect(await occurrences(id, 3)).toEqual(['1 SKIPPED PAUSED', '2 SKIPPED PAUSED', '3 SKIPPED PAUSED']);
    await makeDue(world.admin, id);
    expect((await occurrences(id, 4)).at(-1)).toBe('4 DONE');
  });

  test('and a run at the same moment: the occurrence is either made or skipped, and told so', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 10; n++) ids.push((await made({ idempotencyKey: `race-${n}` })).id);
    const before = BigInt((await world.booked(from)).posted);
    for (const id of ids) await makeDue(world.admin, id);
    await Promise.all(
      ids.map(async (id, n) => {
        // Each later than the one before it, over the second in which they are found due.
        for (let looks = 0; looks < 5 * n; looks++) await see(id);
        expect((await change('pauseStandingOrder', id)).standingOrder!.status).toBe('PAUSED');
      }),
    );
    let done = 0n;
    for (const id of ids) {
      const seen = await until('nothing is under way', async () => {
        const nodes = (await see(id))!.occurrences.edges.map(({ node }) => node);
        return nodes.every(({ status }) => status !== 'DUE') ? nodes : null;
      });
      for (const { status, code, transfer } of seen!) {
        expect([status, code, transfer !== null]).toEqual(
          status === 'DONE' ? ['DONE', null, true] : ['SKIPPED', 'PAUSED', false],
        );
        if (status === 'DONE') done++;
      }
    }
    expect(BigInt((await world.booked(from)).posted)).toBe(before - 1000n * done);
  });

  test('of the only occurrence until it is over ends the order', async () => {
    const { standingOrder } = await schedule();
    await change('pauseStandingOrder', standingOrder!.id);
    await world.admin.query('UPDATE transfer.standing_order SET first_on = first_on - 3 WHERE id = $1', [
      standingOrder!.id,
    ]);
    expect(await change('resumeStandingOrder', standingOrder!.id)).toMatchObject({
      standingOrder: { status: 'ENDED', occurrences: { edges: [{ node: { status: 'SKIPPED', code: 'PAUSED' } }] } },
    });
  });
});

describe('cancelling', () => {
  test('is final, and safe to repeat', async () => {
    const { id } = await made();
    for (let n = 0; n < 2; n++) {
      expect(await change('cancelStandingOrder', id)).toMatchObject({
        userErrors: [],
        standingOrder: { status: 'CANCELLED' },
      });
    }
    expect(await change('resumeStandingOrder', id)).toMatchObject({ userErrors: [{ code: 'STANDING_ORDER_ENDED' }] });
  });
});

describe('a scheduled transfer', () => {
  test('runs once, and has ended', async () => {
    const { standingOrder } = await schedule({});
    await makeDue(world.admin, standingOrder!.id);
    expect(await occurrences(standingOrder!.id, 1)).toEqual(['1 DONE']);
    expect(await see(standingOrder!.id)).toMatchObject({ status: 'ENDED', nextRunAt: null });
  });

  test('for yesterday is refused, with the name of its own field', async () => {
    expect(await schedule({ on: dayFromNow(-2) })).toMatchObject({
      userErrors: [{ code: 'INVALID_FIRST_DAY', field: ['on'] }],
    });
  });
});
