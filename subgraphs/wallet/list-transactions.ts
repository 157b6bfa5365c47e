import type { AccountId } from '../../platform/ids.ts';
import { parsePage, positionOfForm, toConnection, type Connection } from '../../platform/pagination.ts';
import { toTransaction } from './domain.ts';
import type { TransactionParent } from './graph-types.ts';
import type { WalletLoaders } from './loaders.ts';

export interface TransactionsArgs {
  first?: number | null;
  after?: string | null;
  from?: Date | null;
  to?: Date | null;
}

/** Versions are exact as numbers up to 2^53. */
const isVersion = positionOfForm(/^[1-9][0-9]{0,14}$/);

/**
 * A page of an account's statement, newest first, of from <= createdAt < to. Its place is the account's version, so lines
 * posted meanwhile neither shift nor repeat what follows.
 */
export async function listTransactions(
  { statementPage }: Pick<WalletLoaders, 'statementPage'>,
  accountId: AccountId,
  args: TransactionsArgs,
): Promise<Connection<TransactionParent>> {
  const from = args.from ?? null;
  const to = args.to ?? null;
  const page = parsePage(args, `account.transactions:${accountId}`, { from, to }, isVersion);
  const lines = await statementPage.load({
    accountId,
    from,
    to,
    beforeVersion: page.after ? Number(page.after[0]) : null,
    limit: page.limit + 1,
  });
  return toConnection(lines, page, ({ version }) => [String(version)], toTransaction);
}
