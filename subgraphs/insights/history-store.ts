import type { Queryable } from '../../platform/db.ts';
import { groupBy } from '../../platform/group-by.ts';
import type { HistoryLine, Source } from './advice/history.ts';
import type { Flow } from './spending.ts';

export interface FlowQuery {
  userId: string;
  /** The first day of the time before; it ends before `from`. */
  before: string;
  from: string;
  /** Counted. */
  to: string;
}

export interface LineQuery {
  ownerIds: readonly string[];
  /** First and last day, both counted. */
  from: string;
  to: string;
  /** At most so many for each owner, the newest. */
  limit: number;
}

/** What sums and advice are made from: lines of this bank and of connected outside accounts together. */
export interface HistoryStore {
  /** What went out and came in by category, currency and month; own money under way did neither. */
  sumFlows(query: FlowQuery): Promise<Flow[]>;
  /** Each owner's lines, oldest first. */
  readLines(query: LineQuery): Promise<Map<string, HistoryLine[]>>;
  /** Each owner's accounts, oldest first, and connected outside accounts with a balance. */
  readSources(ownerIds: readonly string[]): Promise<Map<string, Source[]>>;
}

export function createHistoryStore(db: Queryable): HistoryStore {
  return {
    sumFlows: (query) => sumFlows(db, query),
    readLines: (query) => readLines(db, query),
    readSources: (ownerIds) => readSources(db, ownerIds),
  };
}

async function sumFlows(db: Queryable, { userId, before, from, to }: FlowQuery): Promise<Flow[]> {
  const { rows } = await db.query<{
    category: string;
    currency: string;
    month: string | null;
    out_minor: string;
    in_minor: string;
    out_lines: string;
    in_lines: string;
  }>({
    name: 'insights-sum-flows',
    text: `SELECT category, currency, CASE WHEN day >= $3 THEN to_char(day, 'YYYY-MM') END AS month,
                  coalesce(-sum(amount) FILTER (WHERE amount < 0), 0) AS out_minor,
                  coalesce(sum(amount) FILTER (WHERE amount > 0), 0) AS in_minor,
                  count(*) FILTER (WHERE amount < 0) AS out_lines,
                  count(*) FILTER (WHERE amount > 0) AS in_lines
           FROM (
             SELECT category, currency, amount, (at AT TIME ZONE 'UTC')::date AS day
             FROM movement
             WHERE owner_id = $1 AND NOT own_money
               AND at >= $2::date::timestamp AT TIME ZONE 'UTC' AND at < ($4::date + 1)::timestamp AT TIME ZONE 'UTC'
             UNION ALL
             SELECT line.category, line.currency, line.amount, line.booked_on
             FROM external_line AS line LEFT JOIN external_source AS source USING (payment_method_id)
             WHERE line.owner_id = $1 AND NOT line.own_money AND line.booked_on BETWEEN $2 AND $4
               AND source.is_active IS DISTINCT FROM false
           ) AS line
           GROUP BY 1, 2, 3`,
    values: [userId, before, from, to],
  });
  return rows.map(({ category, currency, month, out_minor, in_minor, out_lines, in_lines }) => ({
    category,
    currency,
    month,
    outMinor: BigInt(out_minor),
    inMinor: BigInt(in_minor),
    outLines: Number(out_lines),
    inLines: Number(in_lines),
  }));
}

async function readLines(db: Queryable, { ownerIds, from, to, limit }: LineQuery): Promise<Map<string, HistoryLine[]>> {
  const { rows } = await db.query<{
    owner_id: string;
    kind: HistoryLine['kind'];
    id: string;
    source_id: string;
    currency: string;
    amount: string;
    category: string;
    payee: string;
    label: string;
    own_money: boolean;
    at: Date;
    day: string;
  }>({
    name: 'insights-read-lines',
    text: `SELECT owner_id, line.*
           FROM unnest($1::uuid[]) AS asked (owner_id), LATERAL (
             (SELECT 'posting' AS kind, posting_id AS id, account_id AS source_id, currency, amount, category, payee,
                     coalesce(counterparty, description, '') AS label, own_money, at, (at AT TIME ZONE 'UTC')::date::text AS day
              FROM movement
              WHERE movement.owner_id = asked.owner_id
                AND at >= $2::date::timestamp AT TIME ZONE 'UTC' AND at < ($3::date + 1)::timestamp AT TIME ZONE 'UTC'
              ORDER BY at DESC, posting_id DESC LIMIT $4)
             UNION ALL
             (SELECT 'external', external_transaction_id, payment_method_id, line.currency, amount, category, payee,
                     coalesce(nullif(counterparty, ''), description), own_money,
                     booked_on::timestamp AT TIME ZONE 'UTC', booked_on::text
              FROM external_line AS line LEFT JOIN external_source AS source USING (payment_method_id)
              WHERE line.owner_id = asked.owner_id AND booked_on BETWEEN $2 AND $3
                AND source.is_active IS DISTINCT FROM false
              ORDER BY booked_on DESC, external_transaction_id DESC LIMIT $4)
             ORDER BY at DESC, id DESC LIMIT $4
           ) AS line
           ORDER BY owner_id, at, id`,
    values: [ownerIds, from, to, limit],
  });
  const lines = rows.map(({ owner_id, source_id, amount, own_money, ...line }) => ({
    ownerId: owner_id,
    line: { ...line, sourceId: source_id, amountMinor: BigInt(amount), ownMoney: own_money },
  }));
  return byOwner(lines, ({ line }) => line);
}

async function readSources(db: Queryable, ownerIds: readonly string[]): Promise<Map<string, Source[]>> {
  const { rows } = await db.query<{
    owner_id: string;
    kind: Source['kind'];
    id: string;
    currency: string;
    available: string;
    as_of: Date | null;
  }>({
    name: 'insights-read-sources',
    text: `SELECT owner_id, 'account' AS kind, id, currency, available, changed_at AS as_of, opened_at
           FROM account WHERE owner_id = ANY ($1::uuid[])
           UNION ALL
           SELECT owner_id, 'outside', payment_method_id, currency, balance, coalesce(balance_as_of, seen_at), NULL
           FROM external_source
           WHERE owner_id = ANY ($1::uuid[]) AND is_active AND balance IS NOT NULL AND currency IS NOT NULL
           ORDER BY kind, opened_at NULLS LAST, id`,
    values: [ownerIds],
  });
  const sources = rows.map(({ owner_id, kind, id, currency, available, as_of }) => ({
    ownerId: owner_id,
    source: { kind, id, currency, availableMinor: BigInt(available), asOf: as_of },
  }));
  return byOwner(sources, ({ source }) => source);
}

function byOwner<Row extends { ownerId: string }, Item>(
  rows: readonly Row[],
  itemOf: (row: Row) => Item,
): Map<string, Item[]> {
  const groups = groupBy(rows, ({ ownerId }) => ownerId);
  return new Map([...groups].map(([ownerId, group]) => [ownerId, group.map(itemOf)]));
}
