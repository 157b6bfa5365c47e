import { withRetry } from '../../../platform/db.ts';
import type { TransferId } from '../../../platform/ids.ts';
import type { Viewer } from '../../../platform/viewer.ts';
import { decideReview, type ReviewAnswer, type ReviewDeps } from './decide-review.ts';
import { releaseReview } from './review-store.ts';

/** Lets a transfer go on that a person has looked at: INTERNAL is posted at once, a payout begins. */
export function releaseTransfer(deps: ReviewDeps, staff: Viewer, id: string): Promise<ReviewAnswer> {
  return decideReview(deps, id, (transferId: TransferId) =>
    withRetry(() => releaseReview(deps.pool, transferId, staff.userId)),
  );
}
