import { parseId, type AccountId, type UserId } from '../../platform/ids.ts';
import { parsePage, toConnection, type Connection } from '../../platform/pagination.ts';
import type { AccountParent } from './graph-types.ts';
import type { WalletLoaders } from './loaders.ts';

/** A page of a person's accounts, oldest first; whether the caller may see them is for the caller's side to say. */
export async function listAccounts(
  { accountsPage }: Pick<WalletLoaders, 'accountsPage'>,
  ownerId: UserId,
  args: { first?: number | null; after?: string | null },
): Promise<Connection<AccountParent>> {
  const page = parsePage(
    args,
    `user.accounts:${ownerId}`,
    {},
    ([id, ...more]) => more.length === 0 && parseId(id ?? '') !== null,
  );
  // The form of the position has just been checked.
  const after = (page.after?.[0] as AccountId | undefined) ?? null;
  const accounts = await accountsPage.load({ ownerId, after, limit: page.limit + 1 });
  return toConnection(
    accounts,
    page,
    ({ id }) => [id],
    (account) => account,
  );
}
