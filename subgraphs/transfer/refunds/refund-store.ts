import type { Queryable } from '../../../platform/db.ts';
import {
  newId,
  type EntryId,
  type HoldId,
  type PostingId,
  type TransferId,
  type UserId,
} from '../../../platform/ids.ts';
import { POLICY } from '../../../platform/policy.ts';
import type { RefundVerdict } from './refusals.ts';

/** A refund that is ready to be made. */
export interface PlannedRefund {
  mutation: 'refundTransfer' | 'reverseTransfer';
  /** Fresh for every attempt: it also marks which attempt a key was decided by. */
  refundId: TransferId;
  userId: UserId;
  idempotencyKey: string;
  bodyHash: Buffer;
  originalId: TransferId;
  /** Null: all that remains. */
  amountMinor: bigint | null;
  /** On both customers' statements. */
  description: string | null;
  /** On the original's timeline. */
  note: string | null;
  shortfall: 'REFUSE' | 'RECEIVABLE';
}

/** A refund of a deposit: a payout that goes back to its card. */
export interface PlannedCardRefund extends Omit<PlannedRefund, 'shortfall'> {
  initiatedAt: Date;
}

/** What became of it; as the verdicts of transfer-batch.ts. */
export type RefundOutcome =
  | { outcome: 'DONE'; transferId: TransferId }
  | { outcome: 'REFUSED'; verdict: RefundVerdict }
  | { outcome: 'REPLAYED'; transferId: TransferId; verdict: null }
  | { outcome: 'REPLAYED'; transferId: null; verdict: RefundVerdict }
  | { outcome: 'KEY_REUSED' };

/** Gives back in one commit. Running it again with the same ids is safe and tells what the first run did. */
export async function storeRefund(db: Queryable, planned: PlannedRefund): Promise<RefundOutcome> {
  const { rows } = await db.query<RefundOutcome & { transfer_id: TransferId | null }>({
    name: 'transfer-refund',
    text: `SELECT outcome, verdict, transfer_id
           FROM transfer.refund_transfer($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
    values: [
      planned.mutation,
      planned.refundId,
      planned.userId,
      planned.idempotencyKey,
      planned.bodyHash,
      planned.originalId,
      planned.amountMinor?.toString() ?? null,
      planned.description,
      planned.shortfall,
      newId<EntryId>(),
      Array.from({ length: 3 }, () => newId<PostingId>()),
      planned.note,
    ],
  });
  const { transfer_id: transferId, ...row } = rows[0]!;
  // What each outcome comes with is laid down in the migration; a test goes through all of them.
  return { ...row, transferId } as RefundOutcome;
}

/** Begins to give a deposit back to its card, in one commit: what goes back is held. Running it again with the same ids is as above. */
export async function storeCardRefund(db: Queryable, planned: PlannedCardRefund): Promise<RefundOutcome> {
  const { rows } = await db.query<RefundOutcome & { transfer_id: TransferId | null }>({
    name: 'transfer-refund-deposit',
    text: `SELECT outcome, verdict, transfer_id
           FROM transfer.refund_deposit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
    values: [
      planned.mutation,
      planned.refundId,
      planned.userId,
      planned.idempotencyKey,
      planned.bodyHash,
      planned.originalId,
      planned.amountMinor?.toString() ?? null,
      planned.description,
      planned.note,
      newId<HoldId>(),
      `${POLICY.payouts.holdMinutes} minutes`,
      planned.initiatedAt.toISOString(),
    ],
  });
  const { transfer_id: transferId, ...row } = rows[0]!;
  return { ...row, transferId } as RefundOutcome;
}

/** What is known of refunds around one transfer. */
export interface RefundLinks {
  refundOf: TransferId | null;
  /** Oldest first, with what each gave back, or is to give back. */
  refunds: { id: TransferId; amountMinor: bigint; completed: boolean }[];
}

/** The links of transfers, in the order of the ids. */
export async function readRefundLinks(db: Queryable, ids: readonly TransferId[]): Promise<RefundLinks[]> {
  const { rows } = await db.query<{
    id: TransferId;
    refund_of: TransferId | null;
    refunds: [TransferId, string, boolean][];
  }>({
    name: 'transfer-refund-links',
    text: `SELECT t.id, t.refund_of, coalesce(r.refunds, '[]') AS refunds
           FROM transfer t LEFT JOIN LATERAL (
             SELECT json_agg(json_build_array(r.id, r.amount::text, r.status = 'COMPLETED') ORDER BY r.id) AS refunds
             FROM transfer r WHERE r.refund_of = t.id
           ) r ON true
           WHERE t.id = ANY ($1::uuid[])`,
    values: [ids],
  });
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.map((id) => {
    const row = byId.get(id);
    return {
      refundOf: row?.refund_of ?? null,
      refunds: (row?.refunds ?? []).map(([refund, amount, completed]) => ({
        id: refund,
        amountMinor: BigInt(amount),
        completed,
      })),
    };
  });
}
