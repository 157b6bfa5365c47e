import { POLICY } from '../../../platform/policy.ts';
import { untilAborted } from '../../../platform/subgraph-execution.ts';

/*
 * How long a sender may take. "Not here" counts once nothing that we sent can still be on its way (POLICY.payouts.notHereAfterMs), so a sender
 * that was held up after it had written its attempt must not send any more: by then another may have sent it elsewhere. Everything
 * is counted from before the attempt is written, by a clock that nobody sets.
 */

/** The time in which one attempt may be sent, and answered. */
export interface SendWindow {
  /** Aborted when the provider has had its time. */
  deadline: AbortSignal;
  /** Whether sending may still begin. */
  mayBegin(): boolean;
}

/** Opened before the attempt is written. */
export function openSendWindow(signal: AbortSignal): SendWindow {
  const openedAt = performance.now();
  const deadline = deadlineOf(signal);
  return {
    deadline,
    mayBegin: () => !deadline.aborted && performance.now() - openedAt < POLICY.payouts.beginWithinMs,
  };
}

/** Aborted with the signal, or when a provider has had its time. */
export function deadlineOf(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(POLICY.payouts.deadlineMs)]);
}

/** What a provider answers before the deadline. */
export function answered<Answer>(
  deadline: AbortSignal,
  ask: (deadline: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  return untilAborted(ask(deadline), deadline);
}
