import type { Queryable } from '../../../platform/db.ts';
import { parseId, type BatchId, type UserId } from '../../../platform/ids.ts';
import { parsePage, positionOfForm, toConnection, type Connection } from '../../../platform/pagination.ts';
import { isStaff, type Viewer } from '../../../platform/viewer.ts';
import { findBatch, listBatches, listItems } from './batch-store.ts';
import type { BatchItemParent, BatchParent } from './graph-types.ts';

interface PageArgs {
  first?: number | null;
  after?: string | null;
}

const isBatchPosition = positionOfForm(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
const isNumberPosition = positionOfForm(/^[1-9][0-9]{0,3}$/);

/** A person's batches, newest first. Null for another's, unless staff asks. */
export async function listBatchesOf(
  db: Queryable,
  viewer: Viewer | null,
  userIdText: string,
  args: PageArgs,
): Promise<Connection<BatchParent> | null> {
  const userId = parseId<UserId>(userIdText);
  if (!viewer || !userId || (userId !== viewer.userId && !isStaff(viewer))) return null;
  const page = parsePage(args, `user.batches:${userId}`, {}, isBatchPosition);
  // isBatchPosition has made sure that it is an id.
  const after = (page.after?.[0] ?? null) as BatchId | null;
  const rows = await listBatches(db, { userId, after, limit: page.limit + 1 });
  return toConnection(
    rows,
    page,
    ({ id }) => [id],
    (row) => row,
  );
}

/** A batch that the viewer may see, else null. */
export async function visibleBatch(db: Queryable, viewer: Viewer | null, id: string): Promise<BatchParent | null> {
  const batchId = parseId<BatchId>(id);
  const batch = viewer && batchId && (await findBatch(db, batchId));
  return batch && (batch.userId === viewer.userId || isStaff(viewer)) ? batch : null;
}

/** The items of a batch that the viewer may see, in the order they came in. */
export async function listItemsOf(
  db: Queryable,
  { id: batchId }: BatchParent,
  args: PageArgs,
): Promise<Connection<BatchItemParent>> {
  const page = parsePage(args, `batch.items:${batchId}`, {}, isNumberPosition);
  const rows = await listItems(db, { batchId, after: Number(page.after?.[0] ?? 0), limit: page.limit + 1 });
  return toConnection(
    rows,
    page,
    ({ number }) => [String(number)],
    (row) => row,
  );
}
