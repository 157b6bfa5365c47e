import { accountsOf } from '../../ledger/accounts.ts';
import type { Queryable } from '../../platform/db.ts';
import { parseId, type AccountId, type UserId } from '../../platform/ids.ts';
import { parsePage, toConnection, type Connection } from '../../platform/pagination.ts';
import type { AccountParent } from './graph-types.ts';
import type { WalletStore } from './store.ts';

/** A page of a person's accounts, oldest first; whether the caller may see them is for the caller's side to say. */
export async function listAccounts(
  { pool, store }: { pool: Queryable; store: WalletStore },
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
  const accounts = await accountsOf(pool, ownerId, { after, limit: page.limit + 1 });
  const names = await store.accountNames(accounts.map(({ id }) => id));
  return toConnection(
    accounts,
    page,
    ({ id }) => [id],
    (account) => {
      const name = names.get(account.id);
      if (name === undefined) throw new Error(`account ${account.id} is in the ledger and not in the wallet`);
      return { ...account, name };
    },
  );
}
