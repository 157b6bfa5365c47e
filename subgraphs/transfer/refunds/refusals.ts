import type { LedgerRefusal } from '../../../ledger/entry.ts';
import type { AmountRefusal } from '../../../platform/money.ts';
import type { RefusalMeaning } from '../../../platform/refusal.ts';
import { TRANSFER_REFUSALS } from '../refusals.ts';

/** What refunds refuse with and createTransfer does not. */
type OwnRefusal =
  'TRANSFER_NOT_FOUND' | 'OWN_TRANSFER' | 'NOT_REFUNDABLE' | 'REFUND_EXCEEDS_REMAINING' | 'REVERSAL_OF_REVERSAL';

/** What the database may say no with; stored with the key. */
export type RefundVerdict =
  Exclude<OwnRefusal, 'TRANSFER_NOT_FOUND' | 'OWN_TRANSFER'> | 'NOT_REVERSIBLE' | LedgerRefusal;

/** Every code that refundTransfer and reverseTransfer refuse with. */
export type RefundRefusal =
  | OwnRefusal
  | AmountRefusal
  | 'INVALID_IDEMPOTENCY_KEY'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'DESCRIPTION_TOO_LONG'
  | 'INVALID_DESCRIPTION'
  | 'CURRENCY_MISMATCH'
  | 'INSUFFICIENT_FUNDS'
  | 'ACCOUNT_FROZEN'
  | 'ACCOUNT_CLOSED'
  | 'BALANCE_TOO_LARGE'
  | 'BANK_READ_ONLY'
  | 'FEATURE_UNAVAILABLE';

const never = (message: string): RefusalMeaning => ({ message, retryable: false });

/** What each code tells the caller; what createTransfer refuses with as well means the same here. */
export const REFUND_REFUSALS: Record<RefundRefusal, RefusalMeaning> = {
  TRANSFER_NOT_FOUND: never('There is no such transfer, or you did not receive it.'),
  OWN_TRANSFER: never('Somebody else must decide about this transfer.'),
  NOT_REFUNDABLE: never('Only a completed deposit or transfer between two customers can be given back.'),
  REFUND_EXCEEDS_REMAINING: never('This is more than remains of the transfer.'),
  REVERSAL_OF_REVERSAL: never('What gives money back cannot be given back itself. Make a new transfer.'),
  INVALID_IDEMPOTENCY_KEY: TRANSFER_REFUSALS.INVALID_IDEMPOTENCY_KEY,
  IDEMPOTENCY_KEY_REUSED: never('This idempotency key was used for something else. Use a new one.'),
  DESCRIPTION_TOO_LONG: TRANSFER_REFUSALS.DESCRIPTION_TOO_LONG,
  INVALID_DESCRIPTION: TRANSFER_REFUSALS.INVALID_DESCRIPTION,
  CURRENCY_MISMATCH: never('Money is given back in the currency in which it came.'),
  INSUFFICIENT_FUNDS: never('There is not enough of it left on the account.'),
  ACCOUNT_FROZEN: never('One of the accounts is frozen.'),
  ACCOUNT_CLOSED: never('One of the accounts is closed.'),
  BALANCE_TOO_LARGE: TRANSFER_REFUSALS.BALANCE_TOO_LARGE,
  BANK_READ_ONLY: TRANSFER_REFUSALS.BANK_READ_ONLY,
  FEATURE_UNAVAILABLE: TRANSFER_REFUSALS.FEATURE_UNAVAILABLE,
  UNSUPPORTED_CURRENCY: TRANSFER_REFUSALS.UNSUPPORTED_CURRENCY,
  INVALID_AMOUNT: TRANSFER_REFUSALS.INVALID_AMOUNT,
  AMOUNT_NOT_POSITIVE: TRANSFER_REFUSALS.AMOUNT_NOT_POSITIVE,
  TOO_MANY_DECIMALS: TRANSFER_REFUSALS.TOO_MANY_DECIMALS,
  AMOUNT_TOO_LARGE: TRANSFER_REFUSALS.AMOUNT_TOO_LARGE,
};

/** What a stored verdict tells the caller. */
export function verdictRefusal(verdict: RefundVerdict): RefundRefusal {
  switch (verdict) {
    case 'NOT_REVERSIBLE':
      return 'NOT_REFUNDABLE';
    case 'UNKNOWN_ACCOUNT':
    case 'LIMIT_EXCEEDED':
      // A reversal names accounts of an entry that exists, and counts against no limit.
      throw new Error(`a reversal was refused with ${verdict}`);
    case 'NOT_REFUNDABLE':
    case 'REFUND_EXCEEDS_REMAINING':
    case 'REVERSAL_OF_REVERSAL':
    case 'INSUFFICIENT_FUNDS':
    case 'ACCOUNT_FROZEN':
    case 'ACCOUNT_CLOSED':
    case 'BALANCE_TOO_LARGE':
    case 'CURRENCY_MISMATCH':
      return verdict;
  }
}
