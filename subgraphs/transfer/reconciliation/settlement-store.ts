import type { Queryable } from '../../../platform/db.ts';
import type { TransferId, UserId } from '../../../platform/ids.ts';
import type { SettlementLine, SettlementReport } from '../../../providers/settlement/settlement-report.ts';
import type { Item, Match } from './match-lines.ts';

/** An account of ours with a provider. */
export interface SettlementAccount {
  provider: string;
  currency: string;
}

/** One import at a time for an account: what it matches, no other may. Held until the end of the transaction. */
export async function lockAccount(tx: Queryable, { provider, currency }: SettlementAccount): Promise<void> {
  await tx.query({
    name: 'transfer-lock-settlement',
    text: `SELECT pg_advisory_xact_lock(hashtext('settlement'), hashtext($1 || ' ' || $2))`,
    values: [provider, currency],
  });
}

/** The last day that any report of an account goes to; null when there is none yet. */
export async function lastDayTold(tx: Queryable, { provider, currency }: SettlementAccount): Promise<string | null> {
  const { rows } = await tx.query<{ day: string | null }>({
    name: 'transfer-last-settlement-day',
    text: `SELECT to_char(max(to_day), 'YYYY-MM-DD') AS day FROM settlement_report WHERE provider = $1 AND currency = $2`,
    values: [provider, currency],
  });
  return rows[0]!.day;
}

/** Stores a report; false when the same was imported before. `importedBy` null: the bank itself. */
export async function storeReport(
  tx: Queryable,
  { provider, currency }: SettlementAccount,
  report: SettlementReport,
  { id, contentHash, importedBy }: { id: string; contentHash: Buffer; importedBy: UserId | null },
): Promise<{ id: string; isNew: boolean }> {
  const added = await tx.query<{ id: string }>({
    name: 'transfer-store-settlement-report',
    text: `INSERT INTO settlement_report (id, provider, currency, from_day, to_day, opening, closing, content_hash, imported_by)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING id`,
    values: [
      id,
      provider,
      currency,
      report.from,
      report.to,
      report.openingMinor?.toString() ?? null,
      report.closingMinor?.toString() ?? null,
      contentHash,
      importedBy,
    ],
  });
  if (added.rows[0]) return { id, isNew: true };
  const { rows } = await tx.query<{ id: string }>({
    name: 'transfer-find-settlement-report',
    text: 'SELECT id FROM settlement_report WHERE provider = $1 AND currency = $2 AND content_hash = $3',
    values: [provider, currency, contentHash],
  });
  return { id: rows[0]!.id, isNew: false };
}

/** Stores lines that are not known yet. `changed`: the first that an earlier report told with another day, amount or key. */
export async function storeLines(
  tx: Queryable,
  { provider, currency }: SettlementAccount,
  reportId: string,
  lines: readonly SettlementLine[],
): Promise<{ added: number; changed: string | null }> {
  const columns = [
    lines.map(({ id }) => id),
    lines.map(({ bookedOn }) => bookedOn),
    lines.map(({ amountMinor }) => amountMinor.toString()),
    lines.map(({ reference }) => reference),
    lines.map(({ kind }) => kind),
    lines.map(({ description }) => description),
  ];
  const known = await tx.query<{ line_id: string }>({
    name: 'transfer-changed-settlement-line',
    text: `SELECT l.line_id FROM settlement_line l
           JOIN unnest($3::text[], $4::date[], $5::numeric[], $6::text[], $7::text[]) AS new (id, booked_on, amount, reference, kind)
             ON l.provider = $1 AND l.currency = $2 AND l.line_id = new.id
           WHERE (l.booked_on, l.amount, l.reference, l.kind) IS DISTINCT FROM (new.booked_on, new.amount, new.reference, new.kind) LIMIT 1`,
    values: [provider, currency, ...columns.slice(0, 5)],
  });
  if (known.rows[0]) return { added: 0, changed: known.rows[0].line_id };
  const { rowCount } = await tx.query({
    name: 'transfer-store-settlement-lines',
    text: `INSERT INTO settlement_line (provider, currency, report_id, line_id, booked_on, amount, reference, kind, description)
           SELECT $1, $2, $3, * FROM unnest($4::text[], $5::date[], $6::numeric[], $7::text[], $8::text[], $9::text[]) ON CONFLICT DO NOTHING`,
    values: [provider, currency, reportId, ...columns],
  });
  return { added: rowCount ?? 0, changed: null };
}

/** A line of theirs, with the transfer that it names. */
export interface Line extends Item {
  /** Null where it names none of this bank's. */
  transferId: TransferId | null;
  /** The transfer has not ended: the books follow. */
  underWay: boolean;
}

/**
 * Their lines that are in no match. What the bank books because of one line alone goes by that line's name, as the booking does
 * (booking-store.ts).
 */
export async function openLines(tx: Queryable, { provider, currency }: SettlementAccount): Promise<Line[]> {
  const { rows } = await tx.query<ItemRow & Pick<Line, 'transferId' | 'underWay'>>({
    name: 'transfer-open-settlement-lines',
    text: `SELECT l.line_id AS id, l.amount::text, to_char(l.booked_on, 'YYYY-MM-DD') AS "bookedOn",
             ${SUBJECT_OF_LINE} AS reference, t.id AS "transferId", coalesce(NOT has_ended(t.status), false) AS "underWay"
           FROM settlement_line l LEFT JOIN transfer t ON t.id = l.reference::uuid
           WHERE l.provider = $1 AND l.currency = $2 AND l.match_id IS NULL ORDER BY l.booked_on, l.line_id`,
    values: [provider, currency],
  });
  return rows.map(({ transferId, underWay, ...row }) => ({ ...toItem(row), transferId, underWay }));
}

/** What a line is about: our key, or, where it is no payment and carries none, the line itself. An SQL expression over settlement_line l. */
export const SUBJECT_OF_LINE = `coalesce(l.reference, CASE WHEN l.kind <> 'PAYMENT' THEN 'line ' || l.line_id END)`;

/** A movement of ours, with the transfer behind it. */
export interface Movement extends Item {
  transferId: TransferId | null;
}

/**
 * Our movements that are in no match, with the sign of the statement: what leaves the settlement account arrives with the provider. One
 * account's postings are found by reading them all, which an index on the hottest table would save this daily work at the cost of every payment.
 */
export async function openMovements(tx: Queryable, { provider, currency }: SettlementAccount): Promise<Movement[]> {
  const { rows } = await tx.query<ItemRow & { transferId: TransferId | null }>({
    name: 'transfer-open-settlement-movements',
    text: `SELECT p.id, (-p.amount)::text AS amount, to_char(p.at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS "bookedOn",
             coalesce(replace(e.transfer_id::text, '-', ''), b.subject) AS reference, e.transfer_id AS "transferId"
           FROM ledger.account a JOIN ledger.posting p ON p.account_id = a.id JOIN ledger.entry e ON e.id = p.entry_id
           LEFT JOIN settlement_booking b ON b.entry_id = e.id
           WHERE a.owner_id IS NULL AND a.kind = 'SETTLEMENT' AND a.provider = $1 AND a.currency = $2
             AND NOT EXISTS (SELECT FROM settlement_movement m WHERE m.posting_id = p.id)
           ORDER BY p.id`,
    values: [provider, currency],
  });
  return rows.map(({ transferId, ...row }) => ({ ...toItem(row), transferId }));
}

interface ItemRow {
  id: string;
  amount: string;
  bookedOn: string;
  reference: string | null;
}

function toItem({ id, amount, bookedOn, reference }: ItemRow): Item {
  return { id, amountMinor: BigInt(amount), bookedOn, reference };
}

/** Stores matches; each line and movement can be in one only, by the database's own word. */
export async function storeMatches(
  tx: Queryable,
  { provider, currency }: SettlementAccount,
  matches: readonly (Match & { id: string; amountMinor: bigint })[],
): Promise<void> {
  await tx.query({
    name: 'transfer-store-settlement-matches',
    text: `INSERT INTO settlement_match (id, provider, currency, rule, amount)
           SELECT id, $1, $2, rule, amount FROM unnest($3::uuid[], $4::text[], $5::numeric[]) AS new (id, rule, amount)`,
    values: [
      provider,
      currency,
      matches.map(({ id }) => id),
      matches.map(({ rule }) => rule),
      matches.map(({ amountMinor }) => amountMinor.toString()),
    ],
  });
  const lines = matches.flatMap(({ id, lines: ids }) => ids.map((line) => [id, line] as const));
  await tx.query({
    name: 'transfer-match-settlement-lines',
    text: `UPDATE settlement_line l SET match_id = new.match_id FROM unnest($3::uuid[], $4::text[]) AS new (match_id, line_id)
           WHERE l.provider = $1 AND l.currency = $2 AND l.line_id = new.line_id`,
    values: [provider, currency, lines.map(([id]) => id), lines.map(([, line]) => line)],
  });
  const movements = matches.flatMap(({ id, movements: ids }) => ids.map((posting) => [id, posting] as const));
  await tx.query({
    name: 'transfer-match-settlement-movements',
    text: `INSERT INTO settlement_movement (match_id, posting_id) SELECT * FROM unnest($1::uuid[], $2::uuid[])`,
    values: [movements.map(([id]) => id), movements.map(([, posting]) => posting)],
  });
}
