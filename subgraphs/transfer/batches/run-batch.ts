import type { JobTask } from '../../../platform/jobs.ts';
import { withRetry } from '../../../platform/db.ts';
import { POLICY } from '../../../platform/policy.ts';
import type { CreateTransferDeps } from '../call.ts';
import { callForOwner } from '../call-for-owner.ts';
import { createTransfer } from '../create-transfer.ts';
import {
  findOpenBatch,
  findPendingItems,
  itemTransferKey,
  recordVerdicts,
  type ItemVerdict,
  type OpenBatch,
  type PendingItem,
} from './batch-store.ts';
import type { RunBatchPayload } from './create-batch.ts';
import { runAllOrNothing } from './run-all-or-nothing.ts';

/**
 * The job that brings a batch to its end. Each item goes through createTransfer under a key of its own, several at once, and its verdict
 * is written down; cut off anywhere and run again, it begins with what has no verdict and gets the transfers that are there already.
 * Whatever throws, and every refusal that may pass by itself, leaves its item PENDING and the job to be tried again.
 */
export function createRunBatch(deps: CreateTransferDeps): JobTask {
  return async (payload, signal) => {
    // As createBatch has enqueued it.
    const { batchId } = payload as RunBatchPayload;
    const batch = await findOpenBatch(deps.pool, batchId);
    if (!batch) return;
    if (batch.mode === 'ALL_OR_NOTHING') await runAllOrNothing(deps, batch, signal);
    else await runEach(deps, batch, signal);
  };
}

async function runEach(deps: CreateTransferDeps, batch: OpenBatch, signal: AbortSignal): Promise<void> {
  const notYet: unknown[] = [];
  let after = 0;
  for (;;) {
    signal.throwIfAborted();
    const items = await findPendingItems(deps.pool, { batchId: batch.id, after, limit: POLICY.batches.atOnce });
    if (items.length === 0) break;
    const outcomes = await Promise.allSettled(items.map((item) => runItem(deps, batch, item, signal)));
    const verdicts = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    await withRetry(() => recordVerdicts(deps.pool, batch.id, verdicts));
    notYet.push(...outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : [])));
    after = items.at(-1)!.number;
  }
  // One that cannot be decided yet has not kept the others waiting.
  if (notYet.length > 0) throw new Error(`${notYet.length} items of a batch have no verdict yet`, { cause: notYet[0] });
}

/** The verdict of one item; throws when there is none yet. */
async function runItem(
  deps: CreateTransferDeps,
  batch: OpenBatch,
  { number, input }: PendingItem,
  signal: AbortSignal,
): Promise<ItemVerdict> {
  const call = callForOwner(batch.userId, batch.origin, signal);
  const { transfer, userErrors } = await createTransfer(deps, call, {
    ...input,
    idempotencyKey: itemTransferKey(batch, number),
  });
  // What is retryable has stored nothing. A process that stops refuses so, too, and must not make it a verdict.
  if (!transfer && userErrors.some(({ retryable }) => retryable) && (!batch.isOld || signal.aborted)) {
    throw new Error(`an item was refused with ${userErrors[0]!.code} for now`);
  }
  return { number, transferId: transfer?.id ?? null, userErrors };
}
