/*
 * What must not be about receivables, as branches (problem, subject, detail) of the one statement that proves the books (check.ts). What
 * customers owe in a currency is what the account RECEIVABLE stands at; each debt is what its entry laid out, less what was collected of it
 * entry by entry, from accounts of the debtor.
 */
export const RECEIVABLE_FINDINGS = `
  SELECT 'what is owed is not what lies on the receivable account' AS problem, coalesce(b.currency, r.currency) AS subject,
      concat('balance ', coalesce(b.balance, 0), ', owed ', coalesce(r.owed, 0)) AS detail
    FROM (
      SELECT a.currency, sum(p.amount) AS balance FROM ledger.account a JOIN ledger.posting p ON p.account_id = a.id
      WHERE a.owner_id IS NULL AND a.kind = 'RECEIVABLE' GROUP BY a.currency
    ) b
    FULL JOIN (SELECT currency, sum(amount - collected) AS owed FROM ledger.receivable GROUP BY currency) r ON r.currency = b.currency
    WHERE coalesce(b.balance, 0) <> -coalesce(r.owed, 0)
  UNION ALL
  SELECT 'receivable is not what a reversal laid out', coalesce(r.id, v.entry_id)::text,
      concat('owed ', r.amount, ' by ', r.debtor_id, ', laid out ', v.receivable, ' for ', v.debtor_id)
    FROM ledger.receivable r
    FULL JOIN (SELECT v.*, -p.amount AS posted, p.currency FROM ledger.reversal v
      LEFT JOIN (SELECT p.* FROM ledger.posting p JOIN ledger.account a ON a.id = p.account_id AND a.owner_id IS NULL AND a.kind = 'RECEIVABLE') p
        ON p.entry_id = v.entry_id
      WHERE v.receivable > 0) v ON v.entry_id = r.id
    WHERE (r.amount, r.debtor_id, r.currency, r.laid_out_at, r.amount) IS DISTINCT FROM (v.receivable, v.debtor_id, v.currency, v.at, v.posted)
  UNION ALL
  SELECT 'collected is not the sum of the collections', coalesce(r.id, c.receivable_id)::text,
      concat('collected ', r.collected, ' of ', r.amount, ', collections ', coalesce(c.total, 0))
    FROM ledger.receivable r
    FULL JOIN (SELECT receivable_id, sum(amount) AS total, max(at) AS last_at FROM ledger.receivable_collection GROUP BY receivable_id) c
      ON c.receivable_id = r.id
    WHERE r.collected IS DISTINCT FROM coalesce(c.total, 0)
      OR r.settled_at IS DISTINCT FROM CASE WHEN r.collected = r.amount THEN c.last_at END
  UNION ALL
  SELECT 'collection is not what its entry posted', coalesce(c.entry_id, e.id)::text,
      concat('collected ', c.amount, ' from ', c.account_id, ', posted ', p.amount)
    FROM ledger.receivable_collection c
    FULL JOIN (SELECT * FROM ledger.entry WHERE kind = 'COLLECTION') e ON e.id = c.entry_id
    LEFT JOIN ledger.receivable r ON r.id = c.receivable_id
    LEFT JOIN ledger.account a ON a.id = c.account_id AND a.owner_id = r.debtor_id AND a.currency = r.currency
    LEFT JOIN ledger.posting p ON p.entry_id = e.id AND p.account_id = a.id AND p.at = e.at
    WHERE (-p.amount, e.at) IS DISTINCT FROM (c.amount, c.at)`;
