import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible';
import { codedError } from './graph-errors.ts';
import type { Logger } from './log.ts';
import { connectRedis } from './redis.ts';

/** What is limited, and how much of it: points per key and duration. */
export const RATE_LIMITS = {
  /** Wrong passwords for one email from one address. */
  'login-failure': { points: 20, durationSeconds: 15 * 60 },
  /** Wrong passwords from one address, for whatever email. */
  'login-failure-address': { points: 200, durationSeconds: 15 * 60 },
  /** A user's look-ups of recipients who do not exist: each is a question "is this email a customer?". */
  'recipient-lookup-failure': { points: 30, durationSeconds: 10 * 60 },
  /** A user's card tokens that the provider refuses: who tries out stolen cards tries many. */
  'card-link-failure': { points: 30, durationSeconds: 10 * 60 },
  /** A user's deposits that the card's issuer declines: likewise, with small amounts. */
  'card-charge-failure': { points: 20, durationSeconds: 60 * 60 },
  /** A user's quotes: each is kept for days, and costs nothing to ask for. */
  quote: { points: 300, durationSeconds: 5 * 60 },
  /** What comes to /webhooks/<provider> from one address: far more than a provider tells at its busiest. */
  'provider-webhook': { points: 6_000, durationSeconds: 60 },
  /** And how much of that may be unsigned, malformed or for nobody, before the address is not listened to for a while. */
  'provider-webhook-failure': { points: 100, durationSeconds: 5 * 60 },
} as const;

export type RateLimitName = keyof typeof RATE_LIMITS;

/**
 * Limits shared by all processes through Redis where there is one, else counted in this process. Redis away never stops
 * anybody: each process then counts for itself. A limit on failures is kept by `check` before an attempt and a count after
 * its failure, so attempts that are under way at the same moment may go beyond it by their number.
 */
export interface RateLimits {
  /** Counts one; throws the coded error RATE_LIMITED when that is one too many. */
  consume(name: RateLimitName, key: string): Promise<void>;
  /** Counts nothing; throws RATE_LIMITED when the next `consume` would. */
  check(name: RateLimitName, key: string): Promise<void>;
  /** Counts one and never throws: for a failure whose own answer must go out. */
  penalize(name: RateLimitName, key: string): Promise<void>;
  close(): Promise<void>;
}

/** A Redis that hangs may cost a request this much before this process counts for itself. */
const COMMAND_TIMEOUT_MS = 250;

/** Limits in this process, or in Redis where `redisUrl` is given. */
export function createRateLimits({ redisUrl, log }: { redisUrl: string | null; log: Logger }): RateLimits {
  const redis = redisUrl
    ? connectRedis({
        url: redisUrl,
        part: 'rate limits',
        whileAway: 'each process counts for itself',
        commandTimeoutMs: COMMAND_TIMEOUT_MS,
        log,
      })
    : null;
  // A Map from Object.keys loses the names' type, which is theirs by construction.
  const limiters = new Map(
    (Object.keys(RATE_LIMITS) as RateLimitName[]).map((name) => [name, createLimiter(name, redis)]),
  );
  const limiter = (name: RateLimitName) => limiters.get(name)!;

  return {
    async consume(name, key) {
      try {
        await limiter(name).consume(hashKey(key));
      } catch (refused) {
        if (refused instanceof RateLimiterRes) throw rateLimited(refused);
        throw refused;
      }
    },
    async check(name, key) {
      const counted = await limiter(name).get(hashKey(key));
      if (counted && counted.consumedPoints >= RATE_LIMITS[name].points) throw rateLimited(counted);
    },
    async penalize(name, key) {
      await limiter(name).penalty(hashKey(key));
    },
    async close() {
      redis?.disconnect();
    },
  };
}

function createLimiter(name: RateLimitName, redis: Redis | null): RateLimiterAbstract {
  const { points, durationSeconds } = RATE_LIMITS[name];
  const options = { keyPrefix: `dwaybank:limit:${name}`, points, duration: durationSeconds };
  const inProcess = new RateLimiterMemory(options);
  if (!redis) return inProcess;
  return new RateLimiterRedis({
    ...options,
    storeClient: redis,
    rejectIfRedisNotReady: true,
    insuranceLimiter: inProcess,
  });
}

/** Keys hold emails and addresses; a shared Redis need not know them. */
function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('base64url');
}

function rateLimited({ msBeforeNext }: RateLimiterRes) {
  const minutes = Math.max(1, Math.ceil(msBeforeNext / 60_000));
  return codedError(
    'RATE_LIMITED',
    `Too many attempts. Try again in ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}.`,
  );
}
