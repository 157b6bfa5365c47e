import { expireHolds } from '../../../ledger/holds.ts';
import type { Queryable } from '../../../platform/db.ts';
import type { Listener } from '../../../platform/event-listeners.ts';
import type { PeriodicTask } from '../../../platform/periodic.ts';
import { POLICY } from '../../../platform/policy.ts';

/*
 * Money is held for a time. The sweep ends holds whose time is over, by the database's clock; the listener ends the transfers behind
 * them. What was sent to a provider has a hold that no clock ends.
 */

/** Sweeps holds that have expired. Two processes that sweep at once do no harm: each hold expires once. */
export function createHoldSweep({ pool, wakeUp }: { pool: Queryable; wakeUp: { signal(): void } }): PeriodicTask {
  const { sweepEveryMs, sweepAtOnce } = POLICY.payouts;
  return {
    name: 'transfer.expired-holds',
    everyMs: sweepEveryMs,
    async run() {
      const expired = await expireHolds(pool, sweepAtOnce);
      if (expired > 0) wakeUp.signal();
      return expired === sweepAtOnce;
    },
  };
}

/** Ends transfers whose hold has expired, in the transaction of its cursor: once. */
export const expiredHolds: Listener<'HoldChanged'> = {
  name: 'transfer.expired-holds',
  types: ['HoldChanged'],
  async handle(events, tx, appended) {
    for (const { payload } of events) {
      if (payload.status !== 'EXPIRED' || !payload.transferId) continue;
      await tx.query({
        name: 'transfer-expire-transfer',
        text: `SELECT transfer.expire_transfer(id) FROM transfer.transfer WHERE id = $1 AND hold_id = $2`,
        values: [payload.transferId, payload.holdId],
      });
      appended();
    }
  },
};
