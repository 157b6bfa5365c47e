import { userError, type RefusalMeaning, type UserError } from '../../platform/refusal.ts';

/** Every code that risk's mutations refuse with. */
export type RiskRefusal = 'ALERT_NOT_FOUND' | 'FEATURE_UNAVAILABLE';

/** What each code tells the caller. */
export const RISK_REFUSALS: Record<RiskRefusal, RefusalMeaning> = {
  ALERT_NOT_FOUND: { message: 'There is no such alert.', retryable: false },
  FEATURE_UNAVAILABLE: { message: 'This is not available.', retryable: false },
};

/** The graph's UserError for one of risk's codes. */
export function riskError(code: RiskRefusal, field?: readonly string[]): UserError {
  return userError(RISK_REFUSALS, code, field);
}
