import type { Queryable } from '../platform/db.ts';

/** What lies on a suspense account: money that nobody could put where it belongs. */
export interface SuspenseBalance {
  currency: string;
  provider: string;
  amountMinor: bigint;
}

/* As recompute.ts: what the last good proof had added up, and what came since, which the index on xid finds. */
const BALANCES = `
  WITH suspense AS MATERIALIZED (
    SELECT id, currency, provider FROM ledger.account WHERE owner_id IS NULL AND kind = 'SUSPENSE'
  ), fresh AS MATERIALIZED (
    SELECT id, at FROM ledger.entry
    WHERE EXISTS (SELECT FROM suspense)
      AND xid >= coalesce((SELECT horizon FROM ledger.proof WHERE ok ORDER BY number DESC LIMIT 1), 0)
  ), added AS (
    SELECT p.account_id, sum(p.amount) AS total FROM fresh e JOIN ledger.posting p ON p.entry_id = e.id AND p.at = e.at
    WHERE p.at >= (SELECT min(at) FROM fresh) AND p.account_id IN (SELECT id FROM suspense) GROUP BY p.account_id
  )
  SELECT suspense.currency, suspense.provider, coalesce(proved.total, 0) + coalesce(added.total, 0) AS amount
  FROM suspense
  LEFT JOIN ledger.proved_sum proved ON proved.account_id = suspense.id
  LEFT JOIN added ON added.account_id = suspense.id
  WHERE coalesce(proved.total, 0) + coalesce(added.total, 0) <> 0
  ORDER BY suspense.currency, suspense.provider`;

/** Suspense accounts that are not at zero. */
export async function readSuspense(db: Queryable): Promise<SuspenseBalance[]> {
  const { rows } = await db.query<{ currency: string; provider: string; amount: string }>({
    name: 'ledger-read-suspense',
    text: BALANCES,
  });
  return rows.map(({ currency, provider, amount }) => ({ currency, provider, amountMinor: BigInt(amount) }));
}
