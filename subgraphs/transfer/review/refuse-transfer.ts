import { withRetry } from '../../../platform/db.ts';
import type { TransferId } from '../../../platform/ids.ts';
import { parseLabel } from '../../../platform/label.ts';
import { Refusal } from '../../../platform/refusal.ts';
import type { Viewer } from '../../../platform/viewer.ts';
import { decideReview, type ReviewAnswer, type ReviewDeps } from './decide-review.ts';
import type { ReviewRefusal } from './refusals.ts';
import { refuseReview } from './review-store.ts';

const REASON_MAX_CHARACTERS = 500;

/** Ends a transfer that a person has looked at. The customer reads NOT_PROCESSED, and nothing of the reason. */
export function refuseTransfer(
  deps: ReviewDeps,
  staff: Viewer,
  { id, reason: text }: { id: string; reason: string },
): Promise<ReviewAnswer> {
  return decideReview(deps, id, (transferId: TransferId) => {
    const reason = parseLabel(text, REASON_MAX_CHARACTERS);
    if (!reason) throw new Refusal<ReviewRefusal>('INVALID_REASON', ['reason']);
    return withRetry(() => refuseReview(deps.pool, transferId, { staffId: staff.userId, reason }));
  });
}
