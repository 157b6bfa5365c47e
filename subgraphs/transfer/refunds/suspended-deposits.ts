import type { Listener } from '../../../platform/event-listeners.ts';
import { DEPOSIT_SUSPENDED } from '../charge-deposit.ts';
import { giveBackDeposit } from '../deposit-store.ts';

/**
 * A retry of the letter about a deposit whose money lies on suspense sends it back to its card. The payout begins in the transaction of
 * the cursor; where one is under way already, or all was given back, nothing does.
 */
export const suspendedDeposits: Listener<'DeadLetterRetried'> = {
  name: 'transfer.suspended-deposits',
  types: ['DeadLetterRetried'],
  async handle(events, tx, appended) {
    for (const { payload } of events) {
      if (payload.kind !== DEPOSIT_SUSPENDED || !payload.transferId) continue;
      if (await giveBackDeposit(tx, payload.transferId)) appended();
    }
  },
};
