import { randomUUID } from 'node:crypto';
import type { Queryable } from '../../../platform/db.ts';
import type { ScheduleId, UserId } from '../../../platform/ids.ts';
import type { ClientOrigin } from '../../../platform/viewer.ts';
import type { Preference } from '../../../providers/registry.ts';
import type { EndInput } from '../domain.ts';
import type { OnInsufficientFunds, StandingOrderStatus } from '../generated/resolvers.ts';
import type { StandingOrderParent } from './graph-types.ts';
import type { Occurrence, Schedule } from './occurrences.ts';

/* The table `standing_order`. Whoever changes a row holds its lock first, and takes the occurrences' locks after it. */

interface OrderRow {
  id: ScheduleId;
  user_id: UserId;
  status: StandingOrderStatus;
  source: EndInput;
  destination: EndInput;
  amount: string;
  currency: string;
  description: string | null;
  preference: Preference;
  frequency: Schedule['frequency'];
  first_on: string;
  ends_on: string | null;
  day_of_month: number | null;
  time_zone: string;
  time_of_day: string;
  on_insufficient_funds: OnInsufficientFunds;
  next_number: number;
  next_due_at: Date | null;
  created_at: Date;
}

/** Days as text: as a Date they would be midnight in the process's own time zone. */
const COLUMNS = `id, user_id, status, source, destination, amount, currency, description, preference, frequency,
  first_on::text AS first_on, ends_on::text AS ends_on, day_of_month, time_zone, time_of_day, on_insufficient_funds, next_number,
  next_due_at, created_at`;

function toOrder(row: OrderRow): StandingOrderParent {
  return {
    id: row.id,
    userId: row.user_id,
    status: row.status,
    source: row.source,
    destination: row.destination,
    amount: { amountMinor: BigInt(row.amount), currency: row.currency },
    description: row.description,
    preference: row.preference,
    frequency: row.frequency,
    firstOn: row.first_on,
    endsOn: row.ends_on,
    dayOfMonth: row.day_of_month,
    timeZone: row.time_zone,
    timeOfDay: row.time_of_day,
    onInsufficientFunds: row.on_insufficient_funds,
    nextNumber: row.next_number,
    nextDueAt: row.next_due_at,
    createdAt: row.created_at,
  };
}

/** The mutations that make an order; a key counts for one of them. */
export type OrderMutation = 'createStandingOrder' | 'scheduleTransfer';

/** What names an order before it has an id. */
export interface OrderKey {
  userId: UserId;
  mutation: OrderMutation;
  idempotencyKey: string;
}

/** The database's clock: what is due, and what "today" is, is asked of nobody else. */
export async function databaseNow(db: Queryable): Promise<Date> {
  const { rows } = await db.query<{ now: Date }>({
    name: 'transfer-schedules-now',
    text: 'SELECT clock_timestamp() AS now',
  });
  return rows[0]!.now;
}

/** Lets one transaction at a time make orders of a customer: so that keys and the number of orders are counted right. */
export async function lockOrdersOf(tx: Queryable, userId: UserId): Promise<void> {
  await tx.query({
    name: 'transfer-lock-standing-orders',
    text: `SELECT pg_advisory_xact_lock(hashtextextended('transfer.standing_order:' || $1, 0))`,
    values: [userId],
  });
}

/** The order that a key stands for, with the body of then. */
export async function findOrderByKey(
  db: Queryable,
  { userId, mutation, idempotencyKey }: OrderKey,
): Promise<{ order: StandingOrderParent; bodyHash: Buffer } | null> {
  const { rows } = await db.query<OrderRow & { body_hash: Buffer }>({
    name: 'transfer-find-standing-order-by-key',
    text: `SELECT ${COLUMNS}, body_hash FROM standing_order WHERE user_id = $1 AND mutation = $2 AND idempotency_key = $3`,
    values: [userId, mutation, idempotencyKey],
  });
  const row = rows[0];
  return row ? { order: toOrder(row), bodyHash: row.body_hash } : null;
}

/** How many orders of a customer have not ended. */
export async function countOrders(db: Queryable, userId: UserId): Promise<number> {
  const { rows } = await db.query<{ count: number }>({
    name: 'transfer-count-standing-orders',
    text: `SELECT count(*)::int AS count FROM standing_order WHERE user_id = $1 AND status IN ('ACTIVE', 'PAUSED')`,
    values: [userId],
  });
  return rows[0]!.count;
}

/** An order that is ready to be stored. */
export type NewOrder = Omit<StandingOrderParent, 'status' | 'createdAt' | 'nextNumber' | 'nextDueAt'>;

export async function insertOrder(
  tx: Queryable,
  {
    order,
    key,
    bodyHash,
    origin,
    first,
  }: { order: NewOrder; key: OrderKey; bodyHash: Buffer; origin: ClientOrigin; first: Occurrence },
): Promise<StandingOrderParent> {
  const { rows } = await tx.query<OrderRow>({
    name: 'transfer-insert-standing-order',
    text: `INSERT INTO standing_order (id, user_id, mutation, idempotency_key, body_hash, key_seed, status, source, destination, amount,
             currency, description, preference, frequency, first_on, ends_on, day_of_month, time_zone, time_of_day,
             on_insufficient_funds, next_number, next_due_at, origin)
           VALUES ($1, $2, $3, $4, $5, $6, 'ACTIVE', $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
           RETURNING ${COLUMNS}`,
    values: [
      order.id,
      key.userId,
      key.mutation,
      key.idempotencyKey,
      bodyHash,
      randomUUID(),
      JSON.stringify(order.source),
      JSON.stringify(order.destination),
      order.amount.amountMinor.toString(),
      order.amount.currency,
      order.description,
      order.preference,
      order.frequency,
      order.firstOn,
      order.endsOn,
      order.dayOfMonth,
      order.timeZone,
      order.timeOfDay,
      order.onInsufficientFunds,
      first.number,
      first.dueAt,
      JSON.stringify(origin),
    ],
  });
  return toOrder(rows[0]!);
}

export async function findOrder(db: Queryable, id: ScheduleId): Promise<StandingOrderParent | null> {
  const { rows } = await db.query<OrderRow>({
    name: 'transfer-find-standing-order',
    text: `SELECT ${COLUMNS} FROM standing_order WHERE id = $1`,
    values: [id],
  });
  return rows[0] ? toOrder(rows[0]) : null;
}

/** The same, and nobody else changes it or finds it due until the transaction ends. */
export async function lockOrder(tx: Queryable, id: ScheduleId): Promise<StandingOrderParent | null> {
  const { rows } = await tx.query<OrderRow>({
    name: 'transfer-lock-standing-order',
    text: `SELECT ${COLUMNS} FROM standing_order WHERE id = $1 FOR UPDATE`,
    values: [id],
  });
  return rows[0] ? toOrder(rows[0]) : null;
}

/** Newest first. */
export async function listOrders(
  db: Queryable,
  { userId, after, limit }: { userId: UserId; after: ScheduleId | null; limit: number },
): Promise<StandingOrderParent[]> {
  const { rows } = await db.query<OrderRow>({
    name: 'transfer-list-standing-orders',
    text: `SELECT ${COLUMNS} FROM standing_order WHERE user_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
    values: [userId, after, limit],
  });
  return rows.map(toOrder);
}

/** Orders that are due by the database's clock, locked, and what it says; those that somebody else holds are left to them. */
export async function lockDueOrders(
  tx: Queryable,
  limit: number,
): Promise<{ now: Date | null; orders: StandingOrderParent[] }> {
  const { rows } = await tx.query<OrderRow & { now: Date }>({
    name: 'transfer-lock-due-standing-orders',
    text: `SELECT ${COLUMNS}, now() AS now FROM standing_order WHERE next_due_at <= now() ORDER BY next_due_at LIMIT $1
           FOR UPDATE SKIP LOCKED`,
    values: [limit],
  });
  return { now: rows[0]?.now ?? null, orders: rows.map(toOrder) };
}

/** What of a locked order may change; next is null unless it is ACTIVE. */
export interface OrderChange {
  status: StandingOrderStatus;
  nextNumber: number;
  nextDueAt: Date | null;
  amountMinor: bigint;
  endsOn: string | null;
  /** Where it is changed, when that decides how it goes on: risk judges the next run by it. Missing: it stays. */
  origin?: ClientOrigin;
}

export async function changeOrder(
  tx: Queryable,
  order: StandingOrderParent,
  change: Partial<OrderChange>,
): Promise<StandingOrderParent> {
  const changed: OrderChange = { ...order, amountMinor: order.amount.amountMinor, ...change };
  const { rows } = await tx.query<OrderRow>({
    name: 'transfer-change-standing-order',
    text: `UPDATE standing_order SET status = $2, next_number = $3, next_due_at = $4, amount = $5, ends_on = $6,
             origin = coalesce($7, origin) WHERE id = $1
           RETURNING ${COLUMNS}`,
    values: [
      order.id,
      changed.status,
      changed.nextNumber,
      changed.nextDueAt,
      changed.amountMinor.toString(),
      changed.endsOn,
      changed.origin ? JSON.stringify(changed.origin) : null,
    ],
  });
  return toOrder(rows[0]!);
}
