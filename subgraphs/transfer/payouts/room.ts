import type { Pool } from 'pg';
import { unauthenticated } from '../../../platform/graph-errors.ts';
import type { ProviderRegistry } from '../../../providers/registry.ts';
import { cancelTransfer, type CancelTransferDeps } from '../cancel-transfer.ts';
import type { Room } from '../room.ts';
import { createHoldSweep, expiredHolds } from './expire-holds.ts';
import { PAY_OUT, payoutJobs } from './jobs.ts';
import { createPayOut } from './pay-out.ts';

export interface PayoutsDeps extends CancelTransferDeps {
  pool: Pool;
  /** The jobs' own connections. */
  jobsPool: Pool;
  payouts: ProviderRegistry | null;
}

/** Money that leaves the bank: carried out by jobs, held until then, and withdrawn while it can be. */
export function createPayoutsRoom(deps: PayoutsDeps): Room {
  const { jobsPool, payouts, wakeUp } = deps;
  return {
    resolvers: {
      Mutation: {
        cancelTransfer: (_root, { id }, { viewer }) => {
          if (!viewer) throw unauthenticated();
          return cancelTransfer(deps, viewer, id);
        },
      },
    },
    listeners: [payoutJobs, expiredHolds],
    // Payouts stay where they are until somebody can carry them again.
    tasks: payouts ? { [PAY_OUT]: createPayOut({ pool: jobsPool, payouts, wakeUp }) } : {},
    periodic: [createHoldSweep(deps)],
  };
}
