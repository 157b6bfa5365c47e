import type { Queryable } from '../../../platform/db.ts';
import { newId, type EntryId, type PostingId, type TransferId, type UserId } from '../../../platform/ids.ts';
import { POLICY } from '../../../platform/policy.ts';
import type { ReviewRefusal } from './refusals.ts';

/* What of reviews is stored: functions of the migration "payouts". Who decided what, and why, is an intervention. */

/** A transfer that waits for a person. */
export interface WaitingTransfer {
  transferId: TransferId;
  heldAt: Date;
  expiresAt: Date;
}

/** Those that wait the longest first; ids are UUIDv7, so that is their order. */
export async function readWaiting(
  db: Queryable,
  { after, limit }: { after: TransferId | null; limit: number },
): Promise<WaitingTransfer[]> {
  const { rows } = await db.query<WaitingTransfer>({
    name: 'transfer-in-review',
    text: `SELECT t.id AS "transferId", h.placed_at AS "heldAt", h.expires_at AS "expiresAt"
           FROM transfer.transfer t JOIN ledger.hold h ON h.id = t.hold_id
           WHERE t.status = 'HELD_FOR_REVIEW' AND ($1::uuid IS NULL OR t.id > $1) ORDER BY t.id LIMIT $2`,
    values: [after, limit],
  });
  return rows;
}

/** Lets a transfer go on: null when done, else why not. */
export async function releaseReview(
  db: Queryable,
  transferId: TransferId,
  staffId: UserId,
): Promise<ReviewRefusal | null> {
  return decide(db, 'release-review', 'SELECT transfer.release_review($1, $2, $3, $4, $5) AS refusal', [
    transferId,
    staffId,
    `${POLICY.payouts.holdMinutes} minutes`,
    newId<EntryId>(),
    [newId<PostingId>(), newId<PostingId>()],
  ]);
}

/** Ends a transfer: null when done, else why not. */
export function refuseReview(
  db: Queryable,
  transferId: TransferId,
  { staffId, reason }: { staffId: UserId; reason: string },
): Promise<ReviewRefusal | null> {
  const text = 'SELECT transfer.refuse_review($1, $2, $3) AS refusal';
  return decide(db, 'refuse-review', text, [transferId, staffId, reason]);
}

async function decide(db: Queryable, name: string, text: string, values: unknown[]): Promise<ReviewRefusal | null> {
  const { rows } = await db.query<{ refusal: ReviewRefusal | null }>({ name: `transfer-${name}`, text, values });
  return rows[0]!.refusal;
}
