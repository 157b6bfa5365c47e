import type { Queryable } from '../../../platform/db.ts';
import type { TransferId, UserId } from '../../../platform/ids.ts';
import type { SettlementAccount } from './settlement-store.ts';

export type ExceptionKind = 'MISSING_IN_BOOKS' | 'MISSING_AT_PROVIDER' | 'AMOUNT_MISMATCH' | 'CHARGE_DIFFERS';

/** Something that does not fit. */
export interface NewException {
  id: string;
  kind: ExceptionKind;
  subject: string;
  transferId: TransferId | null;
  /** Theirs less ours. */
  amountMinor: bigint;
  bookedOn: string;
  detail: string;
}

/** What was opened and closed. */
export interface ExceptionsChanged {
  opened: number;
  closed: number;
}

/**
 * Makes the open exceptions of an account exactly these: what is new is opened, what is known is brought up to date, what does not hold any
 * more is closed by the match that made it fit. What staff has closed stays closed as long as it is about the same amount.
 */
export async function setExceptions(
  tx: Queryable,
  { provider, currency }: SettlementAccount,
  found: readonly NewException[],
): Promise<ExceptionsChanged> {
  const columns = [
    provider,
    currency,
    found.map(({ kind }) => kind),
    found.map(({ subject }) => subject),
    found.map(({ amountMinor }) => amountMinor.toString()),
    found.map(({ detail }) => detail),
  ];
  const closed = await tx.query({
    name: 'transfer-close-exceptions',
    text: `UPDATE reconciliation_exception x SET closed_at = clock_timestamp(), resolution = 'It fits now.'
           WHERE provider = $1 AND currency = $2 AND closed_at IS NULL AND NOT EXISTS (
             SELECT FROM unnest($3::text[], $4::text[]) AS now (kind, subject) WHERE now.kind = x.kind AND now.subject = x.subject)`,
    values: columns.slice(0, 4),
  });
  await tx.query({
    name: 'transfer-update-exceptions',
    text: `UPDATE reconciliation_exception x SET amount = now.amount, detail = now.detail
           FROM unnest($3::text[], $4::text[], $5::numeric[], $6::text[]) AS now (kind, subject, amount, detail)
           WHERE x.provider = $1 AND x.currency = $2 AND x.closed_at IS NULL AND now.kind = x.kind AND now.subject = x.subject`,
    values: columns,
  });
  const opened = await tx.query({
    name: 'transfer-open-exceptions',
    text: `INSERT INTO reconciliation_exception (provider, currency, kind, subject, amount, detail, id, transfer_id, booked_on)
           SELECT $1, $2, new.kind, new.subject, new.amount, new.detail, new.id, new.transfer_id, new.booked_on
           FROM unnest($3::text[], $4::text[], $5::numeric[], $6::text[], $7::uuid[], $8::uuid[], $9::date[])
             AS new (kind, subject, amount, detail, id, transfer_id, booked_on)
           WHERE NOT EXISTS (
             SELECT FROM reconciliation_exception x WHERE x.provider = $1 AND x.currency = $2 AND x.kind = new.kind
               AND x.subject = new.subject AND (x.closed_at IS NULL OR x.closed_by IS NOT NULL AND x.amount = new.amount))`,
    values: [
      ...columns,
      found.map(({ id }) => id),
      found.map(({ transferId }) => transferId),
      found.map(({ bookedOn }) => bookedOn),
    ],
  });
  return { opened: opened.rowCount ?? 0, closed: closed.rowCount ?? 0 };
}

/** An exception as staff sees it. */
export interface StoredException {
  id: string;
  provider: string;
  currency: string;
  kind: ExceptionKind;
  amount: string;
  bookedOn: string;
  detail: string;
  transferId: TransferId | null;
  openedAt: Date;
  closedAt: Date | null;
  resolution: string | null;
  ageDays: number;
}

const COLUMNS = `id, provider, currency, kind, amount::text, to_char(booked_on, 'YYYY-MM-DD') AS "bookedOn", detail,
  transfer_id AS "transferId", opened_at AS "openedAt", closed_at AS "closedAt", resolution,
  floor(extract(epoch FROM coalesce(closed_at, clock_timestamp()) - opened_at) / 86400)::int AS "ageDays"`;

/** Exceptions, the oldest first. */
export async function listExceptions(
  db: Queryable,
  {
    open,
    provider,
    after,
    limit,
  }: { open: boolean | null; provider: string | null; after: readonly string[] | null; limit: number },
): Promise<StoredException[]> {
  const { rows } = await db.query<StoredException>({
    name: 'transfer-list-exceptions',
    text: `SELECT ${COLUMNS} FROM reconciliation_exception
           WHERE ($1::boolean IS NULL OR (closed_at IS NULL) = $1) AND ($2::text IS NULL OR provider = $2)
             AND ($3::timestamptz IS NULL OR (opened_at, id) > ($3, $4::uuid))
           ORDER BY opened_at, id LIMIT $5`,
    values: [open, provider, after?.[0] ?? null, after?.[1] ?? null, limit],
  });
  return rows;
}

/** Closes an exception by a person; tells which it was, and whether it was open. */
export async function closeException(
  db: Queryable,
  id: string,
  { by, resolution }: { by: UserId; resolution: string },
): Promise<{ exception: StoredException; wasOpen: boolean } | null> {
  const closed = await db.query<StoredException>({
    name: 'transfer-close-exception',
    text: `UPDATE reconciliation_exception SET closed_at = clock_timestamp(), closed_by = $2, resolution = $3
           WHERE id = $1 AND closed_at IS NULL RETURNING ${COLUMNS}`,
    values: [id, by, resolution],
  });
  if (closed.rows[0]) return { exception: closed.rows[0], wasOpen: true };
  const { rows } = await db.query<StoredException>({
    name: 'transfer-find-exception',
    text: `SELECT ${COLUMNS} FROM reconciliation_exception WHERE id = $1`,
    values: [id],
  });
  return rows[0] ? { exception: rows[0], wasOpen: false } : null;
}
