import { withRetry, type Queryable } from '../../../platform/db.ts';
import type { TransferId } from '../../../platform/ids.ts';
import { POLICY } from '../../../platform/policy.ts';
import { payOutLater } from './jobs.ts';
import type { StoredPayout } from './payout-store.ts';
import type { AnswerDeps } from './record-answer.ts';

/*
 * A payout that nobody else can carry waits for those who can: an outage of theirs is not a no. It is with nobody meanwhile, so that its customer may
 * cancel it and its hold runs on; it fails just before that ends. The pause until the next try grows with the time that it has waited.
 */

/** WAITS: its job comes back. OVER: its hold is about to end. ELSEWHERE: somebody has it, or it has ended. */
export type Waiting = 'WAITS' | 'OVER' | 'ELSEWHERE';

const NOTE = 'Nobody who carries this can be reached just now. It is tried again by itself.';

/**
 * Has a payout wait, and its job run again. Who dies between the two left a job that is taken over; running it twice tells nothing twice.
 */
export async function waitForProviders({ pool, wakeUp }: AnswerDeps, transferId: TransferId): Promise<Waiting> {
  const { shortestMs, longestMs, lastTryMs } = POLICY.payouts.waiting;
  const time = await withRetry(() => waitPayout(pool, transferId));
  wakeUp.signal();
  if (!time) return 'ELSEWHERE';
  if (time.leftMs <= lastTryMs) return 'OVER';
  const pauseMs = Math.min(Math.max(time.waitedMs / 4, shortestMs), longestMs);
  await payOutLater(pool, transferId, Math.min(pauseMs, time.leftMs - lastTryMs));
  return 'WAITS';
}

/**
 * What may not go for now, and was given only to those who never heard of it, is with nobody: it waits as before it was first given to one, so that its
 * customer may cancel it and its hold ends. Otherwise nothing is done.
 */
export async function standBack(
  { pool, wakeUp }: AnswerDeps,
  { transferId, status, attempts }: Pick<StoredPayout, 'transferId' | 'status' | 'attempts'>,
): Promise<void> {
  if (status === 'BALANCE_RESERVED' || attempts.some(({ outcome }) => outcome !== 'UNREACHABLE')) return;
  await withRetry(() => waitPayout(pool, transferId));
  wakeUp.signal();
}

async function waitPayout(
  db: Queryable,
  transferId: TransferId,
): Promise<{ leftMs: number; waitedMs: number } | undefined> {
  const { rows } = await db.query<{ left_ms: string; waited_ms: string }>({
    name: 'transfer-wait-payout',
    text: 'SELECT left_ms, waited_ms FROM transfer.wait_payout($1, $2, $3)',
    values: [transferId, `${POLICY.payouts.holdMinutes} minutes`, NOTE],
  });
  return rows[0] && { leftMs: Number(rows[0].left_ms), waitedMs: Number(rows[0].waited_ms) };
}
