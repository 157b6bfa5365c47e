import type { Queryable } from '../../../platform/db.ts';
import type { UserId, WebhookId } from '../../../platform/ids.ts';
import type { WebhookEventType } from './event-types.ts';

/** An event for an endpoint. */
export interface NewDelivery {
  endpointId: WebhookId;
  eventId: string;
  type: WebhookEventType;
  data: object;
  at: string;
}

/** Records events, each once for each endpoint. */
export async function recordDeliveries(tx: Queryable, deliveries: readonly NewDelivery[]): Promise<void> {
  if (deliveries.length === 0) return;
  await tx.query({
    name: 'transfer-record-webhook-deliveries',
    text: `INSERT INTO webhook_delivery (endpoint_id, event_id, type, data, at)
           SELECT endpoint_id, event_id, type, data, at
           FROM unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[], $5::timestamptz[])
             WITH ORDINALITY AS new (endpoint_id, event_id, type, data, at, place)
           ORDER BY place ON CONFLICT (endpoint_id, event_id) DO NOTHING`,
    values: [
      deliveries.map(({ endpointId }) => endpointId),
      deliveries.map(({ eventId }) => eventId),
      deliveries.map(({ type }) => type),
      deliveries.map(({ data }) => JSON.stringify(data)),
      deliveries.map(({ at }) => at),
    ],
  });
}

/** A delivery that somebody has taken to send. */
export interface DueDelivery {
  endpointId: WebhookId;
  eventId: string;
  type: WebhookEventType;
  data: object;
  at: Date;
  /** This one included. */
  attempts: number;
  url: string;
  secretGeneration: number;
  /** True while the secret before signs beside it. */
  rotatedLately: boolean;
}

/**
 * Takes what is due, oldest first, within bounds that keep one who is slow from standing in the way of others (DeliveryBounds); those under
 * way (`busy`) count. What is taken is not due again for `leaseSeconds`: if this process dies over it, another sends it then, and the
 * receiver may get it twice.
 */
export async function takeDueDeliveries(
  db: Queryable,
  { bounds, busy, leaseSeconds, rotationHours }: DueOptions,
): Promise<DueDelivery[]> {
  const { rows } = await db.query<DueDelivery>({
    name: 'transfer-take-webhook-deliveries',
    text: `WITH busy AS MATERIALIZED (
             SELECT e.id, e.owner_id, e.failing_since IS NOT NULL AS failing, given.count
             FROM unnest($1::uuid[], $2::int[]) AS given (id, count) JOIN webhook_endpoint e ON e.id = given.id
           ), candidates AS (
             SELECT e.id, e.owner_id, e.failing_since IS NOT NULL AS failing, d.event_id, d.next_attempt_at, d.seq
             FROM webhook_endpoint e LEFT JOIN busy ON busy.id = e.id CROSS JOIN LATERAL (
               SELECT p.event_id, p.next_attempt_at, p.seq FROM webhook_delivery p
               WHERE p.endpoint_id = e.id AND p.status = 'PENDING' AND p.next_attempt_at <= clock_timestamp()
               ORDER BY p.next_attempt_at, p.seq
               LIMIT greatest(0, CASE WHEN e.failing_since IS NULL THEN $3::int ELSE 1 END - coalesce(busy.count, 0))
             ) d
             WHERE e.is_active
           ), ranked AS (
             SELECT c.*, row_number() OVER (PARTITION BY c.owner_id ORDER BY c.next_attempt_at, c.seq) AS of_owner,
               row_number() OVER (PARTITION BY c.failing ORDER BY c.next_attempt_at, c.seq) AS of_failing
             FROM candidates c
           ), due AS (
             SELECT d.endpoint_id, d.event_id FROM webhook_delivery d
             WHERE d.status = 'PENDING' AND d.next_attempt_at <= clock_timestamp() AND (d.endpoint_id, d.event_id) IN (
               SELECT r.id, r.event_id FROM ranked r
               WHERE r.of_owner <= $4 - (SELECT coalesce(sum(count), 0) FROM busy WHERE busy.owner_id = r.owner_id)
                 AND (NOT r.failing OR r.of_failing <= $5 - (SELECT coalesce(sum(count), 0) FROM busy WHERE busy.failing))
               ORDER BY r.next_attempt_at, r.seq LIMIT greatest(0, $6::int - (SELECT coalesce(sum(count), 0) FROM busy)))
             FOR UPDATE SKIP LOCKED)
           UPDATE webhook_delivery d SET attempts = d.attempts + 1,
             next_attempt_at = clock_timestamp() + make_interval(secs => $7)
           FROM due JOIN webhook_endpoint e ON e.id = due.endpoint_id
           WHERE d.endpoint_id = due.endpoint_id AND d.event_id = due.event_id
           RETURNING d.endpoint_id AS "endpointId", d.event_id AS "eventId", d.type, d.data, d.at, d.attempts, e.url,
             e.secret_generation AS "secretGeneration",
             coalesce(e.rotated_at > clock_timestamp() - make_interval(hours => $8), false) AS "rotatedLately"`,
    values: [
      [...busy.keys()],
      [...busy.values()],
      bounds.ofEndpoint,
      bounds.ofOwner,
      bounds.ofFailing,
      bounds.inAll,
      leaseSeconds,
      rotationHours,
    ],
  });
  return rows;
}

/** How many deliveries one process has under way at once. */
export interface DeliveryBounds {
  inAll: number;
  /** One that hangs keeps nobody else waiting … */
  ofEndpoint: number;
  /** … nor do all of one customer's. */
  ofOwner: number;
  /** All addresses together whose last attempt failed; each of them has one. */
  ofFailing: number;
}

export interface DueOptions {
  bounds: DeliveryBounds;
  /** How many of each address this process has under way. */
  busy: ReadonlyMap<WebhookId, number>;
  leaseSeconds: number;
  rotationHours: number;
}

/** What came of an attempt; `retryInSeconds` null: it is given up. */
export type AttemptResult =
  | { delivered: true; status: number }
  | { delivered: false; status: number | null; error: string; retryInSeconds: number | null };

/** Notes what came of an attempt. An attempt that is not the newest any more (its lease ran out) changes nothing but a delivery. */
export async function noteAttempt(
  db: Queryable,
  { endpointId, eventId, attempts }: Pick<DueDelivery, 'endpointId' | 'eventId' | 'attempts'>,
  result: AttemptResult,
): Promise<void> {
  if (result.delivered) {
    await db.query({
      name: 'transfer-webhook-delivered',
      text: `UPDATE webhook_delivery SET status = 'DELIVERED', last_status = $3, last_error = NULL, delivered_at = clock_timestamp()
             WHERE endpoint_id = $1 AND event_id = $2 AND status = 'PENDING'`,
      values: [endpointId, eventId, result.status],
    });
    return;
  }
  await db.query({
    name: 'transfer-webhook-not-delivered',
    text: `UPDATE webhook_delivery SET status = CASE WHEN $6::integer IS NULL THEN 'FAILED' ELSE status END, last_status = $4,
             last_error = $5, next_attempt_at = clock_timestamp() + make_interval(secs => coalesce($6, 0))
           WHERE endpoint_id = $1 AND event_id = $2 AND status = 'PENDING' AND attempts = $3`,
    values: [endpointId, eventId, attempts, result.status, result.error, result.retryInSeconds],
  });
}

/** A delivery as its owner sees it. */
export interface ShownDelivery {
  eventId: string;
  seq: string;
  type: WebhookEventType;
  data: object;
  at: Date;
  status: 'PENDING' | 'DELIVERED' | 'FAILED';
  attempts: number;
  lastStatus: number | null;
  lastError: string | null;
  nextAttemptAt: Date;
  deliveredAt: Date | null;
}

/** An endpoint's deliveries, newest first. */
export async function listDeliveries(
  db: Queryable,
  {
    endpointId,
    status,
    before,
    limit,
  }: { endpointId: WebhookId; status: string | null; before: string | null; limit: number },
): Promise<ShownDelivery[]> {
  const { rows } = await db.query<ShownDelivery>({
    name: 'transfer-list-webhook-deliveries',
    text: `SELECT event_id AS "eventId", seq::text, type, data, at, status, attempts, last_status AS "lastStatus", last_error AS "lastError",
             next_attempt_at AS "nextAttemptAt", delivered_at AS "deliveredAt"
           FROM webhook_delivery
           WHERE endpoint_id = $1 AND ($2::text IS NULL OR status = $2) AND ($3::bigint IS NULL OR seq < $3)
           ORDER BY seq DESC LIMIT $4`,
    values: [endpointId, status, before, limit],
  });
  return rows;
}

/** Makes everything after an event due again; null when that event was not recorded for the endpoint. */
export async function replayDeliveries(
  db: Queryable,
  { endpointId, afterEventId, ownerId }: { endpointId: WebhookId; afterEventId: string | null; ownerId: UserId },
): Promise<number | null> {
  const { rows } = await db.query<{ known: boolean; replayed: string }>({
    name: 'transfer-replay-webhooks',
    text: `WITH start AS (
             SELECT coalesce((SELECT seq FROM webhook_delivery WHERE endpoint_id = $1 AND event_id = $2),
               CASE WHEN $2::text IS NULL THEN 0 END) AS seq),
           again AS (
             UPDATE webhook_delivery d SET status = 'PENDING', attempts = 0, next_attempt_at = clock_timestamp(), delivered_at = NULL
             FROM start, webhook_endpoint e
             WHERE d.endpoint_id = $1 AND d.seq > start.seq AND e.id = d.endpoint_id AND e.owner_id = $3 RETURNING 1)
           SELECT (SELECT seq FROM start) IS NOT NULL AS known, (SELECT count(*) FROM again) AS replayed`,
    values: [endpointId, afterEventId, ownerId],
  });
  return rows[0]!.known ? Number(rows[0]!.replayed) : null;
}
