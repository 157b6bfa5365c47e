import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type pg from 'pg';
import { POLICY } from '../../../platform/policy.ts';
import { holdRelay, type Held } from '../../../tests/deposit-jobs.ts';
import { openPayoutScene, type PayoutScene } from '../../../tests/payout-scene.ts';
import { payOut } from './pay-out.ts';
import { closeAttempt } from './payout-store.ts';

/* A sender that stands still (a long pause, a machine that sleeps) and goes on when others have long taken over. */

let scene: PayoutScene;
let relay: Held;
/** How far ahead this process's clock seems to be. */
let aheadMs = 0;

beforeAll(async () => {
  scene = await openPayoutScene();
});
beforeEach(async () => {
  await scene.begin();
  const now = performance.now.bind(performance);
  aheadMs = 0;
  jest.spyOn(performance, 'now').mockImplementation(() => now() + aheadMs);
  // No job: each sender here is begun by hand.
  relay = await holdRelay(scene.world.admin);
});
afterEach(async () => {
  jest.restoreAllMocks();
  await relay.letGo();
});
afterAll(() => scene.close());

const signal = new AbortController().signal;

/** A sender that stands still when the answer to a statement has reached its process, until it is let go. */
function stallAfter(statement: string) {
  let letGo = () => {};
  let reached = () => {};
  const going = new Promise<void>((resolve) => (letGo = resolve));
  const stands = new Promise<void>((resolve) => (reached = resolve));
  const { pool } = scene.deps;
  const stalling = new Proxy(pool, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (name !== 'query') return value.bind(target) as unknown;
      return async (query: pg.QueryConfig) => {
        const result = await target.query(query);
        if (query.name === statement) {
          reached();
          await going;
        }
        return result;
      };
    },
  });
  return { deps: { ...scene.deps, pool: stalling }, stands, letGo };
}

describe('a sender that stood still after it wrote its attempt', () => {
  test.each(['transfer-send-payout', 'transfer-is-still-to-send'])(
    'sends nothing when another has paid meanwhile (it stood after %s)',
    async (statement) => {
      const { bankrail, paystack } = scene.payouts.providers;
      const { id } = await scene.started();
      const stalled = stallAfter(statement);
      const sender = payOut(stalled.deps, id, signal);
      await stalled.stands;
      await scene.age(id);
      await payOut(scene.deps, id, signal);
      expect(await scene.attemptsOf(id)).toEqual(['bankrail NOT_HERE', 'paystack SUCCEEDED']);
      aheadMs = 60_000;
      stalled.letGo();
      await sender;
      expect(bankrail.calls.filter((call) => call.startsWith('send'))).toEqual([]);
      expect([bankrail.paid.size, paystack.paid.size]).toEqual([0, 1]);
      expect((await scene.read(id))!.status).toBe('COMPLETED');
    },
  );

  test.each<[string, string, (id: string) => Promise<void>]>([
    ['the database’s clock', 'transfer-send-payout', (id) => scene.age(id)],
    ['its own clock', 'transfer-is-still-to-send', async () => void (aheadMs = POLICY.payouts.beginWithinMs)],
    ['its own clock', 'transfer-send-payout', async () => void (aheadMs = POLICY.payouts.beginWithinMs)],
  ])('sends nothing once its time is over by %s, though nobody took over', async (_clock, statement, pass) => {
    const { bankrail } = scene.payouts.providers;
    const { id } = await scene.started();
    const stalled = stallAfter(statement);
    const sender = payOut(stalled.deps, id, signal).catch(() => {});
    await stalled.stands;
    await pass(id);
    stalled.letGo();
    await sender;
    expect(bankrail.calls.filter((call) => call.startsWith('send'))).toEqual([]);
    await scene.age(id);
    await payOut(scene.deps, id, signal);
    expect(await scene.attemptsOf(id)).toEqual(['bankrail NOT_HERE', 'paystack SUCCEEDED']);
  });

  test('sends nothing when its attempt was ended meanwhile, however young it is', async () => {
    const { bankrail } = scene.payouts.providers;
    const { id } = await scene.started();
    const stalled = stallAfter('transfer-send-payout');
    const sender = payOut(stalled.deps, id, signal);
    await stalled.stands;
    const ended = { outcome: 'NOT_HERE', code: 'not_sent', message: 'The provider never took it.' } as const;
    await closeAttempt(scene.deps.pool, { transferId: id, number: 1 }, ended);
    stalled.letGo();
    await sender;
    expect(await scene.attemptsOf(id)).toEqual(['bankrail NOT_HERE', 'paystack SUCCEEDED']);
    expect(bankrail.calls.filter((call) => call.startsWith('send'))).toEqual([]);
  });

  test('sends nothing when its process is stopping', async () => {
    const { bankrail } = scene.payouts.providers;
    const { id } = await scene.started();
    const stalled = stallAfter('transfer-is-still-to-send');
    const stopping = new AbortController();
    const sender = payOut(stalled.deps, id, stopping.signal).catch(() => {});
    await stalled.stands;
    stopping.abort();
    stalled.letGo();
    await sender;
    expect(bankrail.calls.filter((call) => call.startsWith('send'))).toEqual([]);
    await scene.age(id);
    await payOut(scene.deps, id, signal);
    expect((await scene.read(id))!.status).toBe('COMPLETED');
  });

  test('has ended before a "not here" of its provider is trusted', () => {
    const { beginWithinMs, deadlineMs, notHereAfterMs } = POLICY.payouts;
    expect(beginWithinMs + deadlineMs).toBeLessThan(notHereAfterMs);
  });
});
