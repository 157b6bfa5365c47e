import type pg from 'pg';
import { extendChain } from '../../../ledger/chain.ts';
import { readProofs } from '../../../ledger/proof-store.ts';
import type { Logger } from '../../../platform/log.ts';
import { POLICY } from '../../../platform/policy.ts';
import { requireRole } from '../../../platform/staff.ts';
import type { Room } from '../room.ts';
import { ledgerHealth } from './ledger-health.ts';
import { proveLedger } from './prove-ledger.ts';

/** The books watch over themselves: entries are chained behind their commit, and balances added up a second time. */
export function createAuditRoom({ pool, log }: { pool: pg.Pool; log: Logger }): Room {
  const { chainEveryMs, chainAtOnce, proofEveryMs } = POLICY.audit;
  return {
    resolvers: {
      Query: {
        ledgerHealth: (_root, _args, { viewer }) => {
          requireRole(viewer, 'SUPPORT', 'COMPLIANCE', 'ADMIN');
          return ledgerHealth(pool);
        },
      },
    },
    periodic: [
      {
        name: 'transfer.chain',
        everyMs: chainEveryMs,
        run: async () => (await extendChain(pool, chainAtOnce)) === chainAtOnce,
      },
      {
        name: 'transfer.proof',
        everyMs: proofEveryMs,
        async run() {
          // Many processes do not prove more often than one.
          const { last } = await readProofs(pool);
          if (!last || Date.now() - last.at.getTime() > proofEveryMs / 2) await proveLedger({ pool, log });
          return false;
        },
      },
    ],
  };
}
