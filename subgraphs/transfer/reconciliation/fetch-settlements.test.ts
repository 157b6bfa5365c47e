import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createLog } from '../../../platform/log.ts';
import type { SettlementFeed } from '../../../providers/settlement/settlement-feed.ts';
import { openSettlementScene, today, type SettlementScene } from '../../../tests/settlement-scene.ts';
import { readAlarms } from '../operations/alarms.ts';
import { createSettlementFetch, fetchNextDay } from './fetch-settlements.ts';
import { listFetches } from './fetch-store.ts';
import { listProofs, resultOf } from './proof-store.ts';

/* Statements are fetched day by day; for the providers of this scene it is still the day before yesterday, which is over by any clock. */

const DAY_MS = 86_400_000;
let scene: SettlementScene;
/** Paystack's statement, and the days that were asked for. */
let feed: SettlementFeed;
let asked: string[];

const day = (ago: number) => new Date(Date.now() - ago * DAY_MS).toISOString().slice(0, 10);
const signal = new AbortController().signal;
const deps = () => ({ pool: scene.world.jobsPool(), wakeUp: { signal: () => {} }, log: createLog('silent') });
const fetchNext = (from: SettlementFeed = feed, until = signal) => fetchNextDay(deps(), from, until);
const state = async () => (await listFetches(scene.world.jobsPool())).find(({ provider }) => provider === 'paystack')!;

/** As if it had been read through a day. */
async function readThrough(last: string | null): Promise<void> {
  await scene.world.admin.query(
    `INSERT INTO transfer.settlement_fetch (provider, through_day, begun_at) VALUES ('paystack', $1, now() - interval '10 days')
     ON CONFLICT (provider) DO UPDATE SET through_day = excluded.through_day, fetched_at = NULL, fault = NULL`,
    [last],
  );
}

beforeAll(async () => {
  scene = await openSettlementScene({ now: () => Date.now() - 2 * DAY_MS });
});
beforeEach(() => {
  asked = [];
  feed = {
    provider: 'paystack',
    async readDay(wanted, options, until) {
      asked.push(wanted);
      return scene.feeds.paystack.readDay(wanted, options, until);
    },
  };
});
afterAll(() => scene.close());

describe('the fetching of statements', () => {
  test('reads each day that is over once, from the last one on, and no day that is not', async () => {
    const { id } = await scene.pay('paystack');
    await scene.reaches(id, 'COMPLETED');
    await readThrough(day(5));
    const fetching = createSettlementFetch({ ...deps(), settlements: [feed] });
    while (await fetching.run(signal));
    expect(asked.slice(0, 3)).toEqual([day(4), day(3), day(2)]);
    expect(asked).not.toContain(today());
    expect(asked).toEqual([...new Set(asked)]);
    expect(await fetchNext()).toBe(false);
    expect(await state()).toMatchObject({ throughDay: asked.at(-1), fetchedAt: expect.any(Date), fault: null });
    const [proof] = await listProofs(scene.world.jobsPool(), { provider: 'paystack', before: null, limit: 1 });
    expect(proof).toMatchObject({ day: day(2), currency: 'ZAR' });
    // They booked it then and we today: both have it.
    expect(resultOf(proof!)).toBe('PROVED');
  });

  test('begins a day again that a process died over, and loses and doubles nothing', async () => {
    await scene.paystack.topUp('KES', 7_000n);
    await readThrough(day(3));
    const dying = new AbortController();
    const dies: SettlementFeed = {
      ...feed,
      async readDay(...asking) {
        const reports = await feed.readDay(...asking);
        dying.abort(new Error('killed'));
        return reports;
      },
    };
    await expect(fetchNext(dies, dying.signal)).rejects.toThrow();
    expect(await state()).toMatchObject({ throughDay: day(3) });
    const booked = () => scene.posted('OWN_FUNDS', '', 'KES');
    expect(await booked()).toBe(0n);
    // Two processes take it up at once.
    await Promise.all([fetchNext(), fetchNext()]);
    expect(await booked()).toBe(900_000_000_000n + 7_000n);
    await readThrough(day(3));
    await fetchNext();
    expect(await booked()).toBe(900_000_000_000n + 7_000n);
  });

  test('that fails says why to staff, goes on by itself, and alarms when it has failed for long', async () => {
    await readThrough(day(3));
    scene.paystack.disturb({ effect: 'UNAVAILABLE', on: 'GET /balance/ledger' });
    expect(await fetchNext()).toBe(false);
    const shown = async () => {
      const { data } = await scene.world.execute(
        scene.staff,
        '{ settlementFetches { provider throughDay fetchedAt triedAt fault } }',
      );
      return (data!['settlementFetches'] as { provider: string }[]).find(({ provider }) => provider === 'paystack');
    };
    expect(await shown()).toMatchObject({ throughDay: day(3), fetchedAt: null, fault: expect.stringContaining('503') });
    const alarms = async () =>
      (await readAlarms(scene.world.jobsPool())).filter(({ code }) => code === 'SETTLEMENT_LATE');
    expect(await alarms()).toMatchObject([{ subject: 'paystack' }]);
    scene.paystack.calm();
    while (await fetchNext());
    expect(await shown()).toMatchObject({ fault: null });
    expect(await alarms()).toEqual([]);
  });

  test('is staff’s to look at', async () => {
    const { errors } = await scene.world.execute(scene.ada, '{ settlementFetches { provider } }');
    expect(errors![0]!.extensions['code']).toBe('FORBIDDEN');
  });
});
