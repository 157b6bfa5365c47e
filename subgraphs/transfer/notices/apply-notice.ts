import { z } from 'zod';
import type { Pool } from 'pg';
import { parseId, type TransferId } from '../../../platform/ids.ts';
import { NotDoneYetError, type JobTask } from '../../../platform/jobs.ts';
import type { Logger } from '../../../platform/log.ts';
import type { Money } from '../../../platform/money.ts';
import { POLICY } from '../../../platform/policy.ts';
import type { ProviderNotice } from '../../../providers/payout-provider.ts';
import { recordDeadLetter } from '../operations/dead-letter-store.ts';
import type { NoticeOfPayout } from '../payouts/apply-provider-notice.ts';
import { PROVIDER_CONTRADICTION } from '../payouts/record-answer.ts';
import { noticedTransfer, readNotice, settleNotice, type NoticeKey } from './notice-store.ts';

/*
 * The job of one notice. It may run again and twice at once: what it calls is safe to repeat, in any order, and never leaves a
 * terminal state. A notice is a hint: it only ever makes something happen earlier that the provider also says when asked, and asked it is.
 * Where the notice says another thing, or speaks of another amount, staff hear of it.
 */

export interface ApplyNoticeDeps {
  pool: Pool;
  /** Asks the payout's provider, or that of the notice, by our key, and takes in what it says; what the notice says is compared with that. */
  askPayout(transferId: TransferId, signal: AbortSignal, notice?: NoticeOfPayout): Promise<void>;
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
  const transfer = await noticedTransfer(deps.pool, transferId);
  if (!transfer) return wait(deps, key, transferId, ageMs);
  const { amount } = notice;
  if (amount && (amount.amountMinor !== transfer.amount.amountMinor || amount.currency !== transfer.amount.currency)) {
    await otherAmount(deps, key, transferId, amount);
  }
  const said = { provider: key.provider, said: notice.payout, isOld: ageMs >= POLICY.notices.waitMinutes * 60_000 };
  if (transfer.type === 'DEPOSIT') await deps.askDeposit(transferId, signal);
  else await deps.askPayout(transferId, signal, said);
  await settleNotice(deps.pool, key, 'APPLIED', transferId);
}

/** Our key is the transfer's id without its hyphens. */
function transferOf({ transferId, key }: ProviderNotice): TransferId | null {
  if (transferId) return parseId<TransferId>(transferId);
  const parts = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/.exec(key ?? '');
  return parts && parseId<TransferId>(parts.slice(1).join('-'));
}

/** Tells staff, once however often the job is tried again: a letter that came back with each try could never be resolved. */
async function otherAmount(
  { pool }: ApplyNoticeDeps,
  key: NoticeKey,
  transferId: TransferId,
  { amountMinor, currency }: Money,
): Promise<void> {
  const details = { ...key, amountMinor: amountMinor.toString(), currency };
  const { rowCount } = await pool.query({
    name: 'transfer-is-told-of-amount',
    text: 'SELECT FROM transfer.dead_letter WHERE transfer_id = $1 AND kind = $2 AND details @> $3::jsonb LIMIT 1',
    values: [transferId, PROVIDER_CONTRADICTION, JSON.stringify(details)],
  });
  if (rowCount) return;
  await recordDeadLetter(pool, {
    transferId,
    kind: PROVIDER_CONTRADICTION,
    class: 'PERMANENT',
    severity: 'CRITICAL',
    reason: `A notice of ${key.provider} speaks of another amount than this payment has. It was not believed.`,
    details,
  });
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
