/*
 * What must not be about pockets, as branches (problem, subject, detail) of the one statement that proves the books (check.ts). What a
 * pocket's hold holds is proved with all holds; here stands that it is one that nobody else releases, captures or lets expire.
 */
export const POCKET_FINDINGS = `
  SELECT 'pocket is not an open hold of its own account and without an end', p.id::text, concat('hold ', p.hold_id)
    FROM ledger.pocket p
    LEFT JOIN ledger.hold h ON h.id = p.hold_id AND h.account_id = p.account_id AND h.status = 'OPEN'
      AND h.transfer_id IS NULL AND h.expires_at IS NULL AND h.spent_by IS NULL AND h.captured = 0
    WHERE p.hold_id IS NOT NULL AND h.id IS NULL`;
