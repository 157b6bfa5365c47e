import type { Queryable } from '../../platform/db.ts';
import { groupBy } from '../../platform/group-by.ts';
import type { ExternalTransactionId, PaymentMethodId, UserId } from '../../platform/ids.ts';

/** A row of external_transaction. */
export interface StoredExternalTransaction {
  id: ExternalTransactionId;
  /** Of its payment method. */
  currency: string;
  amountMinor: bigint;
  description: string;
  counterparty: string | null;
  /** YYYY-MM-DD. */
  bookedOn: string;
  merchantCategory: string | null;
}

/** A line to be added. */
export interface NewExternalTransaction extends Omit<StoredExternalTransaction, 'currency'> {
  /** A SHA-256, in hexadecimal digits. */
  identity: string;
}

/** Adds the lines that are not there yet, and says which those were. */
export async function insertExternalTransactions(
  tx: Queryable,
  paymentMethodId: PaymentMethodId,
  lines: readonly NewExternalTransaction[],
): Promise<ReadonlySet<ExternalTransactionId>> {
  const { rows } = await tx.query<{ id: ExternalTransactionId }>({
    name: 'wallet-insert-external-transactions',
    text: `INSERT INTO external_transaction
             (payment_method_id, id, identity, amount, description, counterparty, booked_on, merchant_category)
           SELECT $1, id, decode(identity, 'hex'), amount, description, counterparty, booked_on, merchant_category
           FROM unnest($2::uuid[], $3::text[], $4::numeric[], $5::text[], $6::text[], $7::date[], $8::text[])
             AS line (id, identity, amount, description, counterparty, booked_on, merchant_category)
           ON CONFLICT (payment_method_id, identity) DO NOTHING
           RETURNING id`,
    values: [
      paymentMethodId,
      lines.map(({ id }) => id),
      lines.map(({ identity }) => identity),
      lines.map(({ amountMinor }) => String(amountMinor)),
      lines.map(({ description }) => description),
      lines.map(({ counterparty }) => counterparty),
      lines.map(({ bookedOn }) => bookedOn),
      lines.map(({ merchantCategory }) => merchantCategory),
    ],
  });
  return new Set(rows.map(({ id }) => id));
}

type LineRow = Omit<StoredExternalTransaction, 'amountMinor'> & { amount: string };

const LINE = `line.id, method.currency, line.amount, line.description, line.counterparty,
  to_char(line.booked_on, 'YYYY-MM-DD') AS "bookedOn", line.merchant_category AS "merchantCategory"`;

/** Lines by id, each with whose it is; what does not exist is missing. */
export async function externalTransactionsByIds(
  db: Queryable,
  ids: readonly ExternalTransactionId[],
): Promise<ReadonlyMap<ExternalTransactionId, StoredExternalTransaction & { ownerId: UserId }>> {
  const { rows } = await db.query<LineRow & { ownerId: UserId }>({
    name: 'wallet-external-transactions-by-ids',
    text: `SELECT ${LINE}, method.owner_id AS "ownerId"
           FROM external_transaction line JOIN payment_method method ON method.id = line.payment_method_id
           WHERE line.id = ANY ($1::uuid[])`,
    values: [ids],
  });
  return new Map(rows.map(({ amount, ...row }) => [row.id, { ...row, amountMinor: BigInt(amount) }]));
}

/** Which lines of a payment method: those older than `before`. */
export interface ExternalTransactionsPage {
  paymentMethodId: PaymentMethodId;
  before: { bookedOn: string; id: ExternalTransactionId } | null;
  limit: number;
}

/** Pages of payment methods' lines, newest first, in the order asked for: one statement however many. */
export async function externalTransactionPages(
  db: Queryable,
  pages: readonly ExternalTransactionsPage[],
): Promise<StoredExternalTransaction[][]> {
  const { rows } = await db.query<LineRow & { place: string }>({
    name: 'wallet-external-transaction-pages',
    text: `SELECT page.place, line.*
           FROM unnest($1::uuid[], $2::date[], $3::uuid[], $4::integer[])
             WITH ORDINALITY AS page (payment_method_id, before_day, before_id, size, place)
           CROSS JOIN LATERAL (
             SELECT ${LINE}
             FROM external_transaction line JOIN payment_method method ON method.id = line.payment_method_id
             WHERE line.payment_method_id = page.payment_method_id
               AND (page.before_day IS NULL OR (line.booked_on, line.id) < (page.before_day, page.before_id))
             ORDER BY line.booked_on DESC, line.id DESC LIMIT page.size
           ) AS line
           ORDER BY page.place, line."bookedOn" DESC, line.id DESC`,
    values: [
      pages.map(({ paymentMethodId }) => paymentMethodId),
      pages.map(({ before }) => before?.bookedOn ?? null),
      pages.map(({ before }) => before?.id ?? null),
      pages.map(({ limit }) => limit),
    ],
  });
  const found = groupBy(rows, ({ place }) => Number(place));
  return pages.map((_page, index) =>
    (found.get(index + 1) ?? []).map(({ amount, ...row }) => ({ ...row, amountMinor: BigInt(amount) })),
  );
}
