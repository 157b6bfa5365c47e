import { limitedFindings, type Finding } from '../../ledger/check.ts';
import type { Queryable } from '../../platform/db.ts';

/** The kind of the one entry that a completed transfer is. */
const ENTRY_KIND = `CASE WHEN t.refund_of IS NULL OR t.destination_reference IS NOT NULL THEN 'TRANSFER' ELSE 'REVERSAL' END`;

/* As in ledger/check.ts: each branch selects what must not be, in one statement and so in one snapshot. */
const FINDINGS = `
  SELECT 'completed transfer has not exactly one entry' AS problem, t.id::text AS subject, count(e.id) || ' entries' AS detail
    FROM transfer.transfer t LEFT JOIN ledger.entry e ON e.transfer_id = t.id AND e.kind = ${ENTRY_KIND}
    WHERE t.status IN ('COMPLETED', 'REVERSED') GROUP BY t.id HAVING count(e.id) <> 1
  UNION ALL
  SELECT 'entry of a transfer that does not exist', e.id::text, concat('transfer ', e.transfer_id)
    FROM ledger.entry e LEFT JOIN transfer.transfer t ON t.id = e.transfer_id WHERE e.transfer_id IS NOT NULL AND t.id IS NULL
  UNION ALL
  SELECT 'transfer moved another amount', t.id::text,
      concat('amount ', t.amount, ' ', t.currency, ' and ', t.destination_amount, ' ', t.destination_currency,
        ', from the source ', p.leaves, ', laid out ', p.receivable, ', to the destination ', p.arrives)
    FROM transfer.transfer t JOIN (
      SELECT t.id, coalesce(-sum(p.amount) FILTER (WHERE p.account_id = t.source_account_id), 0) + coalesce(max(r.receivable), 0) AS leaves,
        coalesce(max(r.receivable), 0) AS receivable,
        sum(p.amount) FILTER (WHERE p.account_id = coalesce(t.destination_account_id, s.id) AND p.line_type <> 'FEE') AS arrives
      FROM transfer.transfer t JOIN ledger.entry e ON e.transfer_id = t.id AND e.kind = ${ENTRY_KIND}
      LEFT JOIN transfer.provider_attempt a ON a.transfer_id = t.id AND a.outcome IN ('SUCCEEDED', 'RETURNED')
      LEFT JOIN ledger.account s ON s.owner_id IS NULL AND (s.kind, s.currency, s.provider) = ('SETTLEMENT', t.currency, a.provider)
      JOIN ledger.posting p ON p.entry_id = e.id LEFT JOIN ledger.reversal r ON r.entry_id = e.id GROUP BY t.id
    ) p ON p.id = t.id
    WHERE t.status IN ('COMPLETED', 'REVERSED') AND (p.arrives IS DISTINCT FROM t.destination_amount
      OR t.source_account_id IS NOT NULL AND p.leaves IS DISTINCT FROM t.amount + t.fees)
  UNION ALL
  SELECT 'transfer without exchange changed its amount', id::text,
      concat(amount, ' ', currency, ' to ', destination_amount, ' ', destination_currency)
    FROM transfer.transfer WHERE type <> 'EXCHANGE' AND (amount, currency) <> (destination_amount, destination_currency)
  UNION ALL
  SELECT 'transfer that is not completed has an entry', t.id::text, t.status
    FROM transfer.transfer t JOIN ledger.entry e ON e.transfer_id = t.id
    WHERE t.status NOT IN ('COMPLETED', 'REVERSED') AND e.kind NOT IN ('SUSPENSE', 'SETTLEMENT_BOOKING')
  UNION ALL
  SELECT 'unfinished transfer does not hold what it moves', t.id::text,
      concat(t.status, ', ', t.amount + t.fees, ' ', t.currency, ', hold ', coalesce(h.status, 'missing'), ' of ', h.amount)
    FROM transfer.transfer t LEFT JOIN ledger.hold h ON h.id = t.hold_id
    WHERE t.hold_id IS NOT NULL AND NOT transfer.has_ended(t.status) AND t.status <> 'COMPENSATING'
      -- A hold that has expired ends its transfer a moment later.
      AND (h.status = 'EXPIRED' AND t.status IN ('BALANCE_RESERVED', 'HELD_FOR_REVIEW')
        OR h.status = 'OPEN' AND h.captured + h.released = 0
          AND (h.transfer_id, h.account_id, h.amount, h.currency) = (t.id, t.source_account_id, t.amount + t.fees, t.currency)) IS NOT TRUE
  UNION ALL
  SELECT 'transfer that has ended holds money', t.id::text, t.status
    FROM ledger.hold h JOIN transfer.transfer t ON t.id = h.transfer_id
    WHERE h.status = 'OPEN' AND (transfer.has_ended(t.status) OR t.hold_id IS DISTINCT FROM h.id)
  UNION ALL
  SELECT 'transfer and its attempts do not agree', t.id::text, concat(t.status, ', attempts ', a.outcomes)
    FROM transfer.transfer t CROSS JOIN LATERAL (
      SELECT string_agg(coalesce(outcome, 'OPEN'), ', ' ORDER BY attempt) AS outcomes,
        count(*) FILTER (WHERE outcome IS NULL) AS open, count(*) FILTER (WHERE outcome = 'SUCCEEDED') AS paid,
        count(*) FILTER (WHERE outcome = 'RETURNED') AS returned
      FROM transfer.provider_attempt WHERE transfer_id = t.id
    ) a
    WHERE t.destination_reference IS NOT NULL AND (a.paid <> (t.status = 'COMPLETED')::int OR a.returned <> (t.status = 'REVERSED')::int
      OR a.open > 0 AND NOT transfer.is_with_provider(t.status))
  UNION ALL
  SELECT 'payout that came back was not given back', t.id::text, concat(count(e.id), ' entries of ', t.amount, ' ', t.currency)
    FROM transfer.transfer t LEFT JOIN ledger.entry o ON o.transfer_id = t.id AND o.kind = 'TRANSFER'
    LEFT JOIN ledger.reversal r ON r.reverses = o.id AND (r.amount, r.receivable) = (t.amount, 0)
    LEFT JOIN ledger.entry e ON e.id = r.entry_id AND e.transfer_id = t.id AND e.kind IN ('REVERSAL', 'SUSPENSE')
      AND EXISTS (SELECT FROM ledger.posting p WHERE p.entry_id = e.id AND p.amount = t.amount
        AND (e.kind = 'SUSPENSE' OR p.account_id = t.source_account_id))
    WHERE t.destination_reference IS NOT NULL AND t.status = 'REVERSED' GROUP BY t.id HAVING count(e.id) <> 1
  UNION ALL
  SELECT 'payout that did not come back has a reversal', t.id::text, t.status
    FROM transfer.transfer t JOIN ledger.entry o ON o.transfer_id = t.id JOIN ledger.reversal r ON r.reverses = o.id
    WHERE t.destination_reference IS NOT NULL AND t.status <> 'REVERSED'
  UNION ALL
  SELECT 'what is booked of a provider’s charges or the bank’s own funds is not what was posted', coalesce(b.entry_id, p.entry_id)::text,
      concat('booked ', b.amount, ', posted ', p.amount)
    FROM (SELECT entry_id, amount, CASE kind WHEN 'CHARGE' THEN 'PROVIDER_COST' ELSE 'OWN_FUNDS' END AS kind,
        CASE kind WHEN 'CHARGE' THEN provider ELSE '' END AS provider, currency FROM transfer.settlement_booking) b
    FULL JOIN (SELECT p.entry_id, p.amount, a.kind, a.provider, a.currency FROM ledger.posting p
      JOIN ledger.account a ON a.id = p.account_id AND a.owner_id IS NULL AND a.kind IN ('PROVIDER_COST', 'OWN_FUNDS')) p
      ON p.entry_id = b.entry_id
    WHERE (b.amount, b.kind, b.provider, b.currency) IS DISTINCT FROM (p.amount, p.kind, p.provider, p.currency)
  UNION ALL
  SELECT 'refunds and reversals do not agree', t.id::text, concat('refunds ', f.refunded, ', reversals ', f.reversed, ' of ', t.destination_amount)
    FROM transfer.transfer t JOIN (
      SELECT o.id, sum(o.refunded) AS refunded, sum(o.reversed) AS reversed FROM (
        SELECT refund_of AS id, amount AS refunded, 0 AS reversed FROM transfer.transfer WHERE refund_of IS NOT NULL
        UNION ALL
        SELECT e.transfer_id, 0, r.amount FROM ledger.reversal r JOIN ledger.entry e ON e.id = r.reverses
      ) o GROUP BY o.id
    ) f ON f.id = t.id AND t.destination_reference IS NULL AND t.type <> 'DEPOSIT'
    WHERE f.refunded <> f.reversed OR f.reversed > t.destination_amount OR (f.reversed = t.destination_amount) <> (t.status = 'REVERSED')
  UNION ALL
  SELECT 'deposit and what goes back to its card do not agree', t.id::text,
      concat(t.status, ', ', f.given, ' and ', f.under_way, ' under way, of ', t.amount, ' ', t.currency)
    FROM transfer.transfer t JOIN (
      SELECT r.refund_of AS id, coalesce(sum(r.amount) FILTER (WHERE r.status = 'COMPLETED'), 0) AS given,
        coalesce(sum(r.amount) FILTER (WHERE NOT transfer.has_ended(r.status)), 0) AS under_way,
        coalesce(sum(r.amount) FILTER (WHERE r.status IN ('COMPLETED', 'REVERSED')), 0) AS once,
        bool_or(r.source_account_id IS NULL) AS from_suspense
      FROM transfer.transfer r WHERE r.refund_of IS NOT NULL GROUP BY r.refund_of
    ) f ON f.id = t.id
    WHERE t.type = 'DEPOSIT' AND (f.given + f.under_way > t.amount OR t.status = 'REVERSED' AND f.once < t.amount
      OR t.status = 'COMPLETED' AND f.given = t.amount
      OR f.from_suspense <> (t.status NOT IN ('COMPLETED', 'REVERSED')) OR f.from_suspense AND NOT transfer.was_suspended(t))
  UNION ALL
  SELECT 'refund leaves another account than its deposit came onto', r.id::text, concat('deposit ', t.id)
    FROM transfer.transfer r JOIN transfer.transfer t ON t.id = r.refund_of
    WHERE t.type = 'DEPOSIT' AND (r.source_account_id <> t.destination_account_id
      OR (r.user_id, r.currency, r.destination_payment_method_id) IS DISTINCT FROM (t.user_id, t.currency, t.source_payment_method_id))
  UNION ALL
  SELECT 'transfer under way and what its account expects do not agree', coalesce(t.id, x.transfer_id)::text,
      concat(t.status, ', expected on ', x.account_id)
    FROM (SELECT id, status, destination_account_id FROM transfer.transfer
      WHERE destination_account_id IS NOT NULL AND NOT transfer.has_ended(status)) t
    FULL JOIN ledger.expected_money x ON x.transfer_id = t.id
    WHERE t.destination_account_id IS DISTINCT FROM x.account_id
  UNION ALL
  SELECT 'transfer has not exactly one accepted key', t.id::text, count(k.key) || ' keys'
    FROM transfer.transfer t LEFT JOIN transfer.idempotency_key k ON k.transfer_id = t.id AND k.verdict IS NULL
    GROUP BY t.id HAVING count(k.key) <> 1
  UNION ALL
  SELECT 'accepted key without transfer', k.transfer_id::text, concat('key of ', k.user_id)
    FROM transfer.idempotency_key k LEFT JOIN transfer.transfer t ON t.id = k.transfer_id WHERE k.verdict IS NULL AND t.id IS NULL
  UNION ALL
  SELECT 'refused key with a transfer', k.transfer_id::text, k.verdict
    FROM transfer.idempotency_key k JOIN transfer.transfer t ON t.id = k.transfer_id WHERE k.verdict IS NOT NULL
  UNION ALL
  SELECT 'fee is not the sum of its lines', t.id::text, concat(t.fees, ' charged, ', l.told, ' told')
    FROM transfer.transfer t CROSS JOIN LATERAL (
      SELECT coalesce(sum((line ->> 'amountMinor')::numeric), 0) AS told FROM jsonb_array_elements(t.fee_lines) AS line
    ) l WHERE l.told <> t.fees
  UNION ALL
  SELECT 'transfer is not what its quote promised', q.id::text, concat('used by ', q.used_by)
    FROM transfer.quote q LEFT JOIN transfer.transfer t ON t.id = q.used_by
    WHERE q.used_by IS NOT NULL AND (t.id IS NULL OR t.exchange_rate IS DISTINCT FROM q.exchange ->> 'rate'
      OR (t.user_id, t.type, t.amount, t.currency, t.fees, t.destination_amount, t.destination_currency)
        <> (q.user_id, q.type, q.amount, q.currency, q.fees, q.destination_amount, q.destination_currency))`;

/**
 * Proves that transfers and books say the same: a completed transfer is exactly one entry of its amounts and no other has one, an entry of a
 * transfer has that transfer, an unfinished one holds exactly what it moves and one that has ended nothing, a payout is what its provider
 * has said, and every transfer has one accepted key. Run as dwaybank_transfer, which may read both.
 */
export async function proveTransfers(db: Queryable): Promise<{ transfers: number; findings: Finding[] }> {
  const { rows } = await db.query<{ transfers: number; findings: Finding[] }>({
    text: `SELECT (SELECT count(*)::int FROM transfer.transfer) AS transfers, ${limitedFindings(FINDINGS)} AS findings`,
  });
  return rows[0]!;
}
