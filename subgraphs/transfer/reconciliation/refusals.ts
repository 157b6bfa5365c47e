import type { RefusalMeaning } from '../../../platform/refusal.ts';

/** Every code that the mutations of reconciliation refuse with. */
export type ReconciliationRefusal =
  | 'UNKNOWN_PROVIDER'
  | 'SETTLEMENT_REPORT_TOO_LARGE'
  | 'SETTLEMENT_REPORT_UNREADABLE'
  | 'SETTLEMENT_LINE_CHANGED'
  | 'EXCEPTION_NOT_FOUND'
  | 'EXCEPTION_CLOSED'
  | 'INVALID_RESOLUTION';

const never = (message: string): RefusalMeaning => ({ message, retryable: false });

/** What each code tells the caller. */
export const RECONCILIATION_REFUSALS: Record<ReconciliationRefusal, RefusalMeaning> = {
  UNKNOWN_PROVIDER: never('This bank works with no provider of this name.'),
  SETTLEMENT_REPORT_TOO_LARGE: never('A report may have at most 768 KiB. Import it in parts.'),
  SETTLEMENT_REPORT_UNREADABLE: never('This is no report that can be read.'),
  SETTLEMENT_LINE_CHANGED: never(
    'The report tells a known line otherwise than an earlier report did. Nothing was imported.',
  ),
  EXCEPTION_NOT_FOUND: never('There is no such exception.'),
  EXCEPTION_CLOSED: never('This exception is closed.'),
  INVALID_RESOLUTION: never('Say in 1 to 500 characters what was found and done.'),
};
