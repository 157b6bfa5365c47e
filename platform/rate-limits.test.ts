import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { quietLog } from '../tests/event-log-world.ts';
import { skippedWithoutRedis, startRedis, type TestRedis } from '../tests/redis.ts';
import { until } from '../tests/until.ts';
import { createRateLimits, RATE_LIMITS, type RateLimits } from './rate-limits.ts';

const NAME = 'recipient-lookup-failure';
const { points } = RATE_LIMITS[NAME];
const REFUSAL = { extensions: { code: 'RATE_LIMITED' } };

const times = async (count: number, action: () => Promise<void>) => {
  for (let n = 0; n < count; n++) await action();
};

describe('rate limits within a process', () => {
  let limits: RateLimits;
  beforeEach(() => {
    limits = createRateLimits({ redisUrl: null, log: quietLog });
  });
  afterEach(() => limits.close());

  test('let so many through and refuse the next, for this key alone', async () => {
    await times(points, () => limits.consume(NAME, 'ada'));
    await expect(limits.consume(NAME, 'ada')).rejects.toMatchObject(REFUSAL);
    await expect(limits.consume(NAME, 'ada')).rejects.toThrow(/Try again in 10 minutes/);
    await limits.consume(NAME, 'bo');
    await limits.consume('login-failure', 'ada');
  });

  test('refuse by check after so many failures, and not one earlier; checking counts nothing', async () => {
    await times(points - 1, () => limits.penalize(NAME, 'ada'));
    await times(points, () => limits.check(NAME, 'ada'));
    await limits.penalize(NAME, 'ada');
    await expect(limits.check(NAME, 'ada')).rejects.toMatchObject(REFUSAL);
    await limits.penalize(NAME, 'ada');
  });

  test('count attempts that come at the same time', async () => {
    const attempts = await Promise.allSettled(Array.from({ length: points * 2 }, () => limits.consume(NAME, 'ada')));
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(points);
  });
});

const withRedis = skippedWithoutRedis ? describe.skip : describe;

withRedis(`rate limits in Redis${skippedWithoutRedis}`, () => {
  let redis: TestRedis;
  let here: RateLimits;
  let there: RateLimits;
  beforeEach(async () => {
    // Not null: without a redis-server this whole block is skipped.
    redis = (await startRedis())!;
    here = createRateLimits({ redisUrl: redis.url, log: quietLog });
    there = createRateLimits({ redisUrl: redis.url, log: quietLog });
  });
  afterEach(async () => {
    await here.close();
    await there.close();
    await redis.stop();
  });

  /** Counts to the limit in one process until another one refuses: both then see the same count. */
  const shared = (key: string) =>
    until('both processes count together', async () => {
      await here.penalize(NAME, key);
      return there.check(NAME, key).then(
        () => false,
        () => true,
      );
    });

  test('are shared by processes', async () => {
    await shared('ada');
    await expect(there.consume(NAME, 'ada')).rejects.toMatchObject(REFUSAL);
    await there.consume(NAME, 'bo');
  });

  test('go on within each process while Redis is away', async () => {
    await shared('ada');
    await redis.kill();
    await times(points, () => here.consume(NAME, 'cy'));
    await expect(here.consume(NAME, 'cy')).rejects.toMatchObject(REFUSAL);
    // The other process has counted nothing for this key.
    await there.check(NAME, 'cy');
    await there.consume(NAME, 'cy');
    await redis.restart();
    await shared('dee');
  });
});
