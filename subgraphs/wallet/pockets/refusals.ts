import type { PocketVerdictRefusal } from '../../../ledger/pockets.ts';
import type { AmountRefusal } from '../../../platform/money.ts';
import type { RefusalMeaning } from '../../../platform/refusal.ts';

/** Every "no" about pockets. Nothing is stored with the key then: the same wish may be tried again. */
export type PocketRefusal =
  | 'ACCOUNT_NOT_FOUND'
  | 'POCKET_NOT_FOUND'
  | 'INVALID_POCKET_NAME'
  | 'INVALID_IDEMPOTENCY_KEY'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'BANK_READ_ONLY'
  | Exclude<PocketVerdictRefusal, 'UNKNOWN_ACCOUNT' | 'UNKNOWN_POCKET'>
  | AmountRefusal;

export const POCKET_REFUSALS: Record<PocketRefusal, RefusalMeaning> = {
  ACCOUNT_NOT_FOUND: { message: 'You have no such account.', retryable: false },
  POCKET_NOT_FOUND: { message: 'You have no such pocket.', retryable: false },
  INVALID_POCKET_NAME: { message: 'The name of a pocket has 1 to 80 printable characters.', retryable: false },
  INVALID_IDEMPOTENCY_KEY: { message: 'An idempotency key has 1 to 64 printable ASCII characters.', retryable: false },
  IDEMPOTENCY_KEY_REUSED: { message: 'This key stands for something else. Use a new one.', retryable: false },
  BANK_READ_ONLY: { message: 'The bank moves no money just now. Try again with the same key.', retryable: true },
  POCKET_CLOSED: { message: 'This pocket is closed.', retryable: false },
  TOO_MANY_POCKETS: { message: 'The account has as many pockets as one may have.', retryable: true },
  ACCOUNT_FROZEN: { message: 'Nothing moves on this account.', retryable: true },
  ACCOUNT_CLOSED: { message: 'The account has ended.', retryable: false },
  INSUFFICIENT_FUNDS: { message: 'The account has not so much money of its own that is free.', retryable: true },
  POCKET_INSUFFICIENT: { message: 'The pocket does not hold so much.', retryable: true },
  UNSUPPORTED_CURRENCY: { message: 'This bank keeps no accounts in this currency.', retryable: false },
  INVALID_AMOUNT: { message: 'An amount is a plain decimal number such as 12.50.', retryable: false },
  AMOUNT_NOT_POSITIVE: { message: 'The amount must be more than zero.', retryable: false },
  TOO_MANY_DECIMALS: { message: 'The amount has more decimals than the currency.', retryable: false },
  AMOUNT_TOO_LARGE: { message: 'The amount is too large.', retryable: false },
};
