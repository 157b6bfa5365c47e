import type { Queryable } from '../../platform/db.ts';
import type { PaymentMethodType } from '../../platform/events.ts';
import { groupBy } from '../../platform/group-by.ts';
import type { PaymentMethodId, UserId } from '../../platform/ids.ts';

/** A row of payment_method. */
export interface StoredPaymentMethod {
  id: PaymentMethodId;
  ownerId: UserId;
  type: PaymentMethodType;
  provider: string;
  /** A keyed hash of what makes the source the same one. */
  identity: Buffer;
  label: string;
  /** True while the label is made from what the source says; false when the customer gave it. */
  labelIsMade: boolean;
  /** What the provider knows it by; null where nothing can be charged. */
  reference: string | null;
  /** Of the outside account; null for what has none. */
  currency: string | null;
  /** As last seen, at `balanceAsOf`. */
  balanceMinor: bigint | null;
  balanceAsOf: Date | null;
  /** The moment up to which the newest statement tells. */
  seenAsOf: Date | null;
  lastSync: Date | null;
  /** How many external transactions it has. */
  lines: number;
  isActive: boolean;
  createdAt: Date;
  /**
   * The moment of its last change, given by the database under the row's lock and later than the one before: the order in which
   * others may apply what they hear of it, however far the clocks of processes and databases are apart.
   */
  changedAt: Date;
}

/** What its writers do not decide. */
type WithoutStamp = Omit<StoredPaymentMethod, 'changedAt'>;

type MethodRow = Omit<StoredPaymentMethod, 'balanceMinor'> & { balance: string | null };

const METHOD = `id, owner_id AS "ownerId", type, provider, identity, label, label_is_made AS "labelIsMade", reference,
  currency, balance, balance_as_of AS "balanceAsOf", seen_as_of AS "seenAsOf", last_sync AS "lastSync", lines, is_active AS "isActive",
  created_at AS "createdAt", changed_at AS "changedAt"`;

/** Of a change to a locked row. Events carry milliseconds, so that two changes are a millisecond apart at least. */
const NEXT_STAMP = `greatest(changed_at + interval '1 millisecond', date_trunc('milliseconds', clock_timestamp()))`;

/**
 * Locks what all of a customer's links meet at, until the transaction ends, and says how many payment methods there are. Taken
 * before any payment method's own lock.
 */
export async function lockHolder(tx: Queryable, ownerId: UserId): Promise<number> {
  const { rows } = await tx.query<{ count: number }>({
    name: 'wallet-lock-payment-method-holder',
    text: `INSERT INTO payment_method_holder AS holder (owner_id, payment_methods) VALUES ($1, 0)
           ON CONFLICT (owner_id) DO UPDATE SET payment_methods = holder.payment_methods
           RETURNING payment_methods AS count`,
    values: [ownerId],
  });
  return rows[0]!.count;
}

/** What names one customer's one payment method. */
type Identity = Pick<StoredPaymentMethod, 'ownerId' | 'provider' | 'identity'>;

const BY_IDENTITY = `SELECT ${METHOD} FROM payment_method WHERE owner_id = $1 AND provider = $2 AND identity = $3`;

/** A customer's payment method by what makes it the same one. */
export async function findByIdentity(
  db: Queryable,
  { ownerId, provider, identity }: Identity,
): Promise<StoredPaymentMethod | null> {
  const { rows } = await db.query<MethodRow>({
    name: 'wallet-payment-method-by-identity',
    text: BY_IDENTITY,
    values: [ownerId, provider, identity],
  });
  return rows[0] ? toMethod(rows[0]) : null;
}

/** The same, locked until the transaction ends. */
export async function lockByIdentity(
  tx: Queryable,
  { ownerId, provider, identity }: Identity,
): Promise<StoredPaymentMethod | null> {
  const { rows } = await tx.query<MethodRow>({
    name: 'wallet-lock-payment-method-by-identity',
    text: `${BY_IDENTITY} FOR UPDATE`,
    values: [ownerId, provider, identity],
  });
  return rows[0] ? toMethod(rows[0]) : null;
}

/** A customer's own payment method, locked until the transaction ends; null when it is not theirs or does not exist. */
export async function lockPaymentMethod(
  tx: Queryable,
  ownerId: UserId,
  id: PaymentMethodId,
): Promise<StoredPaymentMethod | null> {
  const { rows } = await tx.query<MethodRow>({
    name: 'wallet-lock-payment-method',
    text: `SELECT ${METHOD} FROM payment_method WHERE id = $1 AND owner_id = $2 FOR UPDATE`,
    values: [id, ownerId],
  });
  return rows[0] ? toMethod(rows[0]) : null;
}

/** Adds a payment method and counts it; the holder is locked. Returns it with its moment. */
export async function insertPaymentMethod(tx: Queryable, method: WithoutStamp): Promise<StoredPaymentMethod> {
  const { id, ownerId, type, provider, identity, label, labelIsMade, reference, currency, lastSync, createdAt } =
    method;
  const { rows } = await tx.query<{ changedAt: Date }>({
    name: 'wallet-insert-payment-method',
    text: `WITH counted AS (
             UPDATE payment_method_holder SET payment_methods = payment_methods + 1 WHERE owner_id = $2)
           INSERT INTO payment_method (id, owner_id, type, provider, identity, label, label_is_made, reference, currency, last_sync, created_at, changed_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, date_trunc('milliseconds', clock_timestamp()))
           RETURNING changed_at AS "changedAt"`,
    values: [id, ownerId, type, provider, identity, label, labelIsMade, reference, currency, lastSync, createdAt],
  });
  return { ...method, changedAt: rows[0]!.changedAt };
}

/** Writes everything of a locked payment method that may change. Returns it with the moment of this change. */
export async function updatePaymentMethod(tx: Queryable, method: StoredPaymentMethod): Promise<StoredPaymentMethod> {
  const { id, label, labelIsMade, reference, balanceMinor, balanceAsOf, seenAsOf, lastSync, lines, isActive } = method;
  const { rows } = await tx.query<{ changedAt: Date }>({
    name: 'wallet-update-payment-method',
    text: `UPDATE payment_method SET label = $2, reference = $3, balance = $4, balance_as_of = $5, seen_as_of = $6,
             last_sync = $7, lines = $8, is_active = $9, label_is_made = $10, changed_at = ${NEXT_STAMP}
           WHERE id = $1
           RETURNING changed_at AS "changedAt"`,
    values: [
      id,
      label,
      reference,
      balanceMinor === null ? null : String(balanceMinor),
      balanceAsOf,
      seenAsOf,
      lastSync,
      lines,
      isActive,
      labelIsMade,
    ],
  });
  return { ...method, changedAt: rows[0]!.changedAt };
}

/** Disconnected payment methods that their provider still has to forget. */
export async function disconnectedReferences(
  db: Queryable,
  provider: string,
  limit: number,
): Promise<{ id: PaymentMethodId; reference: string }[]> {
  const { rows } = await db.query<{ id: PaymentMethodId; reference: string }>({
    name: 'wallet-disconnected-references',
    text: `SELECT id, reference FROM payment_method
           WHERE provider = $1 AND NOT is_active AND reference IS NOT NULL ORDER BY id LIMIT $2`,
    values: [provider, limit],
  });
  return rows;
}

/** Whether a payment method is disconnected and its provider still has to forget this reference. */
export async function isToBeForgotten(db: Queryable, id: PaymentMethodId, reference: string): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'wallet-is-to-be-forgotten',
    text: 'SELECT FROM payment_method WHERE id = $1 AND reference = $2 AND NOT is_active',
    values: [id, reference],
  });
  return rowCount === 1;
}

/** Notes that the provider has forgotten a disconnected source; one that was linked again meanwhile keeps its reference. */
export async function clearReference(db: Queryable, id: PaymentMethodId, reference: string): Promise<void> {
  await db.query({
    name: 'wallet-clear-reference',
    text: 'UPDATE payment_method SET reference = NULL WHERE id = $1 AND reference = $2 AND NOT is_active',
    values: [id, reference],
  });
}

/** Payment methods by id, whosever they are; what does not exist is missing. */
export async function paymentMethodsByIds(
  db: Queryable,
  ids: readonly PaymentMethodId[],
): Promise<ReadonlyMap<PaymentMethodId, StoredPaymentMethod>> {
  const { rows } = await db.query<MethodRow>({
    name: 'wallet-payment-methods-by-ids',
    text: `SELECT ${METHOD} FROM payment_method WHERE id = ANY ($1::uuid[])`,
    values: [ids],
  });
  return new Map(rows.map((row) => [row.id, toMethod(row)]));
}

/** Which of a person's payment methods. */
export interface PaymentMethodsPage {
  ownerId: UserId;
  after: PaymentMethodId | null;
  limit: number;
}

/** Pages of people's payment methods, oldest first, in the order asked for: one statement however many. */
export async function paymentMethodPages(
  db: Queryable,
  pages: readonly PaymentMethodsPage[],
): Promise<StoredPaymentMethod[][]> {
  const { rows } = await db.query<MethodRow & { place: string }>({
    name: 'wallet-payment-method-pages',
    // Through (SELECT $1) Postgres cannot see how many pages there are, and so keeps one plan in place of planning for every call.
    text: `SELECT page.place, method.*
           FROM unnest((SELECT $1::uuid[]), (SELECT $2::uuid[]), (SELECT $3::integer[]))
             WITH ORDINALITY AS page (owner_id, after, size, place)
           CROSS JOIN LATERAL (
             SELECT ${METHOD} FROM payment_method
             WHERE owner_id = page.owner_id AND (page.after IS NULL OR id > page.after)
             ORDER BY id LIMIT page.size
           ) AS method
           ORDER BY page.place, method.id`,
    values: [pages.map(({ ownerId }) => ownerId), pages.map(({ after }) => after), pages.map(({ limit }) => limit)],
  });
  const found = groupBy(rows, ({ place }) => Number(place));
  return pages.map((_page, index) => (found.get(index + 1) ?? []).map(toMethod));
}

function toMethod({ balance, ...row }: MethodRow): StoredPaymentMethod {
  return { ...row, balanceMinor: balance === null ? null : BigInt(balance) };
}
