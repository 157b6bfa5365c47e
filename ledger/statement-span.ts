import type { Queryable } from '../platform/db.ts';
import type { AccountId } from '../platform/ids.ts';
import { LINE, SOURCES, toLine, type LineRow, type StatementLine } from './statement.ts';

/** The versions of an account from one balance to a later one: after < version <= upTo. What was read of it once never changes. */
export interface StatementSpan {
  accountId: AccountId;
  after: number;
  upTo: number;
}

/** The lines of a span, added up by direction. */
export interface SpanTotals {
  lines: number;
  inMinor: bigint;
  /** Zero or below. */
  outMinor: bigint;
}

/** The present moment by the clock that postings are dated with. */
export async function ledgerNow(db: Queryable): Promise<Date> {
  const { rows } = await db.query<{ now: Date }>({
    name: 'ledger-now',
    text: `SELECT date_trunc('milliseconds', clock_timestamp()) AS now`,
  });
  return rows[0]!.now;
}

export async function spanTotals(db: Queryable, { accountId, after, upTo }: StatementSpan): Promise<SpanTotals> {
  const { rows } = await db.query<{ lines: string; brought: string; took: string }>({
    name: 'ledger-span-totals',
    text: `SELECT count(*) AS lines, coalesce(sum(amount) FILTER (WHERE amount > 0), 0) AS brought,
             coalesce(sum(amount) FILTER (WHERE amount < 0), 0) AS took
           FROM ledger.balance_changes
           WHERE account_id = $1 AND version > $2 AND version <= $3 AND posting_id IS NOT NULL`,
    values: [accountId, after, upTo],
  });
  const { lines, brought, took } = rows[0]!;
  return { lines: Number(lines), inMinor: BigInt(brought), outMinor: BigInt(took) };
}

/** The first lines of a span, oldest first. */
export async function spanLines(
  db: Queryable,
  { accountId, after, upTo }: StatementSpan,
  limit: number,
): Promise<StatementLine[]> {
  const { rows } = await db.query<LineRow>({
    name: 'ledger-span-lines',
    text: `SELECT ${LINE} FROM ${SOURCES}
           WHERE c.account_id = $1 AND c.version > $2 AND c.version <= $3 ORDER BY c.version LIMIT $4`,
    values: [accountId, after, upTo, limit],
  });
  return rows.map(toLine);
}
