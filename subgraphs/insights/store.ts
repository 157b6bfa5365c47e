import type { Pool } from 'pg';
import { PrismaClient } from '../../prisma/insights/client/client.ts';
import { prismaAdapter, type Queryable } from '../../platform/db.ts';
import type { EventPayloads } from '../../platform/events.ts';
import type { PostingId, UserId } from '../../platform/ids.ts';
import type { Flow, Movement } from './domain.ts';

export interface FlowQuery {
  userId: UserId;
  currency: string;
  /** Where the time before begins; it ends at `start`. */
  before: Date;
  start: Date;
  /** Exclusive. */
  end: Date;
}

/** The tables of insights. */
export interface InsightsStore {
  /** Owner and type of statement lines. */
  findLines(postingIds: readonly PostingId[]): Promise<Map<string, { ownerId: string; lineType: string }>>;
  /** What went out and came in by line type, in the time and in the time before; between own accounts nothing did. */
  sumFlows(query: FlowQuery): Promise<Flow[]>;
  /** The currency of the person's oldest account, or null. */
  findOwnCurrency(userId: UserId): Promise<string | null>;
  close(): Promise<void>;
}

export function createInsightsStore(pool: Pool): InsightsStore {
  const prisma = new PrismaClient({ adapter: prismaAdapter(pool, 'insights') });
  return {
    async findLines(postingIds) {
      const rows = await prisma.movement.findMany({
        where: { postingId: { in: [...postingIds] } },
        select: { postingId: true, ownerId: true, lineType: true },
      });
      return new Map(rows.map(({ postingId, ...line }) => [postingId, line]));
    },
    sumFlows: (query) => sumFlows(pool, query),
    async findOwnCurrency(userId) {
      const oldest = await prisma.account.findFirst({
        where: { ownerId: userId },
        orderBy: [{ openedAt: 'asc' }, { id: 'asc' }],
        select: { currency: true },
      });
      return oldest?.currency ?? null;
    },
    close: () => prisma.$disconnect(),
  };
}

/** Sums with a condition each have no words in a query builder. */
async function sumFlows(db: Queryable, { userId, currency, before, start, end }: FlowQuery): Promise<Flow[]> {
  const { rows } = await db.query<{
    line_type: string;
    before: boolean;
    out_minor: string;
    in_minor: string;
    out_lines: string;
  }>({
    name: 'insights-sum-flows',
    text: `SELECT line_type, at < $4 AS before,
                  coalesce(-sum(amount) FILTER (WHERE amount < 0), 0) AS out_minor,
                  coalesce(sum(amount) FILTER (WHERE amount > 0), 0) AS in_minor,
                  count(*) FILTER (WHERE amount < 0) AS out_lines
           FROM movement
           WHERE owner_id = $1 AND currency = $2 AND at >= $3 AND at < $5 AND NOT between_own_accounts
           GROUP BY 1, 2`,
    values: [userId, currency, before, start, end],
  });
  return rows.map(({ line_type, before: isBefore, out_minor, in_minor, out_lines }) => ({
    lineType: line_type,
    before: isBefore,
    outMinor: BigInt(out_minor),
    inMinor: BigInt(in_minor),
    outLines: Number(out_lines),
  }));
}

/** Notes statement lines, within the transaction of the listener's cursor. Running twice changes nothing. */
export async function recordMovements(tx: Queryable, movements: readonly Movement[]): Promise<void> {
  if (movements.length === 0) return;
  await tx.query({
    name: 'insights-record-movements',
    text: `INSERT INTO movement (posting_id, owner_id, account_id, currency, amount, line_type, between_own_accounts, at)
           SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::numeric[], $6::text[], $7::boolean[], $8::timestamptz[])
           ON CONFLICT (posting_id) DO NOTHING`,
    values: [
      movements.map(({ postingId }) => postingId),
      movements.map(({ ownerId }) => ownerId),
      movements.map(({ accountId }) => accountId),
      movements.map(({ currency }) => currency),
      movements.map(({ amountMinor }) => amountMinor.toString()),
      movements.map(({ lineType }) => lineType),
      movements.map(({ betweenOwnAccounts }) => betweenOwnAccounts),
      movements.map(({ at }) => at),
    ],
  });
}

/** Notes new accounts, likewise. */
export async function recordAccounts(tx: Queryable, opened: readonly EventPayloads['AccountOpened'][]): Promise<void> {
  if (opened.length === 0) return;
  await tx.query({
    name: 'insights-record-accounts',
    text: `INSERT INTO account (id, owner_id, currency, opened_at)
           SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[])
           ON CONFLICT (id) DO NOTHING`,
    values: [
      opened.map(({ accountId }) => accountId),
      opened.map(({ ownerId }) => ownerId),
      opened.map(({ currency }) => currency),
      opened.map(({ at }) => at),
    ],
  });
}
