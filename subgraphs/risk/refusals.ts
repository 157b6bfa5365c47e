import type { AmountRefusal } from '../../platform/money.ts';
import { Refusal, userError, type RefusalMeaning, type UserError } from '../../platform/refusal.ts';

/** Every code that risk's mutations refuse with. */
export type RiskRefusal = AmountRefusal | 'INVALID_LIMIT' | 'LIMIT_ABOVE_BANK' | 'RATE_UNAVAILABLE' | 'ALERT_NOT_FOUND';

/** What each code tells the caller. */
export const RISK_REFUSALS: Record<RiskRefusal, RefusalMeaning> = {
  UNSUPPORTED_CURRENCY: { message: 'This currency is not supported.', retryable: false },
  INVALID_AMOUNT: { message: 'Write a limit as a plain number such as 1000 or 1000.00.', retryable: false },
  AMOUNT_NOT_POSITIVE: { message: 'A limit must be more than zero.', retryable: false },
  TOO_MANY_DECIMALS: { message: 'The limit has more decimals than the currency.', retryable: false },
  AMOUNT_TOO_LARGE: { message: 'The limit is too large.', retryable: false },
  INVALID_LIMIT: { message: 'The limit of a month is at least that of a day.', retryable: false },
  LIMIT_ABOVE_BANK: { message: 'This is more than the bank’s own limit.', retryable: false },
  RATE_UNAVAILABLE: { message: 'There is no exchange rate for this currency now. Try again later.', retryable: true },
  ALERT_NOT_FOUND: { message: 'There is no such alert.', retryable: false },
};

/** To throw. */
export function refuse(code: RiskRefusal, field?: readonly string[]): Refusal<RiskRefusal> {
  return new Refusal(code, field);
}

/** The graph's UserError for one of risk's codes. */
export function riskError(code: RiskRefusal, field?: readonly string[]): UserError {
  return userError(RISK_REFUSALS, code, field);
}
