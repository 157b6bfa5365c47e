import type { Queryable } from '../../../platform/db.ts';
import type { Listener } from '../../../platform/event-listeners.ts';
import type { TransferId } from '../../../platform/ids.ts';
import { enqueueJobs } from '../../../platform/jobs.ts';
import { JOBS_SCHEMA } from '../listeners.ts';
import { COMPENSATION_FAILED } from './compensate-payout.ts';
import { PAYOUT_NOT_CAPTURED } from './record-answer.ts';

/** The job that carries a payout out. */
export const PAY_OUT = 'pay-out';

const keyOf = (transferId: TransferId): string => `payout:${transferId}`;

/** Dead letters that a retry of the job may end. */
const RETRIED: ReadonlySet<string> = new Set([COMPENSATION_FAILED, PAYOUT_NOT_CAPTURED]);

/**
 * Turns payouts that were started, or released by a person, into jobs; and those whose dead letter is to be tried again. The job commits
 * with the cursor, under the payout's own key: it is enqueued once, and an event that is read again finds the job there, or makes one that
 * sees a payout that has ended. A retry is followed by a run that begins after it, whatever is under way.
 */
export const payoutJobs: Listener<'PayoutStarted' | 'DeadLetterRetried'> = {
  name: 'transfer.payouts',
  types: ['PayoutStarted', 'DeadLetterRetried'],
  async handle(events, tx) {
    const started = new Set<TransferId>();
    const retried = new Set<TransferId>();
    for (const { type, payload } of events) {
      if (type === 'PayoutStarted') started.add(payload.transferId);
      else if (payload.transferId && RETRIED.has(payload.kind)) retried.add(payload.transferId);
    }
    if (started.size > 0) {
      await enqueueJobs(tx, {
        schema: JOBS_SCHEMA,
        task: PAY_OUT,
        jobs: [...started].map((transferId) => ({ key: keyOf(transferId), payload: { transferId } })),
      });
    }
    for (const transferId of retried) await hurryPayOut(tx, transferId);
  },
};

/** Has the job run now that would otherwise wait for its next attempt; makes it where it is gone. One under way is followed by another. */
export function hurryPayOut(db: Queryable, transferId: TransferId): Promise<void> {
  return payOutLater(db, transferId, 0);
}

/** As hurryPayOut, but after a pause. */
export async function payOutLater(db: Queryable, transferId: TransferId, pauseMs: number): Promise<void> {
  await db.query({
    name: 'transfer-pay-out-later',
    text: `SELECT ${JOBS_SCHEMA}.add_job($1, payload => $2, job_key => $3, job_key_mode => 'replace',
             run_at => now() + $4 * interval '1 millisecond')`,
    values: [PAY_OUT, JSON.stringify({ transferId }), keyOf(transferId), pauseMs],
  });
}
