import type pg from 'pg';

/** Days of exchange rates as portfolio would have recorded them, for tests that are not about loading: how much a dollar buys. */
export async function addRateDays(
  admin: pg.Pool,
  days: Readonly<Record<string, Readonly<Record<string, string>>>>,
): Promise<void> {
  const rates = Object.entries(days).flatMap(([date, perUsd]) =>
    Object.entries({ USD: '1', ...perUsd }).map(([currency, rate]) => ({ date, currency, rate })),
  );
  await admin.query(`INSERT INTO portfolio.rate_day (date, source) SELECT unnest($1::date[]), 'test'`, [
    Object.keys(days),
  ]);
  await admin.query(
    `INSERT INTO portfolio.rate (date, currency, per_usd) SELECT * FROM unnest($1::date[], $2::text[], $3::text[])`,
    [rates.map(({ date }) => date), rates.map(({ currency }) => currency), rates.map(({ rate }) => rate)],
  );
}
