import type { Queryable } from '../../platform/db.ts';
import type { AlertId, TransferId, UserId } from '../../platform/ids.ts';
import { POLICY } from '../../platform/policy.ts';
import type { RiskLevel } from '../../platform/questions/assess-transfer.ts';
import { onceInAWhile, type AlertType, type FoundAlert, type Told } from './find-alerts.ts';

/** An alert as it is stored. */
export interface StoredAlert {
  id: AlertId;
  /** Grows in the order in which alerts become visible. */
  number: string;
  userId: UserId;
  transferId: TransferId;
  type: AlertType;
  severity: RiskLevel;
  message: string;
  /** When the transfer was posted. */
  createdAt: Date;
  acknowledgedAt: Date | null;
}

/** An alert to be stored. */
export interface NewAlert extends FoundAlert {
  id: AlertId;
  userId: UserId;
  transferId: TransferId;
  createdAt: string;
}

/** Which part of a customer's alerts is wanted, newest first. */
export interface AlertPage {
  userId: UserId;
  /** Only those with a lower number; null from the newest on. */
  before: string | null;
  limit: number;
}

const COLUMNS = 'id, number, user_id, transfer_id, type, severity, message, created_at, acknowledged_at';

interface AlertRow {
  id: AlertId;
  number: string;
  user_id: UserId;
  transfer_id: TransferId;
  type: AlertType;
  severity: RiskLevel;
  message: string;
  created_at: Date;
  acknowledged_at: Date | null;
}

/** Held until the commit by whoever raises alerts, so that their numbers appear in their order. The number means nothing. */
const RAISING_LOCK = 7_193_004_211;

/**
 * Stores alerts within the listener's transaction and returns those that were: none that was raised for the transfer before, and
 * none of a type of which the customer has been told within the quiet hours around it (so that events handled again raise the
 * same).
 */
export async function raiseAlerts(tx: Queryable, found: readonly NewAlert[]): Promise<NewAlert[]> {
  await tx.query({ name: 'risk-lock-alerts', text: 'SELECT pg_advisory_xact_lock($1)', values: [RAISING_LOCK] });
  const alerts = onceInAWhile(found, await readTold(tx, found));
  if (alerts.length === 0) return [];
  const { rows } = await tx.query<{ id: AlertId }>({
    name: 'risk-raise-alerts',
    text: `INSERT INTO alert (id, user_id, transfer_id, type, severity, message, created_at)
           SELECT id, user_id, transfer_id, type, severity, message, created_at
           FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
             WITH ORDINALITY AS new (id, user_id, transfer_id, type, severity, message, created_at, place)
           ORDER BY place
           ON CONFLICT (transfer_id, type) DO NOTHING
           RETURNING id`,
    values: [
      alerts.map(({ id }) => id),
      alerts.map(({ userId }) => userId),
      alerts.map(({ transferId }) => transferId),
      alerts.map(({ type }) => type),
      alerts.map(({ severity }) => severity),
      alerts.map(({ message }) => message),
      alerts.map(({ createdAt }) => createdAt),
    ],
  });
  const raised = new Set(rows.map(({ id }) => id));
  return alerts.filter(({ id }) => raised.has(id));
}

/** What the customers of these alerts have been told of around their times. */
async function readTold(tx: Queryable, alerts: readonly NewAlert[]): Promise<Told[]> {
  const times = alerts.map(({ createdAt }) => createdAt).sort();
  const { rows } = await tx.query<Pick<AlertRow, 'user_id' | 'type' | 'created_at'>>({
    name: 'risk-read-told',
    text: `SELECT user_id, type, created_at FROM alert
           WHERE user_id = ANY ($1::uuid[]) AND type = ANY ($2::text[])
             AND created_at > $3::timestamptz - make_interval(hours => $5) AND created_at < $4::timestamptz + make_interval(hours => $5)`,
    values: [
      [...new Set(alerts.map(({ userId }) => userId))],
      [...new Set(alerts.map(({ type }) => type))],
      times[0],
      times.at(-1),
      Math.max(...Object.values(POLICY.risk.alerts.quietHours)),
    ],
  });
  return rows.map(({ user_id, type, created_at }) => ({ userId: user_id, type, atMs: created_at.getTime() }));
}

/** The pages asked for, in their order, in one statement. */
export async function readAlertPages(db: Queryable, pages: readonly AlertPage[]): Promise<StoredAlert[][]> {
  const { rows } = await db.query<AlertRow & { page: number }>({
    name: 'risk-read-alert-pages',
    text: `SELECT asked.page::int, found.*
           FROM unnest($1::uuid[], $2::bigint[], $3::int[]) WITH ORDINALITY AS asked (user_id, before, most, page),
             LATERAL (SELECT ${COLUMNS} FROM alert
                      WHERE user_id = asked.user_id AND number < coalesce(asked.before, 9223372036854775807)
                      ORDER BY number DESC LIMIT asked.most) AS found
           ORDER BY asked.page, found.number DESC`,
    values: [pages.map(({ userId }) => userId), pages.map(({ before }) => before), pages.map(({ limit }) => limit)],
  });
  const found = pages.map((): StoredAlert[] => []);
  for (const row of rows) found[row.page - 1]!.push(toAlert(row));
  return found;
}

/** A customer's alerts above a number, oldest first. */
export async function readAlertsAfter(
  db: Queryable,
  { userId, after, limit }: { userId: UserId; after: string; limit: number },
): Promise<StoredAlert[]> {
  const { rows } = await db.query<AlertRow>({
    name: 'risk-read-alerts-after',
    text: `SELECT ${COLUMNS} FROM alert WHERE user_id = $1 AND number > $2 ORDER BY number LIMIT $3`,
    values: [userId, after, limit],
  });
  return rows.map(toAlert);
}

/** The number of one of the customer's alerts, or of the newest for null ("0" while there is none); null for another's. */
export async function readAlertNumber(
  db: Queryable,
  { userId, id }: { userId: UserId; id: AlertId | null },
): Promise<string | null> {
  const { rows } = await db.query<{ number: string | null }>(
    id === null
      ? {
          name: 'risk-read-newest-alert',
          text: 'SELECT coalesce(max(number), 0) AS number FROM alert WHERE user_id = $1',
          values: [userId],
        }
      : {
          name: 'risk-read-alert-number',
          text: 'SELECT number FROM alert WHERE user_id = $1 AND id = $2',
          values: [userId, id],
        },
  );
  return rows[0]?.number ?? null;
}

/** Marks one of the customer's alerts as seen, keeping when that was first; null for another's. */
export async function acknowledgeAlert(
  db: Queryable,
  { userId, id }: { userId: UserId; id: AlertId },
): Promise<StoredAlert | null> {
  const { rows } = await db.query<AlertRow>({
    name: 'risk-acknowledge-alert',
    text: `UPDATE alert SET acknowledged_at = coalesce(acknowledged_at, now()) WHERE user_id = $1 AND id = $2
           RETURNING ${COLUMNS}`,
    values: [userId, id],
  });
  return rows[0] ? toAlert(rows[0]) : null;
}

function toAlert({ id, number, type, severity, message, ...row }: AlertRow): StoredAlert {
  const { user_id: userId, transfer_id: transferId, created_at: createdAt, acknowledged_at: acknowledgedAt } = row;
  return { id, number, userId, transferId, type, severity, message, createdAt, acknowledgedAt };
}
