import type { Pool } from 'pg';
import { withTransaction, type Queryable } from '../../../platform/db.ts';
import type { ScheduleId, TransferId, UserId } from '../../../platform/ids.ts';
import { POLICY } from '../../../platform/policy.ts';
import type { ClientOrigin } from '../../../platform/viewer.ts';
import type { Preference } from '../../../providers/registry.ts';
import type { EndInput } from '../domain.ts';
import type { OccurrenceStatus, StandingOrderStatus } from '../generated/resolvers.ts';
import type { OccurrenceParent, OrderedTransfer } from './graph-types.ts';
import type { Occurrence } from './occurrences.ts';

/*
 * The table `standing_order_occurrence`.
 *
 *   (nothing) -> DUE                  claimed, under the order's lock: the primary key lets it happen once
 *   (nothing) -> SKIPPED              missed, or the order was paused
 *   DUE       -> DUE, begun           an attempt is under way: it is carried through, whatever happens to the order; of one that was stopped what
 *                                     only an outage puts off is given up after minutes
 *   DUE       -> SKIPPED              paused or cancelled before an attempt had begun
 *   DUE, begun -> DUE, attempt + 1    too little money with RETRY: the next attempt has another idempotency key
 *   DUE, begun -> DONE | SKIPPED | FAILED
 *
 * An attempt begins, and another is put off, under a share of the order's lock and unless the order is PAUSED or CANCELLED: whoever stops it
 * skips what waits, and nothing waits afterwards.
 */

/** Which occurrence. */
export interface OccurrenceId {
  orderId: ScheduleId;
  number: number;
}

/** A DUE one is looked at so often, in case its job was lost. */
const LOOK_AGAIN = '10 minutes';

/** Writes down that these are to be made, once each. */
export async function claimOccurrences(
  tx: Queryable,
  claimed: readonly { orderId: ScheduleId; due: Occurrence }[],
): Promise<void> {
  await tx.query({
    name: 'transfer-claim-occurrences',
    text: `INSERT INTO standing_order_occurrence (standing_order_id, number, due_at, status, run_after, look_at)
           SELECT id, number, due_at, 'DUE', due_at, now() + $4::interval FROM unnest($1::uuid[], $2::int[], $3::timestamptz[])
             AS claimed (id, number, due_at)`,
    values: [
      claimed.map(({ orderId }) => orderId),
      claimed.map(({ due }) => due.number),
      claimed.map(({ due }) => due.dueAt),
      LOOK_AGAIN,
    ],
  });
}

/** Writes down that these went by. */
export async function skipOccurrences(
  tx: Queryable,
  { orderId, skipped, code }: { orderId: ScheduleId; skipped: readonly Occurrence[]; code: string },
): Promise<void> {
  if (skipped.length === 0) return;
  await tx.query({
    name: 'transfer-skip-occurrences',
    text: `INSERT INTO standing_order_occurrence (standing_order_id, number, due_at, status, run_after, code, ended_at)
           SELECT $1, number, due_at, 'SKIPPED', due_at, $4, clock_timestamp() FROM unnest($2::int[], $3::timestamptz[])
             AS skipped (number, due_at)`,
    values: [orderId, skipped.map(({ number }) => number), skipped.map(({ dueAt }) => dueAt), code],
  });
}

/** Whether something of a locked order has no verdict yet. */
export async function hasDueOccurrence(tx: Queryable, orderId: ScheduleId): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: 'transfer-has-due-occurrence',
    text: `SELECT FROM standing_order_occurrence WHERE standing_order_id = $1 AND status = 'DUE' LIMIT 1`,
    values: [orderId],
  });
  return rowCount === 1;
}

/** Skips what of a locked order is DUE and has not begun. */
export async function skipWaitingOccurrences(tx: Queryable, orderId: ScheduleId, code: string): Promise<void> {
  await tx.query({
    name: 'transfer-skip-waiting-occurrences',
    text: `UPDATE standing_order_occurrence SET status = 'SKIPPED', code = $2, ended_at = clock_timestamp(), look_at = NULL
           WHERE standing_order_id = $1 AND status = 'DUE' AND begun_at IS NULL`,
    values: [orderId, code],
  });
}

/** DUE ones whose job has to be there now; each is given out once in a while. */
export async function occurrencesToLookAt(tx: Queryable, limit: number): Promise<OccurrenceId[]> {
  const { rows } = await tx.query<{ id: ScheduleId; number: number }>({
    name: 'transfer-occurrences-to-look-at',
    text: `UPDATE standing_order_occurrence AS o SET look_at = now() + $2::interval
           FROM (SELECT standing_order_id, number FROM standing_order_occurrence WHERE look_at <= now() ORDER BY look_at LIMIT $1
                 FOR UPDATE SKIP LOCKED) AS found
           WHERE o.standing_order_id = found.standing_order_id AND o.number = found.number
           RETURNING o.standing_order_id AS id, o.number`,
    values: [limit, LOOK_AGAIN],
  });
  return rows.map(({ id, number }) => ({ orderId: id, number }));
}

/** An attempt that has begun: all that createTransfer is asked with. */
export interface BegunAttempt extends OrderedTransfer {
  userId: UserId;
  attempt: number;
  idempotencyKey: string;
  /** Where it was ordered; null once an occurrence of the order is DONE. */
  origin: ClientOrigin | null;
  /** Begun so long ago that what may pass by itself has had its time; of an order that was stopped meanwhile that is much shorter. */
  isOld: boolean;
  /** The order was stopped after it had begun. */
  stopped: 'PAUSED' | 'CANCELLED' | null;
}

interface BegunRow {
  user_id: UserId;
  key_seed: string;
  origin: ClientOrigin | null;
  source: EndInput;
  destination: EndInput;
  amount: string;
  currency: string;
  description: string | null;
  preference: Preference;
  attempt: number;
  is_old: boolean;
  stopped: BegunAttempt['stopped'];
}

/**
 * Begins an attempt, or finds it begun; null when there is nothing to do, or not yet. The amount is kept with the attempt, so that its key
 * always comes with the same body.
 */
export async function beginAttempt(db: Queryable, { orderId, number }: OccurrenceId): Promise<BegunAttempt | null> {
  const { rows } = await db.query<BegunRow>({
    name: 'transfer-begin-occurrence',
    text: `UPDATE standing_order_occurrence AS n
           SET begun_at = coalesce(n.begun_at, clock_timestamp()), amount = coalesce(n.amount, o.amount)
           FROM (SELECT * FROM standing_order WHERE id = $1 FOR SHARE) AS o
           WHERE o.id = n.standing_order_id AND n.standing_order_id = $1 AND n.number = $2 AND n.status = 'DUE'
             AND (n.begun_at IS NOT NULL OR o.status IN ('ACTIVE', 'ENDED') AND n.run_after <= clock_timestamp())
           RETURNING o.user_id, o.key_seed, o.origin, o.source, o.destination, n.amount, o.currency, o.description, o.preference, n.attempt,
             clock_timestamp() > n.begun_at + CASE WHEN o.status IN ('PAUSED', 'CANCELLED')
               THEN make_interval(mins => $4) ELSE make_interval(hours => $3) END AS is_old,
             CASE WHEN o.status IN ('PAUSED', 'CANCELLED') THEN o.status END AS stopped`,
    values: [orderId, number, POLICY.schedules.giveUpHours, POLICY.schedules.giveUpStoppedMinutes],
  });
  const row = rows[0];
  return row
    ? {
        userId: row.user_id,
        source: row.source,
        destination: row.destination,
        amount: { amountMinor: BigInt(row.amount), currency: row.currency },
        description: row.description,
        preference: row.preference,
        attempt: row.attempt,
        idempotencyKey: `occurrence:${row.key_seed}:${number}:${row.attempt}`,
        origin: row.origin,
        isOld: row.is_old,
        stopped: row.stopped,
      }
    : null;
}

/** What became of an attempt. */
export interface AttemptVerdict {
  status: Exclude<OccurrenceStatus, 'DUE'>;
  transferId: TransferId | null;
  code: string | null;
}

/**
 * Ends an occurrence with the verdict of its attempt, unless it has ended or is at a later one. Once a transfer is made, where it was ordered
 * is part of what risk remembers, and says nothing of the next ones: the order forgets it, unless it was changed from elsewhere meanwhile.
 */
export async function endOccurrence(
  pool: Pool,
  { orderId, number }: OccurrenceId,
  { attempt, origin, verdict }: Pick<BegunAttempt, 'attempt' | 'origin'> & { verdict: AttemptVerdict },
): Promise<void> {
  await withTransaction(pool, async (tx) => {
    if (verdict.status === 'DONE' && origin) {
      await tx.query({
        name: 'transfer-forget-origin-of-order',
        text: 'UPDATE standing_order SET origin = NULL WHERE id = $1 AND origin::text = $2',
        values: [orderId, JSON.stringify(origin)],
      });
    }
    await tx.query({
      name: 'transfer-end-occurrence',
      text: `UPDATE standing_order_occurrence
             SET status = $4, transfer_id = $5, code = $6, ended_at = clock_timestamp(), look_at = NULL
             WHERE standing_order_id = $1 AND number = $2 AND status = 'DUE' AND attempt = $3`,
      values: [orderId, number, attempt, verdict.status, verdict.transferId, verdict.code],
    });
  });
}

/** Whether there is another attempt: AGAIN, or why not. */
export type RetryAnswer = 'AGAIN' | 'TOO_LATE' | 'PAUSED' | 'CANCELLED';

/**
 * Puts the next attempt off by the policy's hours, where that is still before `beforeAt`, unless the order was stopped meanwhile. TOO_LATE also
 * when the occurrence has ended or is at a later attempt.
 */
export async function retryOccurrence(
  pool: Pool,
  { orderId, number }: OccurrenceId,
  { attempt, code, beforeAt }: { attempt: number; code: string; beforeAt: Date | null },
): Promise<RetryAnswer> {
  return withTransaction(pool, async (tx) => {
    const { rows } = await tx.query<{ status: StandingOrderStatus }>({
      name: 'transfer-share-standing-order',
      text: 'SELECT status FROM standing_order WHERE id = $1 FOR SHARE',
      values: [orderId],
    });
    const { status } = rows[0]!;
    if (status === 'PAUSED' || status === 'CANCELLED') return status;
    const { rowCount } = await tx.query({
      name: 'transfer-retry-occurrence',
      text: `UPDATE standing_order_occurrence AS n
             SET attempt = attempt + 1, run_after = later.at, look_at = later.at, begun_at = NULL, amount = NULL, code = $4
             FROM (SELECT clock_timestamp() + make_interval(hours => $5) AS at) AS later
             WHERE n.standing_order_id = $1 AND n.number = $2 AND n.status = 'DUE' AND n.attempt = $3
               AND ($6::timestamptz IS NULL OR later.at < $6)`,
      values: [orderId, number, attempt, code, POLICY.schedules.retryHours, beforeAt],
    });
    return rowCount === 1 ? 'AGAIN' : 'TOO_LATE';
  });
}

interface OccurrenceRow {
  number: number;
  due_at: Date;
  status: OccurrenceStatus;
  attempt: number;
  run_after: Date;
  transfer_id: TransferId | null;
  code: string | null;
}

/** Newest first. */
export async function listOccurrences(
  db: Queryable,
  { orderId, before, limit }: { orderId: ScheduleId; before: number | null; limit: number },
): Promise<OccurrenceParent[]> {
  const { rows } = await db.query<OccurrenceRow>({
    name: 'transfer-list-occurrences',
    text: `SELECT number, due_at, status, attempt, run_after, transfer_id, code FROM standing_order_occurrence
           WHERE standing_order_id = $1 AND ($2::int IS NULL OR number < $2) ORDER BY number DESC LIMIT $3`,
    values: [orderId, before, limit],
  });
  return rows.map((row) => ({
    number: row.number,
    dueAt: row.due_at,
    status: row.status,
    attempt: row.attempt,
    runAfter: row.run_after,
    transferId: row.transfer_id,
    code: row.code,
  }));
}
