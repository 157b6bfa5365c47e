import { isDatabaseLost, sqlState, withRetry, withTransaction } from '../../../platform/db.ts';
import type { TransferId } from '../../../platform/ids.ts';
import { recordDeadLetter, settleDeadLetter } from '../operations/dead-letter-store.ts';
import { stepTransfer } from '../step-transfer.ts';
import { beginCompensation, failPayout } from './payout-store.ts';
import type { AnswerDeps } from './record-answer.ts';
import { PAYOUT_SAGA, undoSteps, type FailedUndo } from './saga.ts';

/** The dead letter of a payout that could not be undone whole. */
export const COMPENSATION_FAILED = 'COMPENSATION_FAILED';

/** Passes by itself: a lock that was not to be had in time, a victim of a deadlock. */
const PASSES = new Set(['55P03', '40P01', '40001', '57014']);

/**
 * Ends a payout that nobody carries: its money is released and it has FAILED, in one transaction. Where that cannot be done it is COMPENSATING
 * from now on, and undone piece by piece.
 */
export async function endWithoutMoney(
  { pool, wakeUp }: AnswerDeps,
  { transferId }: { transferId: TransferId },
  why: { code: string; note: string | null },
): Promise<void> {
  try {
    await withRetry(() => failPayout(pool, transferId, why));
  } catch (error) {
    if (isDatabaseLost(error) || PASSES.has(sqlState(error) ?? '')) throw error;
    await beginCompensation(pool, transferId, {
      code: why.code,
      note: 'What was done for it is undone piece by piece.',
    });
  }
  wakeUp.signal();
}

/**
 * Undoes what was done for a payout that is COMPENSATING, and ends it as COMPENSATED. What cannot be undone is put before staff and the transfer
 * stays COMPENSATING: a retry of the dead letter comes back here.
 */
export async function compensatePayout(
  { pool, wakeUp }: AnswerDeps,
  { transferId }: { transferId: TransferId },
): Promise<void> {
  const failed = await undoSteps(PAYOUT_SAGA, { db: pool, transferId });
  const lost = failed.find(({ error }) => isDatabaseLost(error));
  // Nothing can be written down either: the job is tried again.
  if (lost) throw lost.error;
  await withTransaction(pool, async (tx) => {
    if (failed.length > 0) {
      await recordDeadLetter(tx, {
        transferId,
        kind: COMPENSATION_FAILED,
        class: 'RECOVERABLE',
        severity: 'HIGH',
        reason: `A payout that nobody carried could not be undone: ${failed.map(({ name }) => name).join(', ')}.`,
        details: { failed: failed.map(describe) },
      });
      return;
    }
    await stepTransfer(tx, transferId, { from: ['COMPENSATING'], status: 'COMPENSATED' });
    await settleDeadLetter(tx, { transferId, kind: COMPENSATION_FAILED, resolution: 'Everything is undone.' });
  });
  wakeUp.signal();
}

function describe({ name, error }: FailedUndo): object {
  return { step: name, error: error instanceof Error ? error.message : String(error) };
}
