import DataLoader from 'dataloader';
import { transfersOfPostings } from '../../ledger/statement.ts';
import type { Queryable } from '../../platform/db.ts';
import type { PostingId, TransferId } from '../../platform/ids.ts';
import { isStaff, type Caller, type Viewer } from '../../platform/viewer.ts';
import type { TransferParent } from './graph-types.ts';
import { readRefundLinks, type RefundLinks } from './refunds/refund-store.ts';
import type { TransferStore } from './store.ts';

export interface TransferLoaders {
  /** A transfer that the viewer is an end of, else null. */
  transfer: DataLoader<TransferId, TransferParent | null>;
  /** The transfer behind a statement line, on the same condition. */
  transferOfPosting: DataLoader<PostingId, TransferParent | null>;
  /** What gives a transfer back, and what it gives back. */
  refundLinks: DataLoader<TransferId, RefundLinks>;
}

/** The loaders of one request. What they give, its viewer may see. */
export function createLoaders(deps: { store: TransferStore; pool: Queryable }, { viewer }: Caller): TransferLoaders {
  const transfer = new DataLoader<TransferId, TransferParent | null>(async (ids) =>
    (await deps.store.findTransfers(ids)).map((found) => visibleTo(viewer, found)),
  );
  const transferOfPosting = new DataLoader<PostingId, TransferParent | null>(async (postingIds) => {
    const causes = await transfersOfPostings(deps.pool, postingIds);
    return Promise.all(
      postingIds.map(async (postingId) => {
        const cause = causes.get(postingId);
        return cause ? transfer.load(cause.transferId) : null;
      }),
    );
  });
  const refundLinks = new DataLoader<TransferId, RefundLinks>((ids) => readRefundLinks(deps.pool, ids));
  return { transfer, transferOfPosting, refundLinks };
}

/** The transfer when the viewer is one of its ends, or staff; another's is missing, as one that does not exist. */
export function visibleTo(viewer: Viewer | null, transfer: TransferParent | null): TransferParent | null {
  if (!viewer || !transfer) return null;
  const isEnd = transfer.source.ownerId === viewer.userId || transfer.destination.ownerId === viewer.userId;
  return isEnd || isStaff(viewer) ? transfer : null;
}
