import DataLoader from 'dataloader';
import { accountsByIds } from '../../ledger/accounts.ts';
import { balances, type LedgerBalance } from '../../ledger/balances.ts';
import { statementLinesByIds } from '../../ledger/statement.ts';
import type { Queryable } from '../../platform/db.ts';
import type { AccountId, PostingId } from '../../platform/ids.ts';
import type { Viewer } from '../../platform/viewer.ts';
import { toTransaction } from './domain.ts';
import type { AccountParent, TransactionParent } from './graph-types.ts';
import type { WalletStore } from './store.ts';

/** All of one request's reads by id; each costs the same few statements however many ids there are. */
export interface WalletLoaders {
  /** The viewer's own account; null for what is another's or nobody's. */
  accountById: DataLoader<AccountId, AccountParent | null>;
  /** The present balance. For accounts only that accountById has given. */
  balanceByAccountId: DataLoader<AccountId, LedgerBalance>;
  /** A line on one of the viewer's own accounts, else null. */
  transactionById: DataLoader<PostingId, TransactionParent | null>;
}

/** The loaders of one request of this viewer. */
export function createLoaders(db: Queryable, store: WalletStore, viewer: Viewer | null): WalletLoaders {
  const owns = (account: { ownerId: string } | undefined) => viewer !== null && account?.ownerId === viewer.userId;
  return {
    accountById: new DataLoader(async (ids: readonly AccountId[]) => {
      const [accounts, names] = await Promise.all([accountsByIds(db, ids), store.accountNames(ids)]);
      return ids.map((id) => {
        const account = accounts.get(id);
        const name = names.get(id);
        return account && name !== undefined && owns(account) ? { ...account, name } : null;
      });
    }),
    balanceByAccountId: new DataLoader(async (ids: readonly AccountId[]) => {
      const found = await balances(db, ids);
      return ids.map((id) => found.get(id) ?? new Error(`account ${id} has no balance`));
    }),
    transactionById: new DataLoader(async (ids: readonly PostingId[]) => {
      const lines = await statementLinesByIds(db, ids);
      const accounts = await accountsByIds(db, [...new Set([...lines.values()].map(({ accountId }) => accountId))]);
      return ids.map((id) => {
        const line = lines.get(id);
        return line && owns(accounts.get(line.accountId)) ? toTransaction(line) : null;
      });
    }),
  };
}
