import { Refusal, userError, type RefusalMeaning, type UserError } from '../../../platform/refusal.ts';
import { TRANSFER_REFUSALS, type TransferRefusal } from '../refusals.ts';

/** Every code of this room's own; beside them stand those of createTransfer. */
export type BatchRefusal =
  'BATCH_EMPTY' | 'BATCH_TOO_LARGE' | 'INVALID_ITEM_KEY' | 'DUPLICATE_ITEM_KEY' | 'TOO_MANY_BATCHES' | 'BATCH_REFUSED';

const never = (message: string): RefusalMeaning => ({ message, retryable: false });

export const BATCH_REFUSALS: Record<BatchRefusal, RefusalMeaning> = {
  BATCH_EMPTY: never('A batch has at least one item.'),
  BATCH_TOO_LARGE: never('A batch has at most 1,000 items.'),
  INVALID_ITEM_KEY: never('An item key must have 1 to 64 printable ASCII characters.'),
  DUPLICATE_ITEM_KEY: never('Another item of this batch has the same key.'),
  TOO_MANY_BATCHES: {
    message: 'Too many of your batches are still being worked on. Try again when one has ended.',
    retryable: true,
  },
  BATCH_REFUSED: never('Another item of this batch was refused, so nothing of the batch was done.'),
};

/** What the mutations of this room may refuse with. */
export const REFUSED: Record<BatchRefusal | TransferRefusal, RefusalMeaning> = {
  ...TRANSFER_REFUSALS,
  ...BATCH_REFUSALS,
};

/** A refusal of this room: only its own codes fit. */
export function refuseBatch(code: BatchRefusal, field?: readonly string[]): Refusal<BatchRefusal> {
  return new Refusal(code, field);
}

/** The graph's UserError for one of this room's codes. */
export function batchError(code: BatchRefusal): UserError {
  return userError(BATCH_REFUSALS, code);
}
