import { accountsByIds } from '../../ledger/accounts.ts';
import type { Queryable } from '../../platform/db.ts';
import type { EventTail } from '../../platform/event-tail.ts';
import { codedError, notFound } from '../../platform/graph-errors.ts';
import { parseId, type AccountId } from '../../platform/ids.ts';
import type { SourceEvent } from '../../platform/subgraph.ts';
import type { Viewer } from '../../platform/viewer.ts';
import { createBalanceFeed } from './balance-feed.ts';
import type { BalanceUpdateParent } from './graph-types.ts';

export interface FollowBalanceDeps {
  pool: Queryable;
  tail: EventTail;
  /** Streams that are open, by how to end them. */
  openStreams: Set<() => void>;
}

export interface FollowBalanceArgs {
  accountId: string;
  /** Null: begin with the present balance. */
  afterVersion?: number | null;
}

/** The viewer's account live: its present balance or the changes that were missed, then every change. */
export async function followBalance(
  deps: FollowBalanceDeps,
  viewer: Viewer,
  args: FollowBalanceArgs,
  signal: AbortSignal,
): Promise<AsyncIterableIterator<SourceEvent<BalanceUpdateParent>, undefined>> {
  const afterVersion = args.afterVersion ?? null;
  if (afterVersion !== null && afterVersion < 0) throw codedError('BAD_USER_INPUT', 'afterVersion must be 0 or more.');
  const accountId = parseId<AccountId>(args.accountId);
  if (!accountId) throw notFound();
  const close = () => feed.close();
  // Followed first and read second: what commits in between is then heard of.
  const feed = createBalanceFeed(
    {
      db: deps.pool,
      tail: deps.tail,
      onClose: () => {
        deps.openStreams.delete(close);
        signal.removeEventListener('abort', close);
      },
    },
    accountId,
  );
  deps.openStreams.add(close);
  signal.addEventListener('abort', close, { once: true });
  try {
    const account = (await accountsByIds(deps.pool, [accountId])).get(accountId);
    if (!account || account.ownerId !== viewer.userId) throw notFound();
    const { balance } = account;
    if (afterVersion === null) feed.startWith({ ...balance, currency: account.currency });
    else if (afterVersion <= balance.version) feed.startAfter(afterVersion, balance.version, account.currency);
    else throw codedError('VERSION_AHEAD', `afterVersion is ahead of the account, which is at ${balance.version}.`);
    // Aborted while it was read: then nobody would call return().
    if (signal.aborted) close();
    return feed.updates;
  } catch (error) {
    close();
    throw error;
  }
}
