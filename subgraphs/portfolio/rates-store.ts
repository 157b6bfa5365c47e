import type { Queryable } from '../../platform/db.ts';
import type { LastGoodDay } from './check-rates.ts';

/*
 * The tables rate_day, rate and rate_check. They are written by load-rates.ts alone, under the lock below.
 */

/** Lets one process at a time load rates, until its transaction ends: each finds what the one before it recorded. */
export async function lockRates(tx: Queryable): Promise<void> {
  await tx.query({ text: `SELECT pg_advisory_xact_lock(hashtextextended('portfolio.rates', 0))` });
}

/** The newest day that was believed; null while there is none. */
export async function readLastGoodDay(tx: Queryable): Promise<LastGoodDay | null> {
  const { rows } = await tx.query<{ date: string; currency: string; per_usd: string; doubtful: string | null }>({
    text: `SELECT date::text AS date, currency, per_usd, doubtful FROM rate
           WHERE date = (SELECT max(date) FROM rate_day)`,
  });
  if (!rows[0]) return null;
  return {
    date: rows[0].date,
    perUsd: Object.fromEntries(rows.map(({ currency, per_usd }) => [currency, per_usd])),
    doubtful: new Set(rows.filter(({ doubtful }) => doubtful !== null).map(({ currency }) => currency)),
  };
}

export interface GoodDay {
  date: string;
  source: string;
  perUsd: Readonly<Record<string, string>>;
  /** Which of them must not be used, and why. */
  doubtful: ReadonlyMap<string, string>;
}

/** Keeps a day that was believed. It must be newer than every other. */
export async function recordDay(tx: Queryable, { date, source, perUsd, doubtful }: GoodDay): Promise<void> {
  await tx.query({ text: 'INSERT INTO rate_day (date, source) VALUES ($1, $2)', values: [date, source] });
  const currencies = Object.keys(perUsd);
  await tx.query({
    text: `INSERT INTO rate (currency, date, per_usd, doubtful)
           SELECT currency, $1, per_usd, doubtful
           FROM unnest($2::text[], $3::text[], $4::text[]) AS given (currency, per_usd, doubtful)`,
    values: [
      date,
      currencies,
      currencies.map((currency) => perUsd[currency]),
      currencies.map((currency) => doubtful.get(currency) ?? null),
    ],
  });
}

/** Notes what came of looking at a source. */
export async function recordCheck(
  tx: Queryable,
  { source, fault, recorded }: { source: string; fault: string | null; recorded: boolean },
): Promise<void> {
  await tx.query({
    text: `INSERT INTO rate_check AS known (source, checked_at, fault, changes)
           VALUES ($1, clock_timestamp(), $2, 1)
           ON CONFLICT (source) DO UPDATE SET
             checked_at = excluded.checked_at,
             fault = excluded.fault,
             changes = known.changes + CASE WHEN $3 OR known.fault IS DISTINCT FROM excluded.fault THEN 1 ELSE 0 END`,
    values: [source, fault, recorded],
  });
}
