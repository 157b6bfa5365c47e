import type { RefusalMeaning } from '../../../platform/refusal.ts';

/** Why a transfer is not cancelled. */
export type CancelRefusal = 'TRANSFER_NOT_FOUND' | 'CANNOT_BE_CANCELLED';

export const CANCEL_REFUSALS: Record<CancelRefusal, RefusalMeaning> = {
  TRANSFER_NOT_FOUND: { message: 'There is no such transfer that you asked for.', retryable: false },
  CANNOT_BE_CANCELLED: { message: 'This transfer was sent, or has ended: it cannot be cancelled.', retryable: false },
};
