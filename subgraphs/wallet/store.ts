import type pg from 'pg';
import { PrismaClient } from '../../prisma/wallet/client/client.ts';
import { prismaAdapter, withRetry, withTransaction, type Queryable } from '../../platform/db.ts';
import type { AccountId, UserId } from '../../platform/ids.ts';

/** Reads of this subgraph's own tables, and the frame of its transactions. */
export interface WalletStore {
  /** What does not exist is missing from the map. */
  accountNames(ids: readonly AccountId[]): Promise<ReadonlyMap<AccountId, string>>;
  transaction<Result>(work: (tx: Queryable) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

/** The store on the pool of the role dwaybank_wallet. */
export function createWalletStore(pool: pg.Pool): WalletStore {
  const prisma = new PrismaClient({ adapter: prismaAdapter(pool, 'wallet') });
  return {
    async accountNames(ids) {
      const rows = await prisma.account.findMany({ where: { id: { in: [...ids] } }, select: { id: true, name: true } });
      // Prisma knows ids as plain strings.
      return new Map(rows.map(({ id, name }) => [id as AccountId, name]));
    },
    transaction: (work) => withRetry(() => withTransaction(pool, work)),
    close: () => prisma.$disconnect(),
  };
}

/** Counts one more account for its owner; false, and nothing is counted, when there are `max` already. */
export async function countAccount(tx: Queryable, ownerId: UserId, max: number): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: 'wallet-count-account',
    text: `INSERT INTO account_holder AS holder (owner_id, accounts) VALUES ($1, 1)
           ON CONFLICT (owner_id) DO UPDATE SET accounts = holder.accounts + 1 WHERE holder.accounts < $2`,
    values: [ownerId, max],
  });
  return rowCount === 1;
}

/** Adds the row of an account. */
export async function insertAccount(
  tx: Queryable,
  { id, ownerId, name }: { id: AccountId; ownerId: UserId; name: string },
): Promise<void> {
  await tx.query({
    name: 'wallet-insert-account',
    text: 'INSERT INTO account (id, owner_id, name) VALUES ($1, $2, $3)',
    values: [id, ownerId, name],
  });
}
