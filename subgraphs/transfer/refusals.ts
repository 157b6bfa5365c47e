import type { LedgerRefusal } from '../../ledger/entry.ts';
import type { AmountRefusal } from '../../platform/money.ts';
import { Refusal, userError, type RefusalMeaning, type UserError } from '../../platform/refusal.ts';
import type { PosterRefusal } from './poster.ts';

/** What is said of a quote under its lock, in transfer.quote_verdict. Stored with the key, as the ledger's refusals are. */
export type QuoteRefusal = 'UNKNOWN_QUOTE' | 'QUOTE_EXPIRED' | 'QUOTE_ALREADY_USED';

/** Every code that createTransfer refuses with. */
export type TransferRefusal =
  | AmountRefusal
  | 'INVALID_IDEMPOTENCY_KEY'
  | 'EXACTLY_ONE_END'
  | 'FEATURE_UNAVAILABLE'
  | 'DESCRIPTION_TOO_LONG'
  | 'QUOTE_MISMATCH'
  | QuoteRefusal
  | 'INVALID_DESCRIPTION'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'ACCOUNT_NOT_FOUND'
  | 'PAYMENT_METHOD_NOT_FOUND'
  | 'PAYMENT_METHOD_NOT_CHARGEABLE'
  | 'PAYMENT_METHODS_UNAVAILABLE'
  | 'PAYMENT_METHOD_NOT_PAYABLE'
  | 'INVALID_IBAN'
  | 'INVALID_PAYEE_NAME'
  | 'NO_PROVIDER_FOR_PAYOUT'
  | 'OUTGOING_PAUSED'
  | 'UNKNOWN_RECIPIENT'
  | 'RECIPIENTS_UNAVAILABLE'
  | 'SAME_ACCOUNT'
  | 'CURRENCY_MISMATCH'
  | 'RATE_UNAVAILABLE'
  | 'EXCHANGE_TOO_SMALL'
  | 'ACCOUNT_FROZEN'
  | 'ACCOUNT_CLOSED'
  | 'RISK_UNAVAILABLE'
  | 'STEP_UP_REQUIRED'
  | 'RISK_REVIEW_REQUIRED'
  | 'NOT_PROCESSED'
  | 'INSUFFICIENT_FUNDS'
  | 'LIMIT_EXCEEDED'
  | 'BALANCE_TOO_LARGE'
  | PosterRefusal;

const never = (message: string): RefusalMeaning => ({ message, retryable: false });
const later = (message: string): RefusalMeaning => ({ message, retryable: true });

/**
 * What each code tells the caller. `later` is said only where the same key may succeed without anything else changing on
 * the caller's side: nothing was stored under the key and the fault is ours and passes.
 */
export const TRANSFER_REFUSALS: Record<TransferRefusal, RefusalMeaning> = {
  INVALID_IDEMPOTENCY_KEY: never('The idempotency key must have 1 to 64 printable ASCII characters.'),
  EXACTLY_ONE_END: never('Give exactly one field for this end of the transfer.'),
  FEATURE_UNAVAILABLE: never('This kind of transfer is not available.'),
  UNSUPPORTED_CURRENCY: never('This currency is not supported.'),
  INVALID_AMOUNT: never('The amount must be a plain decimal number, for example 12.50.'),
  AMOUNT_NOT_POSITIVE: never('The amount must be greater than zero.'),
  TOO_MANY_DECIMALS: never('The amount has more decimals than its currency.'),
  AMOUNT_TOO_LARGE: never('The amount is too large.'),
  DESCRIPTION_TOO_LONG: never('The description may have at most 140 characters.'),
  INVALID_DESCRIPTION: never('The description may not contain control characters.'),
  UNKNOWN_QUOTE: never('There is no such quote.'),
  QUOTE_MISMATCH: never('This is not what was quoted. Ask for a new quote, or leave the quote out.'),
  QUOTE_EXPIRED: never('The quote has expired. Ask for a new one.'),
  QUOTE_ALREADY_USED: never('A transfer was made at this quote already. Ask for a new one.'),
  IDEMPOTENCY_KEY_REUSED: never('This idempotency key was used for another transfer. Use a new one.'),
  ACCOUNT_NOT_FOUND: never('There is no such account.'),
  PAYMENT_METHOD_NOT_FOUND: never('There is no such payment method.'),
  PAYMENT_METHOD_NOT_CHARGEABLE: never('No money can be taken from this payment method.'),
  PAYMENT_METHODS_UNAVAILABLE: later('Payment methods cannot be looked up just now. Nothing was moved; try again.'),
  PAYMENT_METHOD_NOT_PAYABLE: never('No money can be sent to this payment method.'),
  INVALID_IBAN: never('This is not an IBAN: its country, length or check digits are wrong.'),
  INVALID_PAYEE_NAME: never('The name of a payee has at most 70 characters that can be shown.'),
  NO_PROVIDER_FOR_PAYOUT: never('Nobody we work with carries this amount in this currency there.'),
  OUTGOING_PAUSED: later('No money leaves the bank this way just now. Nothing was moved; try again later.'),
  UNKNOWN_RECIPIENT: never('No customer with this email can receive this currency.'),
  RECIPIENTS_UNAVAILABLE: later('Recipients cannot be looked up by email just now. Nothing was moved; try again.'),
  SAME_ACCOUNT: never('Source and destination are the same account.'),
  CURRENCY_MISMATCH: never(
    'The amount must be in the currency of its source, and so must the destination, unless it is your own account.',
  ),
  RATE_UNAVAILABLE: later('There is no exchange rate for these currencies just now. Nothing was moved; try again.'),
  EXCHANGE_TOO_SMALL: never('This amount is too small to be exchanged.'),
  ACCOUNT_FROZEN: never('This account is frozen.'),
  ACCOUNT_CLOSED: never('This account is closed.'),
  RISK_UNAVAILABLE: later('The transfer could not be checked in time. Nothing was moved; try again.'),
  STEP_UP_REQUIRED: never('This transfer needs a second factor, which is not available yet.'),
  RISK_REVIEW_REQUIRED: never('This transfer would have to be looked at first. Please contact support.'),
  // Neutral on purpose: a customer must not learn why the bank declines (decision 19, no tipping off).
  NOT_PROCESSED: never('This transfer was not processed.'),
  INSUFFICIENT_FUNDS: never('There is not enough money on the account.'),
  LIMIT_EXCEEDED: never('This is more than may still leave your accounts today or this month.'),
  BALANCE_TOO_LARGE: never('The amount is more than the destination can take.'),
  POSTER_BUSY: later('Too many transfers are waiting just now. Nothing was moved; try again.'),
  POSTER_STOPPED: later('The bank is restarting. Nothing was moved; try again.'),
  BANK_READ_ONLY: later('No money is moved just now. Nothing was done; try again later.'),
};

/** A refusal of this subgraph: only its own codes fit. */
export function refuse(code: TransferRefusal, field?: readonly string[]): Refusal<TransferRefusal> {
  return new Refusal(code, field);
}

/** The graph's UserError for one of this subgraph's codes. */
export function transferError(code: TransferRefusal, field?: readonly string[]): UserError {
  return userError(TRANSFER_REFUSALS, code, field);
}

/**
 * The graph's UserError for a "no" of the ledger. Which end was frozen or closed is not part of the verdict, so only the
 * amount is pointed at.
 */
export function ledgerError(verdict: LedgerRefusal | QuoteRefusal): UserError {
  switch (verdict) {
    case 'UNKNOWN_ACCOUNT':
      return transferError('ACCOUNT_NOT_FOUND');
    case 'INSUFFICIENT_FUNDS':
    case 'LIMIT_EXCEEDED':
    case 'BALANCE_TOO_LARGE':
      return transferError(verdict, ['amount', 'amount']);
    case 'ACCOUNT_FROZEN':
    case 'ACCOUNT_CLOSED':
    case 'CURRENCY_MISMATCH':
      return transferError(verdict);
    case 'UNKNOWN_QUOTE':
    case 'QUOTE_EXPIRED':
    case 'QUOTE_ALREADY_USED':
      return transferError(verdict, ['quoteId']);
  }
}
