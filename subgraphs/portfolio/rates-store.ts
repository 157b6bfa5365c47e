import type { Queryable } from '../../platform/db.ts';
import { CURRENCIES } from '../../platform/money.ts';
import type { LastGoodDay } from './check-rates.ts';
import type { NewestRates } from './newest-rates.ts';

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

/** Of each currency the newest rate that is not doubtful, and whether the newest day of this source was refused. One statement. */
export async function readNewestRates(db: Queryable, source: string | null): Promise<NewestRates> {
  const { rows } = await db.query<{
    date: string | null;
    refused: boolean;
    changes: string;
    rates: Record<string, [date: string, perUsd: string]> | null;
  }>({
    name: 'portfolio-read-newest-rates',
    text: `SELECT (SELECT max(date)::text FROM rate_day) AS date,
                  EXISTS (SELECT FROM rate_check WHERE source = $1 AND fault IS NOT NULL) AS refused,
                  (SELECT coalesce(sum(changes), 0) FROM rate_check) AS changes,
                  (SELECT jsonb_object_agg(code, jsonb_build_array(newest.date, newest.per_usd))
                   FROM unnest($2::text[]) AS code
                   CROSS JOIN LATERAL (
                     SELECT date, per_usd FROM rate WHERE currency = code AND doubtful IS NULL ORDER BY date DESC LIMIT 1
                   ) AS newest) AS rates`,
    values: [source, [...CURRENCIES.keys()]],
  });
  const { date, refused, changes, rates } = rows[0]!;
  const entries = Object.entries(rates ?? {});
  return {
    date,
    refused,
    changes: Number(changes),
    perUsd: Object.fromEntries(entries.map(([currency, [, perUsd]]) => [currency, perUsd])),
    dates: Object.fromEntries(entries.map(([currency, [of]]) => [currency, of])),
  };
}

/**
 * For each day, in their order, the rates of these currencies: the newest of that day or before, else the oldest that is known.
 * A currency that never had one is left out. One statement.
 */
export async function readRatesOfDays(
  db: Queryable,
  currencies: readonly string[],
  days: readonly string[],
): Promise<Record<string, string>[]> {
  const { rows } = await db.query<{ rates: Record<string, string> | null }>({
    name: 'portfolio-read-rates-of-days',
    text: `WITH held AS MATERIALIZED (
             SELECT code, (SELECT per_usd FROM rate WHERE currency = code AND doubtful IS NULL ORDER BY date LIMIT 1) AS oldest
             FROM unnest($1::text[]) AS code
           )
           SELECT jsonb_object_agg(held.code, coalesce(newest.per_usd, held.oldest))
                    FILTER (WHERE held.oldest IS NOT NULL) AS rates
           FROM unnest($2::date[]) WITH ORDINALITY AS asked (day, place)
           LEFT JOIN held ON true
           LEFT JOIN LATERAL (
             SELECT per_usd FROM rate
             WHERE currency = held.code AND date <= asked.day AND doubtful IS NULL ORDER BY date DESC LIMIT 1
           ) AS newest ON true
           GROUP BY asked.place ORDER BY asked.place`,
    values: [currencies, days],
  });
  return rows.map(({ rates }) => rates ?? {});
}
