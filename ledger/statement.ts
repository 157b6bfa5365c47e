import type { Queryable } from '../platform/db.ts';
import { groupBy } from '../platform/group-by.ts';
import type { AccountId, PostingId, TransferId } from '../platform/ids.ts';
import type { LineType } from './entry.ts';

/** One posting on one customer account, as it stands on a statement. */
export interface StatementLine {
  /** The posting's id. */
  id: PostingId;
  accountId: AccountId;
  currency: string;
  /** The account's version after it; lines of an account sort by it. */
  version: number;
  amountMinor: bigint;
  /** Posted balance after this line. */
  balanceAfterMinor: bigint;
  lineType: LineType;
  counterparty: string | null;
  description: string | null;
  transferId: TransferId | null;
  at: Date;
}

export interface LineRow {
  id: PostingId;
  account_id: AccountId;
  currency: string;
  version: string;
  amount: string;
  balance_after: string;
  line_type: LineType;
  counterparty: string | null;
  description: string | null;
  transfer_id: TransferId | null;
  at: Date;
}

export const LINE = `p.id, c.account_id, p.currency, c.version, c.amount, c.posted AS balance_after, p.line_type, p.counterparty,
  e.description, e.transfer_id, c.at`;
export const SOURCES = `ledger.balance_changes c JOIN ledger.posting p ON p.id = c.posting_id JOIN ledger.entry e ON e.id = p.entry_id`;

/** Which lines of an account: from <= at < to, and older than `beforeVersion`. */
export interface StatementPage {
  accountId: AccountId;
  from: Date | null;
  to: Date | null;
  beforeVersion: number | null;
  limit: number;
}

/**
 * Pages of accounts' statements, newest line first, in the order asked for: one statement however many. Pages are cut by
 * version, so that lines posted meanwhile neither shift nor repeat anything.
 */
export async function statementPages(db: Queryable, pages: readonly StatementPage[]): Promise<StatementLine[][]> {
  const { rows } = await db.query<LineRow & { place: string }>({
    name: 'ledger-statement-pages',
    // Times never fall along the versions, so a span of time is a span of versions, and the primary key serves both. The
    // millisecond is the grain of `at`: "before to" is "at or before to - 1 ms". Through (SELECT $1) Postgres cannot see how
    // many pages there are, and so keeps one plan in place of planning for every call.
    text: `SELECT page.place, line.*
           FROM unnest((SELECT $1::uuid[]), (SELECT $2::timestamptz[]), (SELECT $3::timestamptz[]),
                       (SELECT $4::bigint[]), (SELECT $5::integer[]))
             WITH ORDINALITY AS page (account_id, begins, ends, before_version, size, place)
           CROSS JOIN LATERAL (
             SELECT ${LINE} FROM ${SOURCES}
             WHERE c.account_id = page.account_id
               AND c.version > coalesce((SELECT ledger.version_at(page.account_id, page.begins - interval '1 millisecond')), 0)
               AND c.version < least(
                 page.before_version,
                 (SELECT ledger.version_at(page.account_id, page.ends - interval '1 millisecond')) + 1)
             ORDER BY c.version DESC LIMIT page.size
           ) AS line
           ORDER BY page.place, line.version DESC`,
    values: [
      pages.map(({ accountId }) => accountId),
      pages.map(({ from }) => from),
      pages.map(({ to }) => to),
      pages.map(({ beforeVersion }) => beforeVersion ?? Number.MAX_SAFE_INTEGER),
      pages.map(({ limit }) => limit),
    ],
  });
  const lines = groupBy(rows, ({ place }) => Number(place));
  return pages.map((_page, index) => (lines.get(index + 1) ?? []).map(toLine));
}

/** Statement lines by posting id, whosever they are; what is missing or belongs to a system account is not in the map. */
export async function statementLinesByIds(
  db: Queryable,
  ids: readonly PostingId[],
): Promise<ReadonlyMap<PostingId, StatementLine>> {
  const { rows } = await db.query<LineRow>({
    name: 'ledger-statement-lines-by-ids',
    // balance_changes has no index on the posting, which every posting would pay for: the posting's account and time lead to
    // its version by the same binary search as a moment does. Several changes of one millisecond lie side by side.
    text: `SELECT ${LINE}
           FROM ledger.posting p
           JOIN ledger.entry e ON e.id = p.entry_id
           JOIN ledger.balance_changes c ON c.account_id = p.account_id AND c.posting_id = p.id
             AND c.version > ledger.version_at(p.account_id, p.at - interval '1 millisecond')
             AND c.version <= ledger.version_at(p.account_id, p.at)
           WHERE p.id = ANY ($1::uuid[])`,
    values: [ids],
  });
  return new Map(rows.map((row) => [row.id, toLine(row)]));
}

/** Which transfers caused postings, with each posting's account; postings without a transfer are missing. */
export async function transfersOfPostings(
  db: Queryable,
  ids: readonly PostingId[],
): Promise<ReadonlyMap<PostingId, { transferId: TransferId; accountId: AccountId }>> {
  const { rows } = await db.query<{ id: PostingId; transfer_id: TransferId; account_id: AccountId }>({
    name: 'ledger-transfers-of-postings',
    text: `SELECT p.id, e.transfer_id, p.account_id FROM ledger.posting p JOIN ledger.entry e ON e.id = p.entry_id
           WHERE p.id = ANY ($1::uuid[]) AND e.transfer_id IS NOT NULL`,
    values: [ids],
  });
  return new Map(
    rows.map(({ id, transfer_id, account_id }) => [id, { transferId: transfer_id, accountId: account_id }]),
  );
}

export function toLine(row: LineRow): StatementLine {
  return {
    id: row.id,
    accountId: row.account_id,
    currency: row.currency,
    version: Number(row.version),
    amountMinor: BigInt(row.amount),
    balanceAfterMinor: BigInt(row.balance_after),
    lineType: row.line_type,
    counterparty: row.counterparty,
    description: row.description,
    transferId: row.transfer_id,
    at: row.at,
  };
}
