/**
 * The time for everything but money. What concerns money (versions, asOf, expiry of holds) is decided by the database's
 * clock inside its own statements.
 */
export interface Clock {
  /** The current time. */
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };
