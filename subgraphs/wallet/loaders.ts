import DataLoader from 'dataloader';
import { accountsByIds, accountsOf } from '../../ledger/accounts.ts';
import { balancesAsOf, type BalanceMoment, type LedgerBalance } from '../../ledger/balances.ts';
import { statementLinesByIds, statementPages, type StatementLine, type StatementPage } from '../../ledger/statement.ts';
import type { Queryable } from '../../platform/db.ts';
import type { AccountId, PostingId, UserId } from '../../platform/ids.ts';
import type { Viewer } from '../../platform/viewer.ts';
import { toTransaction } from './domain.ts';
import type { AccountParent, TransactionParent } from './graph-types.ts';
import type { WalletStore } from './store.ts';

/** Which of a person's accounts, oldest first. */
export interface AccountsPage {
  ownerId: UserId;
  after: AccountId | null;
  limit: number;
}

/** All of one request's reads; each costs the same few statements however many ids or pages there are. */
export interface WalletLoaders {
  /** The viewer's own account; null for what is another's or nobody's. */
  accountById: DataLoader<AccountId, AccountParent | null>;
  /** What its owner calls an account. For accounts only that another of these has given. */
  accountName: DataLoader<AccountId, string>;
  /** Balances at moments, in one statement; null for an account that does not exist. On the same condition. */
  balanceAsOf: DataLoader<BalanceMoment, LedgerBalance | null>;
  /** A line on one of the viewer's own accounts, else null. */
  transactionById: DataLoader<PostingId, TransactionParent | null>;
  /** Pages of accounts' statements. For accounts only that another of these has given. */
  statementPage: DataLoader<StatementPage, StatementLine[]>;
  /** Pages of a person's accounts; whether the caller may see them is for the caller's side to say. */
  accountsPage: DataLoader<AccountsPage, AccountParent[]>;
}

/** The loaders of one request of this viewer. `findAccount` gives an account whosever it is. */
export function createLoaders(
  db: Queryable,
  store: WalletStore,
  viewer: Viewer | null,
  findAccount: (id: AccountId) => Promise<AccountParent | undefined>,
): WalletLoaders {
  const owns = (account: { ownerId: string } | undefined) => viewer !== null && account?.ownerId === viewer.userId;
  return {
    accountById: new DataLoader((ids: readonly AccountId[]) =>
      Promise.all(
        ids.map(async (id) => {
          const account = await findAccount(id);
          return account && owns(account) ? account : null;
        }),
      ),
    ),
    accountName: new DataLoader(async (ids: readonly AccountId[]) => {
      const names = await store.accountNames(ids);
      return ids.map((id) => names.get(id) ?? new Error(`account ${id} is in the ledger and not in the wallet`));
    }),
    balanceAsOf: new DataLoader((moments: readonly BalanceMoment[]) => balancesAsOf(db, moments), { cache: false }),
    transactionById: new DataLoader(async (ids: readonly PostingId[]) => {
      const lines = await statementLinesByIds(db, ids);
      const accounts = await accountsByIds(db, [...new Set([...lines.values()].map(({ accountId }) => accountId))]);
      return ids.map((id) => {
        const line = lines.get(id);
        return line && owns(accounts.get(line.accountId)) ? toTransaction(line) : null;
      });
    }),
    statementPage: new DataLoader((pages: readonly StatementPage[]) => statementPages(db, pages)),
    // Not remembered: a mutation of the same request may open an account.
    accountsPage: new DataLoader(
      (pages: readonly AccountsPage[]) => {
        // Equal pages are one: each of forty accounts has the same owner, whose accounts may be asked for again.
        const read = new Map<string, Promise<AccountParent[]>>();
        for (const page of pages) if (!read.has(keyOf(page))) read.set(keyOf(page), accountsOf(db, page.ownerId, page));
        return Promise.all(pages.map((page) => read.get(keyOf(page))!));
      },
      { cache: false },
    ),
  };
}

const keyOf = ({ ownerId, after, limit }: AccountsPage): string => `${ownerId} ${after} ${limit}`;
