import { unauthenticated } from '../../../platform/graph-errors.ts';
import { toGraphMoney } from '../../../platform/money.ts';
import { requireRole } from '../../../platform/staff.ts';
import type { TransferParent } from '../graph-types.ts';
import type { Room } from '../room.ts';
import { suspendedDeposits } from './suspended-deposits.ts';
import { refundTransfer, type RefundDeps } from './refund-transfer.ts';

/** Transfers that are given back: by whoever received them, or by staff; and what staff sends back from suspense. */
export function createRefundsRoom(deps: RefundDeps): Room {
  return {
    listeners: [suspendedDeposits],
    resolvers: {
      Mutation: {
        refundTransfer: (_root, { input }, { viewer }) => {
          if (!viewer) throw unauthenticated();
          return refundTransfer(deps, viewer, 'refundTransfer', { ...input, shortfall: 'REFUSE' });
        },
        reverseTransfer: (_root, { input: { reason, shortfall, ...input } }, { viewer }) =>
          refundTransfer(deps, requireRole(viewer, 'ADMIN'), 'reverseTransfer', {
            ...input,
            description: reason,
            shortfall: shortfall ?? 'REFUSE',
          }),
      },
      Transfer: {
        refundOf: async ({ id }, _args, { loaders }) => {
          const { refundOf } = await loaders.refundLinks.load(id);
          return refundOf && loaders.transfer.load(refundOf);
        },
        refunds: async ({ id }, _args, { loaders }) => {
          const { refunds } = await loaders.refundLinks.load(id);
          const found = await Promise.all(refunds.map((refund) => loaders.transfer.load(refund.id)));
          return found.filter((refund): refund is TransferParent => refund !== null);
        },
        refundedAmount: async ({ id, amount }, _args, { loaders }) => {
          const { refunds } = await loaders.refundLinks.load(id);
          const given = refunds.filter(({ completed }) => completed);
          const amountMinor = given.reduce((sum, refund) => sum + refund.amountMinor, 0n);
          return toGraphMoney({ amountMinor, currency: amount.currency });
        },
      },
    },
  };
}
