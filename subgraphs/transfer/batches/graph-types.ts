import type { BatchId, TransferId, UserId } from '../../../platform/ids.ts';
import type { UserError } from '../../../platform/refusal.ts';
import type { BatchItemStatus, BatchMode, BatchStatus } from '../generated/resolvers.ts';

/** A batch as it is stored. Whoever has one in hand has made sure that the viewer may see it. */
export interface BatchParent {
  id: BatchId;
  userId: UserId;
  mode: BatchMode;
  status: BatchStatus;
  total: number;
  done: number;
  refused: number;
  createdAt: Date;
  endedAt: Date | null;
}

/** An item as it is stored. */
export interface BatchItemParent {
  number: number;
  itemKey: string;
  status: BatchItemStatus;
  transferId: TransferId | null;
  userErrors: UserError[];
}
