import { outstandingReceivables, receivablesOf, type Receivable } from '../../../ledger/receivables.ts';
import type { Queryable } from '../../../platform/db.ts';
import { parseId, type EntryId, type UserId } from '../../../platform/ids.ts';
import { parsePage, positionOfForm, toConnection, type Connection, type Page } from '../../../platform/pagination.ts';
import { isStaff, type Viewer } from '../../../platform/viewer.ts';

interface PageArgs {
  first?: number | null;
  after?: string | null;
}

const isPosition = positionOfForm(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);

/** What a person owes and has owed, newest first. Null for another's, unless staff asks. */
export async function listReceivables(
  db: Queryable,
  viewer: Viewer | null,
  userIdText: string,
  args: PageArgs,
): Promise<Connection<Receivable> | null> {
  const debtorId = parseId<UserId>(userIdText);
  if (!viewer || !debtorId || (debtorId !== viewer.userId && !isStaff(viewer))) return null;
  const page = parsePage(args, `user.receivables:${debtorId}`, {}, isPosition);
  return connect(await receivablesOf(db, { debtorId, ...rangeOf(page) }), page);
}

/** What all customers owe, the oldest first. The resolver has made sure that staff asks. */
export async function listOutstanding(db: Queryable, args: PageArgs): Promise<Connection<Receivable>> {
  const page = parsePage(args, 'outstandingReceivables', {}, isPosition);
  return connect(await outstandingReceivables(db, rangeOf(page)), page);
}

function rangeOf({ after, limit }: Page): { after: EntryId | null; limit: number } {
  // isPosition has made sure that it is an id.
  return { after: (after?.[0] ?? null) as EntryId | null, limit: limit + 1 };
}

function connect(rows: readonly Receivable[], page: Page): Connection<Receivable> {
  return toConnection(
    rows,
    page,
    ({ id }) => [id],
    (row) => row,
  );
}
