import type { Queryable } from '../../../platform/db.ts';
import { POLICY } from '../../../platform/policy.ts';

/* How far each provider's statements were read: one row for each, kept beside what was read, in one commit. */

/** Which day is next to be read. */
export interface NextDay {
  /** YYYY-MM-DD. */
  day: string;
  /** Whether it has been over for long enough. */
  isOver: boolean;
  /** The currencies in which the books have an account with the provider. */
  currencies: string[];
}

/**
 * Notes that a provider is asked now, and says for which day: the one after the last, at first that of our first movement there, or today. By the
 * database's clock.
 */
export async function beginFetch(db: Queryable, provider: string): Promise<NextDay> {
  const { rows } = await db.query<NextDay>({
    name: 'transfer-begin-settlement-fetch',
    text: `WITH asked AS (
             INSERT INTO settlement_fetch (provider) VALUES ($1)
             ON CONFLICT (provider) DO UPDATE SET tried_at = clock_timestamp() RETURNING through_day, begun_at
           ), following AS (
             SELECT coalesce(through_day + 1, least((begun_at AT TIME ZONE 'UTC')::date, (
               SELECT (min(p.at) AT TIME ZONE 'UTC')::date FROM ledger.account a JOIN ledger.posting p ON p.account_id = a.id
               WHERE a.owner_id IS NULL AND a.kind = 'SETTLEMENT' AND a.provider = $1))) AS day FROM asked
           )
           SELECT to_char(day, 'YYYY-MM-DD') AS day,
             day < ((clock_timestamp() - make_interval(mins => $2)) AT TIME ZONE 'UTC')::date AS "isOver",
             ARRAY(SELECT currency FROM ledger.account WHERE owner_id IS NULL AND kind = 'SETTLEMENT' AND provider = $1 ORDER BY 1) AS currencies
           FROM following`,
    values: [provider, POLICY.reconciliation.fetch.afterMinutes],
  });
  return rows[0]!;
}

/** A day was read whole, in the transaction that took it in. */
export async function finishDay(tx: Queryable, provider: string, day: string): Promise<void> {
  await tx.query({
    name: 'transfer-finish-settlement-day',
    text: `UPDATE settlement_fetch SET through_day = greatest(through_day, $2::date), fault = NULL WHERE provider = $1`,
    values: [provider, day],
  });
}

/** There is nothing more to be read for now; or a fault says why it could not be. */
export async function endFetch(db: Queryable, provider: string, fault: string | null): Promise<void> {
  await db.query({
    name: 'transfer-end-settlement-fetch',
    text: `UPDATE settlement_fetch SET fault = $2, fetched_at = CASE WHEN $2::text IS NULL THEN clock_timestamp() ELSE fetched_at END
           WHERE provider = $1`,
    values: [provider, fault],
  });
}

/** How far a provider was read, as staff sees it. */
export interface SettlementFetchState {
  provider: string;
  throughDay: string | null;
  fetchedAt: Date | null;
  triedAt: Date;
  fault: string | null;
}

export async function listFetches(db: Queryable): Promise<SettlementFetchState[]> {
  const { rows } = await db.query<SettlementFetchState>({
    name: 'transfer-list-settlement-fetches',
    text: `SELECT provider, to_char(through_day, 'YYYY-MM-DD') AS "throughDay", fetched_at AS "fetchedAt", tried_at AS "triedAt", fault
           FROM settlement_fetch ORDER BY provider`,
  });
  return rows;
}
