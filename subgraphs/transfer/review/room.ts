import { requireRole } from '../../../platform/staff.ts';
import type { Room } from '../room.ts';
import type { ReviewDeps } from './decide-review.ts';
import { refuseTransfer } from './refuse-transfer.ts';
import { releaseTransfer } from './release-transfer.ts';
import { transfersInReview } from './transfers-in-review.ts';

/** Transfers that a person must look at before their money moves. */
export function createReviewRoom(deps: ReviewDeps): Room {
  return {
    resolvers: {
      Query: {
        transfersInReview: (_root, args, { viewer }) => {
          requireRole(viewer, 'COMPLIANCE', 'ADMIN');
          return transfersInReview(deps, args);
        },
      },
      Mutation: {
        releaseTransfer: (_root, { id }, { viewer }) =>
          releaseTransfer(deps, requireRole(viewer, 'COMPLIANCE', 'ADMIN'), id),
        refuseTransfer: (_root, args, { viewer }) =>
          refuseTransfer(deps, requireRole(viewer, 'COMPLIANCE', 'ADMIN'), args),
      },
    },
  };
}
