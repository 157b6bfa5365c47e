import type { Queryable } from '../../../platform/db.ts';
import { parseId, type ScheduleId, type UserId } from '../../../platform/ids.ts';
import { parsePage, positionOfForm, toConnection, type Connection } from '../../../platform/pagination.ts';
import { isStaff, type Viewer } from '../../../platform/viewer.ts';
import type { OccurrenceParent, StandingOrderParent } from './graph-types.ts';
import { listOccurrences } from './occurrence-store.ts';
import { findOrder, listOrders } from './standing-order-store.ts';

interface PageArgs {
  first?: number | null;
  after?: string | null;
}

const isOrderPosition = positionOfForm(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
const isNumberPosition = positionOfForm(/^[1-9][0-9]{0,8}$/);

/** A person's standing orders, newest first. Null for another's, unless staff asks. */
export async function listStandingOrders(
  db: Queryable,
  viewer: Viewer | null,
  userIdText: string,
  args: PageArgs,
): Promise<Connection<StandingOrderParent> | null> {
  const userId = parseId<UserId>(userIdText);
  if (!viewer || !userId || (userId !== viewer.userId && !isStaff(viewer))) return null;
  const page = parsePage(args, `user.standingOrders:${userId}`, {}, isOrderPosition);
  // isOrderPosition has made sure that it is an id.
  const after = (page.after?.[0] ?? null) as ScheduleId | null;
  const rows = await listOrders(db, { userId, after, limit: page.limit + 1 });
  return toConnection(
    rows,
    page,
    ({ id }) => [id],
    (row) => row,
  );
}

/** A standing order that the viewer may see, else null. */
export async function visibleOrder(
  db: Queryable,
  viewer: Viewer | null,
  id: string,
): Promise<StandingOrderParent | null> {
  const orderId = parseId<ScheduleId>(id);
  const order = viewer && orderId && (await findOrder(db, orderId));
  return order && (order.userId === viewer.userId || isStaff(viewer)) ? order : null;
}

/** What has been due of an order that the viewer may see, newest first. */
export async function listOccurrencesOf(
  db: Queryable,
  { id: orderId }: StandingOrderParent,
  args: PageArgs,
): Promise<Connection<OccurrenceParent>> {
  const page = parsePage(args, `standingOrder.occurrences:${orderId}`, {}, isNumberPosition);
  const before = page.after ? Number(page.after[0]) : null;
  const rows = await listOccurrences(db, { orderId, before, limit: page.limit + 1 });
  return toConnection(
    rows,
    page,
    ({ number }) => [String(number)],
    (row) => row,
  );
}
