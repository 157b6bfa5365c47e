import { Refusal } from '../../../platform/refusal.ts';
import type { CreateTransferCall, CreateTransferDeps } from '../call.ts';
import type { TransferCommand } from '../domain.ts';
import type { TransferRefusal } from '../refusals.ts';
import { planTerms } from './plan-terms.ts';

/** Refusals that say something of this moment alone, and nothing of the day on which the transfer will be made. */
const OF_THE_MOMENT: ReadonlySet<unknown> = new Set<TransferRefusal>(['RATE_UNAVAILABLE', 'OUTGOING_PAUSED']);

/**
 * Refuses a transfer that is to be made later, as createTransfer would refuse it now: what cannot be planned today (the same account twice, another
 * currency, an account that is another's, frozen or closed, nobody behind the email, nobody who carries it) is not taken down for later. Risk, money
 * and limits are asked when it is made. Nothing moves or is stored.
 */
export async function planAhead(
  deps: CreateTransferDeps,
  call: CreateTransferCall,
  command: TransferCommand,
): Promise<void> {
  try {
    await deps.gate.run(() => planTerms(deps, call, command), call.signal);
  } catch (error) {
    if (!(error instanceof Refusal) || !OF_THE_MOMENT.has(error.code)) throw error;
  }
}
