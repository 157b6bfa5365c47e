import { withRetry, withTransaction, type Queryable } from '../../../platform/db.ts';
import { POLICY } from '../../../platform/policy.ts';
import { Refusal, type UserError } from '../../../platform/refusal.ts';
import type { CreateTransferDeps } from '../call.ts';
import { callForOwner } from '../call-for-owner.ts';
import { planMove } from '../create-transfer.ts';
import { hashCommand, isDeposit, isPayout, parseCommand } from '../domain.ts';
import { lookUpEnds } from '../plan-ends.ts';
import { ledgerError, TRANSFER_REFUSALS, transferError, type TransferRefusal } from '../refusals.ts';
import { createTransfersStatement, toVerdicts, type OutcomeRow, type PlannedTransfer } from '../transfer-batch.ts';
import {
  findOpenBatch,
  findPendingItems,
  itemTransferKey,
  recordVerdicts,
  type OpenBatch,
  type PendingItem,
} from './batch-store.ts';
import { outsideEnd } from './judge-items.ts';
import { batchError } from './refusals.ts';

/*
 * A batch whose items depend on each other.
 *
 * 1. Plan: every item is parsed, planned and assessed. Nothing is stored. One that is refused refuses the batch; where one cannot be judged
 *    just now, the job is tried again, and plans anew.
 * 2. Post: ONE transaction, under the batch's lock, posts all of them by transfer.create_transfers behind a savepoint. A verdict that is not
 *    DONE takes everything back to there, keys and events too. Either way the verdicts of the batch are written in the same transaction: there
 *    is no moment at which some of it is done, and a process that dies has done all of it or nothing.
 */

/** What planning found for one item. */
type Plan = { number: number } & ({ planned: PlannedTransfer } | { refused: UserError[] });

export async function runAllOrNothing(deps: CreateTransferDeps, batch: OpenBatch, signal: AbortSignal): Promise<void> {
  const plans = await planAll(deps, batch, signal);
  const isRefused = plans.some((plan) => 'refused' in plan);
  const committed = await withRetry(() =>
    withTransaction(deps.pool, async (tx) => {
      // Whoever comes second finds it ended.
      if (!(await findOpenBatch(tx, batch.id, { lock: true }))) return false;
      if (isRefused) await refuseAll(tx, batch, plans);
      else await postAll(tx, batch, plans);
      return true;
    }),
  );
  if (committed) deps.wakeUp.signal();
}

async function planAll(deps: CreateTransferDeps, batch: OpenBatch, signal: AbortSignal): Promise<Plan[]> {
  const items = await findPendingItems(deps.pool, { batchId: batch.id, after: 0, limit: POLICY.batches.mostItems });
  const plans: Plan[] = [];
  const { atOnce } = POLICY.batches;
  for (let begin = 0; begin < items.length; begin += atOnce) {
    signal.throwIfAborted();
    const chunk = items.slice(begin, begin + atOnce);
    plans.push(...(await Promise.all(chunk.map((item) => plan(deps, batch, item, signal)))));
  }
  return plans;
}

async function plan(
  deps: CreateTransferDeps,
  batch: OpenBatch,
  { number, input }: PendingItem,
  signal: AbortSignal,
): Promise<Plan> {
  const command = parseCommand({ ...input, idempotencyKey: itemTransferKey(batch, number) });
  if ('faults' in command)
    return { number, refused: command.faults.map(({ code, field }) => transferError(code, field)) };
  if (isDeposit(command) || isPayout(command)) {
    return { number, refused: [transferError('FEATURE_UNAVAILABLE', outsideEnd(command)!)] };
  }
  try {
    const lookedUp = await lookUpEnds(deps, command);
    const call = callForOwner(batch.userId, batch.origin, signal);
    const planned = await planMove(deps, call, command, lookedUp, hashCommand(command));
    // It would have to wait for a person, and with it all the others.
    if (planned.assessment.decision === 'REVIEW') return { number, refused: [transferError('RISK_REVIEW_REQUIRED')] };
    return { number, planned };
  } catch (error) {
    if (!(error instanceof Refusal) || !(error.code in TRANSFER_REFUSALS)) throw error;
    // The `in` above is the check that this code belongs to this subgraph.
    const refusal = transferError(error.code as TransferRefusal, error.field);
    if (refusal.retryable && (!batch.isOld || signal.aborted)) throw error;
    return { number, refused: [refusal] };
  }
}

/** Nothing is done: who was refused is told why, and everybody else that it was because of them. */
function refuseAll(tx: Queryable, batch: OpenBatch, plans: readonly Plan[]): Promise<void> {
  const verdicts = plans.map((plan) => ({
    number: plan.number,
    transferId: null,
    userErrors: 'refused' in plan ? plan.refused : [batchError('BATCH_REFUSED')],
  }));
  return recordVerdicts(tx, batch.id, verdicts);
}

/** Longer than a thousand transfers take; the connection's own statement timeout ends it before. */
const CALL_TIMEOUT_MS = 20_000;

async function postAll(tx: Queryable, batch: OpenBatch, plans: readonly Plan[]): Promise<void> {
  const planned = plans.flatMap((plan) => ('planned' in plan ? [plan.planned] : []));
  await tx.query({ text: 'SAVEPOINT before_all' });
  const { rows } = await tx.query<OutcomeRow>(createTransfersStatement(planned, CALL_TIMEOUT_MS));
  const outcomes = toVerdicts(planned, rows);
  const judged = plans.map(({ number }, index): Plan => {
    const verdict = outcomes[index]!;
    if (verdict.outcome === 'DONE') return { number, planned: planned[index]! };
    if (verdict.outcome === 'REFUSED') return { number, refused: [ledgerError(verdict.code)] };
    // These keys are made here, and decided in this transaction alone.
    throw new Error(`the key of item ${number} of batch ${batch.id} was decided elsewhere`);
  });
  if (judged.some((plan) => 'refused' in plan)) {
    await tx.query({ text: 'ROLLBACK TO SAVEPOINT before_all' });
    return refuseAll(tx, batch, judged);
  }
  const verdicts = planned.map(({ transferId }, index) => ({
    number: plans[index]!.number,
    transferId,
    userErrors: [],
  }));
  return recordVerdicts(tx, batch.id, verdicts);
}
