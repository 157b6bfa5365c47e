import { toGraphMoney } from '../../../platform/money.ts';
import { POLICY } from '../../../platform/policy.ts';
import { requireRole } from '../../../platform/staff.ts';
import type { Room } from '../room.ts';
import { collectReceivables, type CollectDeps } from './collect-receivables.ts';
import { listOutstanding, listReceivables } from './list-receivables.ts';

/** What customers owe the bank: shown, and collected. */
export function createReceivablesRoom(deps: CollectDeps): Room {
  const { pool } = deps;
  return {
    periodic: [
      {
        name: 'transfer.receivables',
        everyMs: POLICY.receivables.collectEveryMs,
        run: (signal) => collectReceivables(deps, signal),
      },
    ],
    resolvers: {
      Query: {
        outstandingReceivables: (_root, args, { viewer }) => {
          requireRole(viewer, 'COMPLIANCE', 'ADMIN');
          return listOutstanding(pool, args);
        },
      },
      User: { receivables: ({ id }, args, { viewer }) => listReceivables(pool, viewer, id, args) },
      Receivable: {
        debtor: ({ debtorId }) => ({ id: debtorId }),
        refund: ({ transferId }, _args, { loaders }) => transferId && loaders.transfer.load(transferId),
        amount: ({ amount }) => toGraphMoney(amount),
        collected: ({ collected }) => toGraphMoney(collected),
        outstanding: ({ outstanding }) => toGraphMoney(outstanding),
      },
      ReceivableCollection: {
        account: ({ accountId }) => ({ id: accountId }),
        amount: ({ amount }) => toGraphMoney(amount),
      },
    },
  };
}
