/** What is limited, and how much of it: points per key and duration. */
export const RATE_LIMITS = {
  /** Wrong passwords for one email from one address. */
  'login-failure': { points: 20, durationSeconds: 15 * 60 },
  /** Wrong passwords from one address, for whatever email. */
  'login-failure-address': { points: 200, durationSeconds: 15 * 60 },
  /** A user's look-ups of recipients who do not exist: each is a question "is this email a customer?". */
  'recipient-lookup-failure': { points: 30, durationSeconds: 10 * 60 },
} as const;

export type RateLimitName = keyof typeof RATE_LIMITS;

/**
 * Limits shared by all processes through Redis where there is one, else counted in this process. Redis away never stops
 * anybody: each process then counts for itself.
 */
export interface RateLimits {
  /** Counts one and throws the coded error RATE_LIMITED when that is too many. */
  consume(name: RateLimitName, key: string): Promise<void>;
  /** Counts nothing and throws RATE_LIMITED when `consume` would: for limits on failures, asked before the attempt. */
  check(name: RateLimitName, key: string): Promise<void>;
  /** Counts one and never throws: for a failure whose own answer must go out. */
  penalize(name: RateLimitName, key: string): Promise<void>;
  close(): Promise<void>;
}

/** Limits in this process, or in Redis when `redisUrl` is given. */
export function createRateLimits(_deps: { redisUrl?: string }): RateLimits {
  throw new Error('not yet');
}
