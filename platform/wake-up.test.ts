import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openEventLogWorld, effects, quietLog, type EventLogWorld } from '../tests/event-log-world.ts';
import { recordNames } from '../tests/recording-listener.ts';
import { skippedWithoutRedis, startRedis, type TestRedis } from '../tests/redis.ts';
import { until } from '../tests/until.ts';
import { runListeners, type ListenerRunner } from './event-listeners.ts';
import { createEventTail, type EventTail } from './event-tail.ts';
import { createLocalWakeUp, createRedisWakeUp, type WakeUp } from './wake-up.ts';

describe('the wake-up of one process', () => {
  test('makes one signal of many, and tells everybody who still listens', async () => {
    const wakeUp = createLocalWakeUp(quietLog);
    const heard = { first: 0, second: 0, gone: 0 };
    wakeUp.onSignal(() => (heard.first += 1));
    wakeUp.onSignal(() => {
      throw new Error('a bug in one reaction');
    });
    wakeUp.onSignal(() => (heard.second += 1));
    const stop = wakeUp.onSignal(() => (heard.gone += 1));
    stop();
    for (let n = 0; n < 100; n++) wakeUp.signal();
    await new Promise((resolve) => setImmediate(resolve));
    expect(heard).toEqual({ first: 1, second: 1, gone: 0 });
    wakeUp.signal();
    await new Promise((resolve) => setImmediate(resolve));
    expect(heard).toEqual({ first: 2, second: 2, gone: 0 });
    await wakeUp.close();
  });
});

const withRedis = skippedWithoutRedis ? describe.skip : describe;

withRedis(`the wake-up over Redis${skippedWithoutRedis}`, () => {
  let redis: TestRedis;
  let here: WakeUp;
  let there: WakeUp;

  beforeEach(async () => {
    // Not null: without a redis-server this whole block is skipped.
    redis = (await startRedis())!;
    here = createRedisWakeUp({ url: redis.url, log: quietLog });
    there = createRedisWakeUp({ url: redis.url, log: quietLog });
  });

  afterEach(async () => {
    await here.close();
    await there.close();
    await redis.stop();
  });

  /** Waits until a signal here is heard there. */
  const connected = () => {
    let heard = false;
    const stop = there.onSignal(() => (heard = true));
    return until('a signal goes from process to process', () => {
      here.signal();
      return heard;
    }).finally(stop);
  };

  test('carries signals to other processes, few for many', async () => {
    await connected();
    let heard = 0;
    let done = false;
    there.onSignal(() => (heard += 1));
    const until1000 = until('a thousand signals', () => {
      for (let n = 0; n < 100; n++) here.signal();
      return heard >= 3;
    });
    await until1000.then(() => (done = true));
    expect(done).toBe(true);
    expect(heard).toBeLessThan(100);
  });

  test('wakes its own process also while Redis is away, and carries on when it is back', async () => {
    await connected();
    await redis.kill();
    let heard = 0;
    here.onSignal(() => (heard += 1));
    here.signal();
    await until('a signal within the process', () => heard > 0);
    await redis.restart();
    await connected();
  });

  test('waits for a Redis that is not there yet', async () => {
    await redis.kill();
    const early = createRedisWakeUp({ url: redis.url, log: quietLog });
    early.signal();
    await redis.restart();
    let heard = false;
    early.onSignal(() => (heard = true));
    await until('a signal from elsewhere', () => {
      here.signal();
      return heard;
    });
    await early.close();
  });

  describe('under listeners and a tail', () => {
    let world: EventLogWorld;
    let runner: ListenerRunner;
    let tail: EventTail;

    beforeEach(async () => {
      world = await openEventLogWorld();
      runner = runListeners({ pool: world.pool, wakeUp: there, log: quietLog }, [recordNames('transfer.effects')]);
      tail = await createEventTail({ pool: world.pool, wakeUp: there, log: quietLog });
    });

    afterEach(async () => {
      await runner.stop();
      await tail.close();
      await world.close();
    });

    test('nothing is lost or doubled while Redis is killed and restarted in the middle', async () => {
      const told: string[] = [];
      tail.followType('UserRegistered', ({ payload }) => told.push(payload.displayName));
      const expected: string[] = [];
      const write = async (part: string) => {
        for (let n = 0; n < 20; n++) {
          expected.push(`${part} ${n}`);
          await world.register(`${part} ${n}`);
          here.signal();
        }
      };
      await write('before');
      await redis.kill();
      await write('without Redis');
      await until('polling finds them', () => told.length === expected.length);
      await redis.restart();
      await write('after');
      await until('all have been told', () => told.length >= expected.length);
      await runner.caughtUp('transfer.effects', AbortSignal.timeout(10_000));
      expect(told).toEqual(expected);
      expect(await effects(world)).toEqual(expected);
    });
  });
});
