import type { StatusRefusal } from '../../../ledger/account-status.ts';
import type { OverdraftRefusal } from '../../../ledger/overdraft.ts';
import type { AmountRefusal } from '../../../platform/money.ts';
import type { RefusalMeaning } from '../../../platform/refusal.ts';

/** Every "no" to freezing, closing and overdrafts. */
export type AccountLifeRefusal =
  | 'ACCOUNT_NOT_FOUND'
  | 'INVALID_REASON'
  | 'OWN_ACCOUNT'
  | 'OVERDRAFT_TOO_LARGE'
  | Exclude<StatusRefusal | OverdraftRefusal, 'UNKNOWN_ACCOUNT'>
  | AmountRefusal;

export const ACCOUNT_LIFE_REFUSALS: Record<AccountLifeRefusal, RefusalMeaning> = {
  ACCOUNT_NOT_FOUND: { message: 'There is no such account, or it is not yours.', retryable: false },
  INVALID_REASON: { message: 'A reason has 1 to 140 printable characters.', retryable: false },
  ACCOUNT_CLOSED: { message: 'The account has ended.', retryable: false },
  ACCOUNT_FROZEN: { message: 'The account is frozen. Unfreeze it first.', retryable: false },
  FROZEN_BY_BANK: {
    message: 'The bank has frozen this account; only its compliance can unfreeze it.',
    retryable: false,
  },
  ACCOUNT_NOT_EMPTY: {
    message: 'There is money on the account, in a pocket, or promised to a payment. Move it away first.',
    retryable: true,
  },
  ACCOUNT_EXPECTS_MONEY: {
    message: 'Money is on its way to this account. It can be closed when that has come, or came to nothing.',
    retryable: true,
  },
  OVERDRAFT_IN_USE: { message: 'More than that is in use already, reserved money included.', retryable: true },
  OVERDRAFT_TOO_LARGE: { message: 'The bank agrees on no overdraft so large in this currency.', retryable: false },
  OWN_ACCOUNT: { message: 'Somebody else must decide about this account.', retryable: false },
  UNSUPPORTED_CURRENCY: { message: 'This bank keeps no accounts in this currency.', retryable: false },
  INVALID_AMOUNT: { message: 'An amount is a plain decimal number such as 12.50.', retryable: false },
  AMOUNT_NOT_POSITIVE: { message: 'An overdraft is zero or more.', retryable: false },
  TOO_MANY_DECIMALS: { message: 'The amount has more decimals than the currency.', retryable: false },
  AMOUNT_TOO_LARGE: { message: 'The amount is too large.', retryable: false },
};
