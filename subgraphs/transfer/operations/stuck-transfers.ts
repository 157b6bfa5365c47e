import type pg from 'pg';
import { withTransaction, type Queryable } from '../../../platform/db.ts';
import { parseId, type TransferId } from '../../../platform/ids.ts';
import { CHARGE_DEPOSIT, JOBS_SCHEMA } from '../listeners.ts';
import { PAY_OUT } from '../payouts/jobs.ts';
import { recordIntervention } from './intervention-store.ts';
import { refuse } from './refusals.ts';

/** A transfer that has not come to its end, and where it hangs. */
export interface StuckTransfer {
  id: TransferId;
  type: string;
  status: string;
  amount: string;
  currency: string;
  /** Of its last step. */
  step: string | null;
  /** In seconds, since that step. */
  ageSeconds: number;
  /** The provider that was asked and has not said how it ended. */
  provider: string | null;
  job: { attempts: number; runAt: string; lastError: string | null } | null;
  /** Kinds of its open dead letters. */
  letters: string[];
}

const MOST = 200;

/** Transfers that have not ended and have not moved for so long, the oldest first. */
export async function listStuckTransfers(db: Queryable, olderThanSeconds: number): Promise<StuckTransfer[]> {
  const { rows } = await db.query<StuckTransfer>({
    text: `SELECT t.id, t.type, t.status, t.amount::text, t.currency, t.timeline -> -1 ->> 'step' AS step,
             floor(extract(epoch FROM clock_timestamp() - t.updated_at))::int AS "ageSeconds",
             (SELECT a.provider FROM transfer.provider_attempt a WHERE a.transfer_id = t.id AND a.outcome IS NULL) AS provider,
             (SELECT json_build_object('attempts', j.attempts, 'runAt', j.run_at, 'lastError', j.last_error)
              FROM ${JOBS_SCHEMA}.jobs j WHERE j.key IN ('deposit:' || t.id, 'payout:' || t.id) LIMIT 1) AS job,
             ARRAY(SELECT l.kind FROM transfer.dead_letter l WHERE l.transfer_id = t.id AND l.state <> 'RESOLVED') AS letters
           FROM transfer.transfer t
           WHERE NOT transfer.has_ended(t.status) AND t.updated_at < clock_timestamp() - make_interval(secs => $1)
           ORDER BY t.updated_at LIMIT $2`,
    values: [olderThanSeconds, MOST],
  });
  return rows;
}

/**
 * Has the job of a transfer run now, and makes it where it is gone. It is the transfer's own job under its own key: one that runs twice finds what
 * was done and does nothing twice.
 */
export async function requeueTransfer(
  pool: pg.Pool,
  { transferId: text, actor }: { transferId: string; actor: string },
): Promise<string> {
  const transferId = parseId<TransferId>(text);
  if (!transferId) throw refuse('TRANSFER_NOT_FOUND');
  return withTransaction(pool, async (tx) => {
    const { rows } = await tx.query<{ type: string; ended: boolean }>({
      text: 'SELECT type, transfer.has_ended(status) AS ended FROM transfer.transfer WHERE id = $1 FOR NO KEY UPDATE',
      values: [transferId],
    });
    if (!rows[0]) throw refuse('TRANSFER_NOT_FOUND');
    if (rows[0].ended) throw refuse('TRANSFER_HAS_ENDED');
    const [task, key] =
      rows[0].type === 'DEPOSIT' ? [CHARGE_DEPOSIT, `deposit:${transferId}`] : [PAY_OUT, `payout:${transferId}`];
    await tx.query({
      // Replaces what waits under the key; one under way is followed by another.
      text: `SELECT ${JOBS_SCHEMA}.add_job($1, payload => $2, job_key => $3, job_key_mode => 'replace')`,
      values: [task, JSON.stringify({ transferId }), key],
    });
    await recordIntervention(tx, { actor, action: 'TRANSFER_REQUEUED', subject: transferId, note: null });
    return key;
  });
}

/** A job that waits or runs. */
export interface WaitingJob {
  key: string | null;
  task: string;
  attempts: number;
  runAt: Date;
  running: boolean;
  lastError: string | null;
}

/** Jobs there are, those that failed most first. */
export async function listJobs(db: Queryable): Promise<WaitingJob[]> {
  const { rows } = await db.query<WaitingJob>({
    text: `SELECT key, task_identifier AS task, attempts, run_at AS "runAt", locked_at IS NOT NULL AS running, last_error AS "lastError"
           FROM ${JOBS_SCHEMA}.jobs ORDER BY attempts DESC, run_at LIMIT ${MOST}`,
  });
  return rows;
}
