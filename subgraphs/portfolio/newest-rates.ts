import { daysBetween } from '../../platform/days.ts';
import type { Queryable } from '../../platform/db.ts';
import { POLICY } from '../../platform/policy.ts';
import type { Rates } from '../../platform/rates.ts';
import { readNewestRates } from './rates-store.ts';

/** What everything is valued with now: of each currency the newest rate that is not doubtful. */
export interface NewestRates extends Pick<Rates, 'perUsd'> {
  /** The newest day that was believed; null while there is none. */
  date: string | null;
  /** Of which day each rate is: an older one where the newest day's is missing or doubtful. */
  dates: Readonly<Record<string, string>>;
  /** True when the newest day that was offered was refused. */
  refused: boolean;
  /** Grows whenever any of this changes. */
  changes: number;
}

/** True when a rate is older than it should be, for somebody who holds these currencies. `today` is in UTC. */
export function isStale({ date, dates, refused }: NewestRates, currencies: Iterable<string>, today: string): boolean {
  if (date === null || refused || daysBetween(date, today) > POLICY.rates.staleAfterDays) return true;
  return [...currencies].some((currency) => currency !== 'USD' && dates[currency] !== date);
}

/** The newest rates, for the requests of this process. */
export interface NewestRatesReader {
  /** At most READ_EVERY_MS old. */
  newest(): Promise<NewestRates>;
  /** As they are now: for who has heard that they changed. */
  readNow(): Promise<NewestRates>;
}

/** Rates change once a day: between two reads of the tables this much time passes. */
const READ_EVERY_MS = 1_000;

/** Reads portfolio's own tables. `source` is the one that is to give the newest day. */
export function createNewestRatesReader(pool: Queryable, source: string | null): NewestRatesReader {
  let known: { rates: NewestRates; readAtMs: number } | null = null;
  let reading: Promise<NewestRates> | null = null;

  async function readNow(): Promise<NewestRates> {
    const readAtMs = performance.now();
    const rates = await readNewestRates(pool, source);
    known = { rates, readAtMs };
    return rates;
  }

  return {
    async newest() {
      if (known && performance.now() - known.readAtMs < READ_EVERY_MS) return known.rates;
      reading ??= readNow().finally(() => (reading = null));
      return reading;
    },
    readNow,
  };
}
