import type { Queryable } from '../../../platform/db.ts';
import type { TransferId, UserId, WebhookId } from '../../../platform/ids.ts';
import { recordDeliveries } from './delivery-store.ts';
import type { WebhookEventType } from './event-types.ts';

/** An address as it is stored. */
export interface WebhookEndpoint {
  id: WebhookId;
  ownerId: UserId;
  url: string;
  eventTypes: WebhookEventType[];
  isActive: boolean;
  inactiveReason: string | null;
  secretGeneration: number;
  /** When the secret before this one was replaced. */
  rotatedAt: Date | null;
  /** Since when every attempt has failed. */
  failingSince: Date | null;
  createdAt: Date;
}

const COLUMNS = `id, owner_id AS "ownerId", url, event_types AS "eventTypes", is_active AS "isActive",
  inactive_reason AS "inactiveReason", secret_generation AS "secretGeneration", rotated_at AS "rotatedAt", failing_since AS "failingSince",
  created_at AS "createdAt"`;

/** Adds an address unless its owner has `most` already. Two additions at once wait for each other. */
export async function addEndpoint(
  tx: Queryable,
  { id, ownerId, url, eventTypes }: Pick<WebhookEndpoint, 'id' | 'ownerId' | 'url' | 'eventTypes'>,
  most: number,
): Promise<WebhookEndpoint | null> {
  // By the owner, in a space of numbers of its own: nothing else of transfer takes advisory locks of two parts.
  await tx.query({
    name: 'transfer-lock-webhook-owner',
    text: `SELECT pg_advisory_xact_lock(hashtext('webhook_endpoint'), hashtext($1))`,
    values: [ownerId],
  });
  const { rows } = await tx.query<WebhookEndpoint>({
    name: 'transfer-add-webhook-endpoint',
    text: `INSERT INTO webhook_endpoint (id, owner_id, url, event_types)
           SELECT $1, $2, $3, $4 WHERE (SELECT count(*) FROM webhook_endpoint WHERE owner_id = $2 AND deleted_at IS NULL) < $5
           RETURNING ${COLUMNS}`,
    values: [id, ownerId, url, eventTypes, most],
  });
  return rows[0] ?? null;
}

/** An owner's addresses, oldest first. */
export async function listEndpoints(db: Queryable, ownerId: UserId): Promise<WebhookEndpoint[]> {
  const { rows } = await db.query<WebhookEndpoint>({
    name: 'transfer-list-webhook-endpoints',
    text: `SELECT ${COLUMNS} FROM webhook_endpoint WHERE owner_id = $1 AND deleted_at IS NULL ORDER BY id`,
    values: [ownerId],
  });
  return rows;
}

/** What changes about an address; what is undefined stays. */
export interface EndpointChange {
  url?: string;
  eventTypes?: readonly WebhookEventType[];
  isActive?: boolean;
  /** A new secret. */
  rotate?: boolean;
  /** For good. */
  remove?: boolean;
}

/** Changes one of the owner's own; null when there is none. */
export async function changeEndpoint(
  db: Queryable,
  { id, ownerId }: { id: WebhookId; ownerId: UserId },
  { url, eventTypes, isActive, rotate = false, remove = false }: EndpointChange,
): Promise<WebhookEndpoint | null> {
  const active = remove ? false : (isActive ?? null);
  const { rows } = await db.query<WebhookEndpoint>({
    name: 'transfer-change-webhook-endpoint',
    text: `UPDATE webhook_endpoint SET url = coalesce($3, url), event_types = coalesce($4, event_types),
             is_active = coalesce($5, is_active),
             inactive_reason = CASE $5 WHEN true THEN NULL WHEN false THEN $6 ELSE inactive_reason END,
             secret_generation = secret_generation + $7::boolean::integer,
             failing_since = CASE WHEN $5 OR $3::text IS NOT NULL THEN NULL ELSE failing_since END,
             rotated_at = CASE WHEN $7 THEN clock_timestamp() ELSE rotated_at END,
             deleted_at = CASE WHEN $8 THEN clock_timestamp() END
           WHERE id = $1 AND owner_id = $2 AND deleted_at IS NULL RETURNING ${COLUMNS}`,
    values: [id, ownerId, url ?? null, eventTypes ?? null, active, remove ? 'deleted' : 'switched off', rotate, remove],
  });
  return rows[0] ?? null;
}

/** Notes that an attempt arrived: whatever failed before is over. */
export async function noteWorking(db: Queryable, id: WebhookId): Promise<void> {
  await db.query({
    name: 'transfer-note-webhook-endpoint-working',
    text: 'UPDATE webhook_endpoint SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL',
    values: [id],
  });
}

/** Notes that an attempt failed. True when every attempt has, for so many hours. */
export async function noteFailing(db: Queryable, id: WebhookId, hours: number): Promise<boolean> {
  const { rows } = await db.query<{ tooLong: boolean }>({
    name: 'transfer-note-webhook-endpoint-failing',
    text: `WITH noted AS (
             UPDATE webhook_endpoint SET failing_since = clock_timestamp() WHERE id = $1 AND failing_since IS NULL
           )
           SELECT coalesce(failing_since < clock_timestamp() - make_interval(hours => $2), false) AS "tooLong"
           FROM webhook_endpoint WHERE id = $1`,
    values: [id, hours],
  });
  return rows[0]?.tooLong ?? false;
}

/**
 * Nobody answers there any more: switches an address off, with a reason for its owner, and tells those of the owner's other addresses that
 * want to know. Once, however many attempts find it at the same moment. Says whether it was on.
 */
export async function switchOffEndpoint(tx: Queryable, id: WebhookId, reason: string): Promise<boolean> {
  const { rows } = await tx.query<{ ownerId: UserId; url: string; at: Date }>({
    name: 'transfer-switch-off-webhook-endpoint',
    text: `UPDATE webhook_endpoint SET is_active = false, inactive_reason = $2 WHERE id = $1 AND is_active
           RETURNING owner_id AS "ownerId", url, date_trunc('milliseconds', clock_timestamp()) AS at`,
    values: [id, reason],
  });
  const [off] = rows;
  if (!off) return false;
  const others = await activeEndpointsOf(tx, [off.ownerId]);
  const at = off.at.toISOString();
  const data = { endpointId: id, url: off.url, reason, at };
  const type = 'WEBHOOK_SWITCHED_OFF' satisfies WebhookEventType;
  const told = others.filter(({ eventTypes }) => eventTypes.includes(type));
  const eventId = `${id}:off:${off.at.getTime()}`;
  await recordDeliveries(tx, told.map((other) => ({ endpointId: other.id, eventId, type, data, at }))); // prettier-ignore
  return true;
}

/** The active addresses of some owners. */
export async function activeEndpointsOf(
  db: Queryable,
  ownerIds: readonly UserId[],
): Promise<Pick<WebhookEndpoint, 'id' | 'ownerId' | 'eventTypes' | 'createdAt'>[]> {
  const { rows } = await db.query<Pick<WebhookEndpoint, 'id' | 'ownerId' | 'eventTypes' | 'createdAt'>>({
    name: 'transfer-active-webhook-endpoints',
    text: `SELECT id, owner_id AS "ownerId", event_types AS "eventTypes", created_at AS "createdAt"
           FROM webhook_endpoint WHERE owner_id = ANY ($1::uuid[]) AND is_active`,
    values: [ownerIds],
  });
  return rows;
}

/** Those of the transfers that an owner of an active address is an end of. */
export async function transfersWithEndpoints(db: Queryable, ids: readonly TransferId[]): Promise<TransferId[]> {
  const { rows } = await db.query<{ id: TransferId }>({
    name: 'transfer-with-webhook-endpoints',
    text: `SELECT t.id FROM transfer t WHERE t.id = ANY ($1::uuid[]) AND EXISTS (
             SELECT FROM webhook_endpoint e WHERE e.is_active AND e.owner_id IN (t.source_owner_id, t.destination_owner_id))`,
    values: [ids],
  });
  return rows.map(({ id }) => id);
}
