import type { Queryable } from '../platform/db.ts';
import type { AccountId, HoldId, TransferId } from '../platform/ids.ts';

/** Money of an account that is promised to a payment under way. */
export interface OpenHold {
  id: HoldId;
  accountId: AccountId;
  currency: string;
  /** What it still holds. */
  openMinor: bigint;
  placedAt: Date;
  /** From then on it frees its money; null: only what becomes of the payment does. */
  expiresAt: Date | null;
  transferId: TransferId | null;
}

/** What accounts hold for payments, oldest first, at most `most` each. What is in pockets is left out. */
export async function openHoldsOf(db: Queryable, accountIds: readonly AccountId[], most: number): Promise<OpenHold[]> {
  const { rows } = await db.query<{
    id: HoldId;
    account_id: AccountId;
    currency: string;
    inside: string;
    placed_at: Date;
    expires_at: Date | null;
    transfer_id: TransferId | null;
  }>({
    name: 'ledger-open-holds-of',
    text: `SELECT found.* FROM unnest((SELECT $1::uuid[])) AS asked (account_id) CROSS JOIN LATERAL (
             SELECT h.id, h.account_id, h.currency, h.amount - h.captured - h.released AS inside, h.placed_at, h.expires_at, h.transfer_id
             FROM ledger.hold h
             WHERE h.account_id = asked.account_id AND h.status = 'OPEN'
               AND NOT EXISTS (SELECT FROM ledger.pocket p WHERE p.account_id = h.account_id AND p.hold_id = h.id)
             ORDER BY h.id LIMIT $2) AS found
           ORDER BY found.id`,
    values: [accountIds, most],
  });
  return rows.map((row) => ({
    id: row.id,
    accountId: row.account_id,
    currency: row.currency,
    openMinor: BigInt(row.inside),
    placedAt: row.placed_at,
    expiresAt: row.expires_at,
    transferId: row.transfer_id,
  }));
}
