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

/** Stores a report; false when the same file was imported before. */
export async function storeReport(
  tx: Queryable,
  { provider, currency }: SettlementAccount,
  report: SettlementReport,
  { id, contentHash, importedBy }: { id: string; contentHash: Buffer; importedBy: UserId },
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
    lines.map(({ description }) => description),
  ];
  const known = await tx.query<{ line_id: string }>({
    name: 'transfer-changed-settlement-line',
    text: `SELECT l.line_id FROM settlement_line l
           JOIN unnest($3::text[], $4::date[], $5::numeric[], $6::text[]) AS new (id, booked_on, amount, reference)
             ON l.provider = $1 AND l.currency = $2 AND l.line_id = new.id
           WHERE (l.booked_on, l.amount, l.reference) IS DISTINCT FROM (new.booked_on, new.amount, new.reference) LIMIT 1`,
    values: [provider, currency, ...columns.slice(0, 4)],
  });
  if (known.rows[0]) return { added: 0, changed: known.rows[0].line_id };
  const { rowCount } = await tx.query({
    name: 'transfer-store-settlement-lines',
    text: `INSERT INTO settlement_line (provider, currency, report_id, line_id, booked_on, amount, reference, description)
           SELECT $1, $2, $3, * FROM unnest($4::text[], $5::date[], $6::numeric[], $7::text[], $8::text[]) ON CONFLICT DO NOTHING`,
    values: [provider, currency, reportId, ...columns],
  });
  return { added: rowCount ?? 0, changed: null };
}

/** Their lines that are in no match. */
export async function openLines(tx: Queryable, { provider, currency }: SettlementAccount): Promise<Item[]> {
  const { rows } = await tx.query<ItemRow>({
    name: 'transfer-open-settlement-lines',
    text: `SELECT line_id AS id, amount::text, to_char(booked_on, 'YYYY-MM-DD') AS "bookedOn", reference
           FROM settlement_line WHERE provider = $1 AND currency = $2 AND match_id IS NULL ORDER BY booked_on, line_id`,
    values: [provider, currency],
  });
  return rows.map(toItem);
}

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
             replace(e.transfer_id::text, '-', '') AS reference, e.transfer_id AS "transferId"
           FROM ledger.account a JOIN ledger.posting p ON p.account_id = a.id JOIN ledger.entry e ON e.id = p.entry_id
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

/** What is open up to the end of a day, by the proof's own arithmetic. */
export interface ProofFigures {
  oursMinor: bigint;
  openLinesMinor: bigint;
  openMovementsMinor: bigint;
}

/** The books' side of a proof, and what is open on both sides, at the end of a day (UTC). */
export async function readProofFigures(
  tx: Queryable,
  { provider, currency }: SettlementAccount,
  day: string,
): Promise<ProofFigures> {
  const { rows } = await tx.query<{ ours: string; open_lines: string; open_movements: string }>({
    name: 'transfer-settlement-proof-figures',
    text: `WITH movement AS (
             SELECT p.id, -p.amount AS amount FROM ledger.account a JOIN ledger.posting p ON p.account_id = a.id
             WHERE a.owner_id IS NULL AND a.kind = 'SETTLEMENT' AND a.provider = $1 AND a.currency = $2
               AND p.at < ($3::date + 1)::timestamp AT TIME ZONE 'UTC')
           SELECT (SELECT coalesce(sum(amount), 0) FROM movement)::text AS ours,
             (SELECT coalesce(sum(m.amount), 0) FROM movement m
              WHERE NOT EXISTS (SELECT FROM settlement_movement s WHERE s.posting_id = m.id))::text AS open_movements,
             (SELECT coalesce(sum(amount), 0) FROM settlement_line
              WHERE provider = $1 AND currency = $2 AND match_id IS NULL AND booked_on <= $3)::text AS open_lines`,
    values: [provider, currency, day],
  });
  const { ours, open_lines, open_movements } = rows[0]!;
  return { oursMinor: BigInt(ours), openLinesMinor: BigInt(open_lines), openMovementsMinor: BigInt(open_movements) };
}

/** A proof as it is stored. */
export interface StoredProof extends SettlementAccount, ProofFigures {
  day: string;
  theirsMinor: bigint;
}

/** Stores the proof of a day; a later one of the same day replaces it, because more is known then. */
export async function storeProof(tx: Queryable, proof: StoredProof, reportId: string): Promise<void> {
  const { provider, currency, day, oursMinor, theirsMinor, openLinesMinor, openMovementsMinor } = proof;
  await tx.query({
    name: 'transfer-store-settlement-proof',
    text: `INSERT INTO settlement_proof (provider, currency, day, ours, theirs, open_lines, open_movements, report_id)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
           ON CONFLICT (provider, currency, day) DO UPDATE SET ours = excluded.ours, theirs = excluded.theirs,
             open_lines = excluded.open_lines, open_movements = excluded.open_movements, report_id = excluded.report_id, at = excluded.at`,
    values: [
      ...[provider, currency, day, oursMinor.toString(), theirsMinor.toString()],
      ...[openLinesMinor.toString(), openMovementsMinor.toString(), reportId],
    ],
  });
}

/** Proofs, the newest day first. */
export async function listProofs(
  db: Queryable,
  { provider, before, limit }: { provider: string | null; before: readonly string[] | null; limit: number },
): Promise<StoredProof[]> {
  const { rows } = await db.query<
    Record<'provider' | 'currency' | 'day' | 'ours' | 'theirs' | 'lines' | 'movements', string>
  >({
    name: 'transfer-list-settlement-proofs',
    text: `SELECT provider, currency, to_char(day, 'YYYY-MM-DD') AS day, ours::text, theirs::text, open_lines::text AS lines,
             open_movements::text AS movements
           FROM settlement_proof
           WHERE ($1::text IS NULL OR provider = $1) AND ($2::date IS NULL OR (day, provider, currency) < ($2, $3, $4))
           ORDER BY day DESC, provider DESC, currency DESC LIMIT $5`,
    values: [provider, before?.[0] ?? null, before?.[1] ?? null, before?.[2] ?? null, limit],
  });
  return rows.map(({ ours, theirs, lines, movements, ...row }) => ({
    ...row,
    oursMinor: BigInt(ours),
    theirsMinor: BigInt(theirs),
    openLinesMinor: BigInt(lines),
    openMovementsMinor: BigInt(movements),
  }));
}
