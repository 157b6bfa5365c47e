import { z } from 'zod';
import type { Pool } from 'pg';
import { parseId, type TransferId } from '../../../platform/ids.ts';
import { NotDoneYetError, type JobTask } from '../../../platform/jobs.ts';
import type { Logger } from '../../../platform/log.ts';
import { POLICY } from '../../../platform/policy.ts';
import type { Payout, ProviderNotice } from '../../../providers/payout-provider.ts';
import { recordDeadLetter } from '../operations/dead-letter-store.ts';
import { readNotice, settleNotice, transferType, type NoticeKey } from './notice-store.ts';

/*
 * The job of one notice. It may run again and twice at once: what it calls is safe to repeat, in any order, and never leaves a
 * terminal state. A notice only ever makes something happen earlier that the provider would also say when asked.
 */

export interface ApplyNoticeDeps {
  pool: Pool;
  /** Takes in what a provider says of a payout; contradictions are its business. */
  applyPayout(transferId: TransferId, provider: string, payout: Payout, signal: AbortSignal): Promise<void>;
  /** Asks the payout's provider, by our key, and takes in what it says. */
  askPayout(transferId: TransferId, signal: AbortSignal): Promise<void>;
  /** Asks the card provider about a deposit's charge, and takes in what it says. */
  askDeposit(transferId: TransferId, signal: AbortSignal): Promise<void>;
  log: Logger;
}

/** The job's name; its payload is a NoticeKey. */
export const APPLY_NOTICE = 'apply-notice';

/** The letter about a notice that no transfer belongs to. */
export const NOTICE_WITHOUT_TRANSFER = 'NOTICE_WITHOUT_TRANSFER';

const payloadSchema = z.object({ provider: z.string(), eventId: z.string() });

/** The transfer that a notice speaks of is not there yet; the job is tried again. */
export class NoticeWaitingError extends NotDoneYetError {
  override readonly name = 'NoticeWaitingError';
}

/** The job "apply-notice". */
export function createApplyNotice(deps: ApplyNoticeDeps): JobTask {
  return (payload, signal) => applyNotice(deps, payloadSchema.parse(payload), signal);
}

/** Acts on a notice, or throws to be tried again. */
export async function applyNotice(deps: ApplyNoticeDeps, key: NoticeKey, signal: AbortSignal): Promise<void> {
  const { notice, settled, ageMs } = await readNotice(deps.pool, key);
  if (settled) return;
  const transferId = transferOf(notice);
  // Not one of our payments: a balance that changed, a dispute, a test of the address.
  if (!transferId) return settleNotice(deps.pool, key, 'IGNORED', null);
  const type = await transferType(deps.pool, transferId);
  if (type === null) return wait(deps, key, transferId, ageMs);
  if (type === 'DEPOSIT') await deps.askDeposit(transferId, signal);
  else if (notice.payout && !notice.askAgain) await deps.applyPayout(transferId, key.provider, notice.payout, signal);
  else await deps.askPayout(transferId, signal);
  await settleNotice(deps.pool, key, 'APPLIED', transferId);
}

/** Our key is the transfer's id without its hyphens. */
function transferOf({ transferId, key }: ProviderNotice): TransferId | null {
  if (transferId) return parseId<TransferId>(transferId);
  const parts = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/.exec(key ?? '');
  return parts && parseId<TransferId>(parts.slice(1).join('-'));
}

/** A provider can be quicker than a commit of ours; but not by a day. */
async function wait(
  { pool, log }: ApplyNoticeDeps,
  key: NoticeKey,
  transferId: TransferId,
  ageMs: number,
): Promise<void> {
  if (ageMs < POLICY.notices.waitHours * 3_600_000) {
    await settleNotice(pool, key, 'WAITING', transferId);
    throw new NoticeWaitingError(`notice ${key.eventId} of ${key.provider} is about a transfer that is not there yet`);
  }
  await recordDeadLetter(pool, {
    transferId,
    kind: NOTICE_WITHOUT_TRANSFER,
    class: 'PERMANENT',
    severity: 'HIGH',
    reason: `${key.provider} speaks of a transfer that this bank does not have.`,
    details: { ...key, transferId },
  });
  await settleNotice(pool, key, 'PARKED', transferId);
  log.error({ ...key, transferId }, 'a notice of a provider is about no transfer of this bank');
}
