import { parseId, type AccountId, type TransferId, type UserId } from '../../platform/ids.ts';
import { parsePage, positionOfForm, toConnection, type Connection } from '../../platform/pagination.ts';
import { isStaff, type Viewer } from '../../platform/viewer.ts';
import type { UserTransfersArgs } from './generated/resolvers.ts';
import type { TransferParent } from './graph-types.ts';
import type { TransferStore } from './store.ts';

const isPosition = positionOfForm(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);

/**
 * A person's transfers, newest first. Null for another's, unless staff asks. Pages are cut by the transfer's id (UUIDv7, the
 * time of createdAt), so that transfers made meanwhile neither shift nor repeat anything.
 */
export async function listTransfers(
  { store }: { store: TransferStore },
  viewer: Viewer | null,
  userIdText: string,
  args: Pick<UserTransfersArgs, 'first' | 'after' | 'filter'>,
): Promise<Connection<TransferParent> | null> {
  const userId = parseId<UserId>(userIdText);
  if (!viewer || !userId || (userId !== viewer.userId && !isStaff(viewer))) return null;
  const { status, type, accountId: accountIdText, from, to } = args.filter ?? {};
  const filter = {
    status: status && [...new Set(status)].sort(),
    type: type && [...new Set(type)].sort(),
    accountId: accountIdText?.toLowerCase(),
    from,
    to,
  };
  const page = parsePage(args, `user.transfers:${userId}`, filter, isPosition);
  const accountId = typeof accountIdText === 'string' ? parseId<AccountId>(accountIdText) : undefined;
  // What has not the form of an id is no account of anybody, so no transfer has it at an end.
  const rows =
    accountId === null
      ? []
      : await store.listTransfers({
          userId,
          status: filter.status ?? undefined,
          type: filter.type ?? undefined,
          accountId,
          from: from ?? undefined,
          to: to ?? undefined,
          // isPosition has made sure that it is an id.
          after: page.after?.[0] as TransferId | undefined,
          limit: page.limit + 1,
        });
  return toConnection(
    rows,
    page,
    ({ id }) => [id],
    (row) => row,
  );
}
