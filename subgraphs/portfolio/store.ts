import type { Pool } from 'pg';
import { PrismaClient } from '../../prisma/portfolio/client/client.ts';
import { prismaAdapter, type Queryable } from '../../platform/db.ts';
import type { BalanceChange, EventPayloads } from '../../platform/events.ts';
import { groupBy } from '../../platform/group-by.ts';
import type { OwnedAccount } from './domain.ts';

/** The tables of portfolio. */
export interface PortfolioStore {
  /** Each person's accounts, oldest first. */
  findAccounts(ownerIds: readonly string[]): Promise<Map<string, OwnedAccount[]>>;
  /** What a person had in one currency just before each of these moments, in their order. */
  balancesBefore(ownerId: string, currency: string, moments: readonly Date[]): Promise<bigint[]>;
  close(): Promise<void>;
}

export function createPortfolioStore(pool: Pool): PortfolioStore {
  const prisma = new PrismaClient({ adapter: prismaAdapter(pool, 'portfolio') });
  return {
    async findAccounts(ownerIds) {
      const rows = await prisma.account.findMany({
        where: { ownerId: { in: [...ownerIds] } },
        orderBy: [{ openedAt: { sort: 'asc', nulls: 'last' } }, { id: 'asc' }],
      });
      const accounts = rows.map(({ id, ownerId, currency, version, posted }) => ({
        ownerId,
        account: { id, currency, version: Number(version), postedMinor: BigInt(posted.toFixed(0)) },
      }));
      const byOwner = groupBy(accounts, ({ ownerId }) => ownerId);
      return new Map([...byOwner].map(([ownerId, group]) => [ownerId, group.map(({ account }) => account)]));
    },
    balancesBefore: (ownerId, currency, moments) => balancesBefore(pool, ownerId, currency, moments),
    close: () => prisma.$disconnect(),
  };
}

/** For each moment and account one step into the index; a query builder has no words for that. */
async function balancesBefore(
  db: Queryable,
  ownerId: string,
  currency: string,
  moments: readonly Date[],
): Promise<bigint[]> {
  const { rows } = await db.query<{ total: string }>({
    name: 'portfolio-balances-before',
    text: `SELECT coalesce(sum(last.posted), 0) AS total
           FROM unnest($3::timestamptz[]) WITH ORDINALITY AS asked (moment, place)
           LEFT JOIN account ON account.owner_id = $1 AND account.currency = $2
           LEFT JOIN LATERAL (
             SELECT posted FROM balance
             WHERE balance.account_id = account.id AND balance.at < asked.moment
             ORDER BY at DESC, version DESC LIMIT 1
           ) AS last ON true
           GROUP BY asked.place ORDER BY asked.place`,
    values: [ownerId, currency, moments],
  });
  return rows.map(({ total }) => BigInt(total));
}

/** Notes new accounts, within the transaction of the listener's cursor. A posting may have been here before. */
export async function recordAccounts(tx: Queryable, opened: readonly EventPayloads['AccountOpened'][]): Promise<void> {
  if (opened.length === 0) return;
  await tx.query({
    name: 'portfolio-record-accounts',
    text: `INSERT INTO account (id, owner_id, currency, opened_at)
           SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[])
           ON CONFLICT (id) DO UPDATE SET opened_at = excluded.opened_at`,
    values: [
      opened.map(({ accountId }) => accountId),
      opened.map(({ ownerId }) => ownerId),
      opened.map(({ currency }) => currency),
      opened.map(({ at }) => at),
    ],
  });
}

/**
 * Notes balances, within the transaction of the listener's cursor. Each carries the whole balance, so a version that was
 * skipped does no harm, and an older one changes only the history.
 */
export async function recordBalances(tx: Queryable, changes: readonly BalanceChange[]): Promise<void> {
  if (changes.length === 0) return;
  await tx.query({
    name: 'portfolio-record-balances',
    text: `WITH change AS (
             SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::numeric[], $6::timestamptz[])
               AS change (account_id, owner_id, currency, version, posted, at)
           ), history AS (
             INSERT INTO balance (account_id, version, posted, at)
             SELECT account_id, version, posted, at FROM change
             ON CONFLICT (account_id, version) DO NOTHING
           )
           INSERT INTO account (id, owner_id, currency, version, posted)
           SELECT DISTINCT ON (account_id) account_id, owner_id, currency, version, posted
           FROM change ORDER BY account_id, version DESC
           ON CONFLICT (id) DO UPDATE SET version = excluded.version, posted = excluded.posted
           WHERE account.version < excluded.version`,
    values: [
      changes.map(({ accountId }) => accountId),
      changes.map(({ ownerId }) => ownerId),
      changes.map(({ currency }) => currency),
      changes.map(({ version }) => version),
      changes.map(({ posted }) => posted),
      changes.map(({ at }) => at),
    ],
  });
}
