import type { LedgerRefusal } from '../../../ledger/entry.ts';
import type { RefusalMeaning } from '../../../platform/refusal.ts';

/** What transfer.release_review and transfer.refuse_review say no with, beside what the ledger does. */
type ReviewVerdict = 'NOT_IN_REVIEW' | 'OWN_TRANSFER' | 'HOLD_EXPIRED' | 'HOLD_CLOSED' | 'CAPTURE_EXCEEDS_HOLD';

/** Why nothing was decided about a transfer. */
export type ReviewRefusal = ReviewVerdict | LedgerRefusal | 'TRANSFER_NOT_FOUND' | 'INVALID_REASON';

const never = (message: string): RefusalMeaning => ({ message, retryable: false });
const later = (message: string): RefusalMeaning => ({ message, retryable: true });

export const REVIEW_REFUSALS: Record<ReviewRefusal, RefusalMeaning> = {
  TRANSFER_NOT_FOUND: never('There is no such transfer.'),
  INVALID_REASON: never('Say why in 1 to 500 characters.'),
  NOT_IN_REVIEW: never('This transfer waits for nobody.'),
  OWN_TRANSFER: never('Somebody else must decide about this transfer.'),
  HOLD_EXPIRED: never('The time of this review is over.'),
  HOLD_CLOSED: never('The money of this transfer is not held any more.'),
  CAPTURE_EXCEEDS_HOLD: never('Less is held than this transfer would move.'),
  UNKNOWN_ACCOUNT: never('An account of this transfer does not exist.'),
  INSUFFICIENT_FUNDS: never('There is not enough money on the account.'),
  LIMIT_EXCEEDED: never('This is more than may still leave the account today or this month.'),
  BALANCE_TOO_LARGE: never('The amount is more than the destination can take.'),
  ACCOUNT_FROZEN: later('An account of this transfer is frozen. Release it when it no longer is.'),
  ACCOUNT_CLOSED: never('An account of this transfer is closed.'),
  CURRENCY_MISMATCH: never('An account of this transfer has another currency.'),
};
