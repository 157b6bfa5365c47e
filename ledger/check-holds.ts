/*
 * What must not be about holds, as branches (problem, subject, detail) of the one statement that proves the books (check.ts). A hold's
 * figures are proved by its history, its history by the versions and postings of the account, and `held` of an account twice: now, by
 * its open holds, and at every version, by what happened to holds there.
 */
export const HOLD_FINDINGS = `
  SELECT 'held is not what open holds hold' AS problem, a.id::text AS subject,
      concat('held ', a.held, ', open holds ', coalesce(h.still_held, 0)) AS detail
    FROM ledger.account a
    LEFT JOIN (SELECT account_id, sum(amount - captured - released) AS still_held FROM ledger.hold WHERE status = 'OPEN' GROUP BY account_id) h
      ON h.account_id = a.id
    WHERE a.held <> coalesce(h.still_held, 0)
  UNION ALL
  SELECT 'held at a version is not what happened to holds', coalesce(v.account_id, c.account_id)::text,
      concat('version ', coalesce(v.version, c.version), ' moved held by ', v.moved, ', its holds by ', c.moved)
    FROM (
      SELECT account_id, version, at, held - coalesce(lag(held) OVER (PARTITION BY account_id ORDER BY version), 0) AS moved
      FROM ledger.balance_changes
    ) v
    FULL JOIN (
      SELECT account_id, version, min(at) AS first_at, max(at) AS last_at,
        sum(CASE WHEN kind IN ('PLACED', 'INCREASED') THEN amount ELSE -amount END) AS moved
      FROM ledger.hold_change GROUP BY account_id, version
    ) c ON c.account_id = v.account_id AND c.version = v.version
    WHERE v.account_id IS NULL OR v.moved <> coalesce(c.moved, 0) OR c.first_at <> v.at OR c.last_at <> v.at
  UNION ALL
  SELECT 'hold is not what happened to it', coalesce(h.id, c.hold_id)::text,
      concat(h.status, ' ', h.amount, ' captured ', h.captured, ' released ', h.released,
        ', its history ', c.asked, ' captured ', c.captured, ' released ', c.freed)
    FROM ledger.hold h
    FULL JOIN (
      SELECT hold_id, count(DISTINCT account_id) AS accounts, min(account_id::text) AS account_id, min(at) AS placed_at, max(at) AS changed_at,
        count(*) FILTER (WHERE kind = 'PLACED') AS placed,
        sum(amount) FILTER (WHERE kind IN ('PLACED', 'INCREASED')) AS asked,
        coalesce(sum(amount) FILTER (WHERE kind = 'CAPTURED'), 0) AS captured,
        coalesce(sum(amount) FILTER (WHERE kind IN ('RELEASED', 'EXPIRED')), 0) AS freed,
        count(*) FILTER (WHERE kind = 'EXPIRED') AS expired
      FROM ledger.hold_change GROUP BY hold_id
    ) c ON c.hold_id = h.id
    WHERE h.id IS NULL OR c.hold_id IS NULL
      OR (c.accounts, c.account_id, c.placed, c.placed_at, c.asked, c.captured, c.freed, c.expired)
        IS DISTINCT FROM (1, h.account_id::text, 1, h.placed_at, h.amount, h.captured, h.released, (h.status = 'EXPIRED')::int)
      OR (h.status = 'OPEN') <> (h.captured + h.released < h.amount)
      OR h.ended_at IS DISTINCT FROM CASE WHEN h.status <> 'OPEN' THEN c.changed_at END
  UNION ALL
  SELECT 'hold without its account', h.id::text, concat('account ', h.account_id, ' ', h.currency)
    FROM ledger.hold h
    LEFT JOIN ledger.account a ON a.id = h.account_id AND a.owner_id = h.owner_id AND a.currency = h.currency WHERE a.id IS NULL
  UNION ALL
  SELECT 'open hold on a closed account', h.id::text, concat('account ', h.account_id)
    FROM ledger.hold h JOIN ledger.account a ON a.id = h.account_id WHERE h.status = 'OPEN' AND a.status = 'CLOSED'
  UNION ALL
  SELECT 'capture is not what its entry posted', c.posting_id::text,
      concat('captured ', c.amount, ' of ', c.account_id, ', posted ', p.amount, ' on ', p.account_id)
    FROM ledger.hold_change c LEFT JOIN ledger.posting p ON p.id = c.posting_id
    WHERE c.kind = 'CAPTURED'
      AND (p.entry_id, p.account_id, -p.amount, p.at) IS DISTINCT FROM (c.entry_id, c.account_id, c.amount, c.at)
  UNION ALL
  SELECT 'capture leaves out what its entry posted', p.id::text, concat(p.amount, ' on ', p.account_id)
    FROM (SELECT DISTINCT entry_id, account_id FROM ledger.hold_change WHERE kind = 'CAPTURED') e
    JOIN ledger.posting p ON p.entry_id = e.entry_id AND p.account_id = e.account_id
    LEFT JOIN ledger.hold_change c ON c.entry_id = e.entry_id AND c.posting_id = p.id WHERE c.hold_id IS NULL
  UNION ALL
  SELECT 'posting is captured several times', posting_id::text, concat(count(*), ' times')
    FROM ledger.hold_change WHERE kind = 'CAPTURED' GROUP BY posting_id HAVING count(*) > 1
  UNION ALL
  SELECT 'captured spending is counted twice', e.id::text, concat('customer ', e.spent_by)
    FROM ledger.entry e JOIN ledger.hold_change c ON c.entry_id = e.id
    JOIN ledger.hold h ON h.id = c.hold_id AND h.spent_by = e.spent_by WHERE c.kind = 'CAPTURED'
  UNION ALL
  SELECT 'spending of a hold is counted wrong', coalesce(h.id, s.hold_id)::text,
      concat('counted ', s.amount, ' of ', h.amount, ', given back ', s.returned, ' of ', h.released)
    FROM (SELECT * FROM ledger.hold WHERE spent_by IS NOT NULL) h
    FULL JOIN (
      SELECT hold_id, min(owner_id::text) AS first_owner, max(owner_id::text) AS last_owner, min(currency) AS first_currency, max(currency) AS last_currency,
        sum(amount) AS amount, sum(returned) AS returned,
        bool_and(usd_returned = div(usd * returned, amount) AND own_returned = div(own * returned, amount)) AS in_proportion
      FROM ledger.hold_spending GROUP BY hold_id
    ) s ON s.hold_id = h.id
    WHERE (s.first_owner, s.last_owner, s.first_currency, s.last_currency, s.amount, s.returned, s.in_proportion)
      IS DISTINCT FROM (h.spent_by::text, h.spent_by::text, h.currency, h.currency, h.amount, h.released, true)`;

/** What holds have counted against limits and not given back, in the columns of what entries have counted. */
export const SPENT_BY_HOLDS = `
  SELECT owner_id, 'TOTAL' AS scope, usd - usd_returned AS amount, at FROM ledger.hold_spending
  UNION ALL
  SELECT owner_id, currency, own - own_returned, at FROM ledger.hold_spending`;
