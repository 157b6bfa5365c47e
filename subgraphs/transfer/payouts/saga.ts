import type { Queryable } from '../../../platform/db.ts';
import type { TransferId } from '../../../platform/ids.ts';
import { compensateStep } from './payout-store.ts';

/*
 * What a payout does before its provider is asked, each step with what undoes it. Undoing is safe to repeat. (What comes later needs no
 * entry: a provider that has said no has nothing to undo, and what it has paid is never taken back by us.)
 */

/** One step that was done, and how it is undone. */
export interface SagaStep<Context> {
  name: string;
  undo(context: Context): Promise<void>;
}

/** A step that could not be undone. */
export interface FailedUndo {
  name: string;
  error: unknown;
}

/** The steps of a payout, in the order in which transfer.start_payout takes them. */
export const PAYOUT_SAGA: readonly SagaStep<{ db: Queryable; transferId: TransferId }>[] = [
  { name: 'QUOTE', undo: ({ db, transferId }) => compensateStep(db, transferId, 'QUOTE') },
  { name: 'RESERVE', undo: ({ db, transferId }) => compensateStep(db, transferId, 'RESERVE') },
];

/** Undoes steps, the last first. One that fails does not stop the others; returns those that failed. */
export async function undoSteps<Context>(steps: readonly SagaStep<Context>[], context: Context): Promise<FailedUndo[]> {
  const failed: FailedUndo[] = [];
  for (const step of [...steps].reverse()) {
    try {
      await step.undo(context);
    } catch (error) {
      failed.push({ name: step.name, error });
    }
  }
  return failed;
}
