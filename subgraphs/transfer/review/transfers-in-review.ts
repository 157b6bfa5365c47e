import type { TransferId } from '../../../platform/ids.ts';
import { parsePage, positionOfForm, toConnection, type Connection } from '../../../platform/pagination.ts';
import type { TransferParent } from '../graph-types.ts';
import type { ReviewDeps } from './decide-review.ts';
import { readWaiting } from './review-store.ts';

/** A transfer that waits for a person, as the graph shows it. */
export interface TransferReview {
  transfer: TransferParent;
  heldAt: Date;
  expiresAt: Date;
}

const isPosition = positionOfForm(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);

/** Transfers that wait for a person, the longest waiting first. */
export async function transfersInReview(
  { pool, store }: Pick<ReviewDeps, 'pool' | 'store'>,
  args: { first?: number | null; after?: string | null },
): Promise<Connection<TransferReview>> {
  const page = parsePage(args, 'transfers-in-review', {}, isPosition);
  // isPosition has made sure that it is an id.
  const after = (page.after?.[0] as TransferId | undefined) ?? null;
  const waiting = await readWaiting(pool, { after, limit: page.limit + 1 });
  const transfers = await store.findTransfers(waiting.map(({ transferId }) => transferId));
  const rows = waiting.map(({ heldAt, expiresAt }, index) => ({ transfer: transfers[index]!, heldAt, expiresAt }));
  return toConnection(
    rows,
    page,
    ({ transfer }) => [transfer.id],
    (row) => row,
  );
}
