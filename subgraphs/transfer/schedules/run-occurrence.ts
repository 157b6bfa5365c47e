import type { JobTask } from '../../../platform/jobs.ts';
import { POLICY } from '../../../platform/policy.ts';
import type { CreateTransferAnswer, CreateTransferDeps } from '../call.ts';
import { callForOwner } from '../call-for-owner.ts';
import { createTransfer } from '../create-transfer.ts';
import { occurrence } from './occurrences.ts';
import {
  beginAttempt,
  endOccurrence,
  retryOccurrence,
  type AttemptVerdict,
  type BegunAttempt,
  type OccurrenceId,
} from './occurrence-store.ts';
import { transferInputOf } from './ordered-transfer.ts';
import { findOrder } from './standing-order-store.ts';

/**
 * The job that makes one occurrence: begins an attempt, asks createTransfer under the key of occurrence and attempt, and writes down what
 * came of it. Cut off anywhere and run again it begins the same attempt and gets the same transfer. Whatever throws, and every refusal
 * that may pass by itself, is tried again with the job; another refusal is the occurrence's verdict.
 */
export function createRunOccurrence(deps: CreateTransferDeps): JobTask {
  return async (payload, signal) => {
    // As claimDueOrders has enqueued it.
    const id = payload as OccurrenceId;
    const attempt = await beginAttempt(deps.pool, id);
    if (!attempt) return;
    const call = callForOwner(attempt.userId, attempt.origin, signal);
    const answer = await createTransfer(deps, call, transferInputOf(attempt, attempt.idempotencyKey));
    await record(deps, id, attempt, answer, signal);
  };
}

async function record(
  deps: CreateTransferDeps,
  id: OccurrenceId,
  attempt: BegunAttempt,
  { transfer, userErrors }: CreateTransferAnswer,
  signal: AbortSignal,
): Promise<void> {
  const { pool } = deps;
  const at = attempt.attempt;
  if (transfer) {
    await endOccurrence(pool, id, { ...attempt, verdict: { status: 'DONE', transferId: transfer.id, code: null } });
    return;
  }
  const [{ code, retryable }] = userErrors as [(typeof userErrors)[number]];
  // What is retryable has stored nothing. A process that stops refuses so, too, and must not make it a verdict.
  if (retryable && (!attempt.isOld || signal.aborted))
    throw new Error(`an occurrence was refused with ${code} for now`);
  if (retryable && attempt.stopped) {
    await endOccurrence(pool, id, {
      ...attempt,
      verdict: { status: 'SKIPPED', transferId: null, code: attempt.stopped },
    });
    return;
  }
  if (code !== 'INSUFFICIENT_FUNDS') {
    await endOccurrence(pool, id, { ...attempt, verdict: { status: 'FAILED', transferId: null, code } });
    return;
  }
  const order = (await findOrder(pool, id.orderId))!;
  if (order.onInsufficientFunds === 'SKIP') {
    await endOccurrence(pool, id, { ...attempt, verdict: { status: 'SKIPPED', transferId: null, code } });
    return;
  }
  const beforeAt = occurrence({ ...order, endsOn: null }, id.number + 1)?.dueAt ?? null;
  const again =
    at > POLICY.schedules.mostRetries ? 'TOO_LATE' : await retryOccurrence(pool, id, { attempt: at, code, beforeAt });
  if (again === 'AGAIN') return;
  const verdict: AttemptVerdict =
    again === 'TOO_LATE'
      ? { status: 'FAILED', transferId: null, code }
      : // As if the order had been stopped a moment later, while the next attempt waited.
        { status: 'SKIPPED', transferId: null, code: again };
  await endOccurrence(pool, id, { ...attempt, verdict });
}
