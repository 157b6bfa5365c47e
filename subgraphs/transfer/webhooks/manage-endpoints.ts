import type { Pool } from 'pg';
import { withTransaction } from '../../../platform/db.ts';
import { newId, parseId, type WebhookId } from '../../../platform/ids.ts';
import { parseOutsideUrl, type OutsideAddresses } from '../../../platform/outside-address.ts';
import { POLICY } from '../../../platform/policy.ts';
import { answerRefusals, Refusal, type UserError } from '../../../platform/refusal.ts';
import type { Secrets } from '../../../platform/secrets.ts';
import type { Viewer } from '../../../platform/viewer.ts';
import type { WebhookEventType } from './event-types.ts';
import { replayDeliveries } from './delivery-store.ts';
import { WEBHOOK_REFUSALS, type WebhookRefusal } from './refusals.ts';
import { webhookSecret } from './signature.ts';
import { addEndpoint, changeEndpoint, type EndpointChange, type WebhookEndpoint } from './webhook-store.ts';

/* What owners do with their addresses. Another's is not found. */

export interface ManageEndpointsDeps {
  pool: Pool;
  secrets: Secrets;
  /** What an address may be. */
  outsideAddresses: OutsideAddresses;
}

export interface EndpointAnswer {
  endpoint: WebhookEndpoint | null;
  /** Only when it is new. */
  secret: string | null;
  userErrors: UserError[];
}

const MAX_URL_CHARACTERS = 2000;

function refuse(code: WebhookRefusal, ...field: string[]): Refusal<WebhookRefusal> {
  return new Refusal(code, field.length > 0 ? field : undefined);
}

function answer(operation: () => Promise<Omit<EndpointAnswer, 'userErrors'>>): Promise<EndpointAnswer> {
  return answerRefusals(
    WEBHOOK_REFUSALS,
    async (): Promise<EndpointAnswer> => ({ ...(await operation()), userErrors: [] }),
    (userErrors) => ({ endpoint: null, secret: null, userErrors }),
  );
}

/** Adds an address; its secret is told this once. */
export function createWebhookEndpoint(
  deps: ManageEndpointsDeps,
  viewer: Viewer,
  { url, eventTypes }: { url: string; eventTypes: readonly WebhookEventType[] },
): Promise<EndpointAnswer> {
  return answer(async () => {
    const wanted = {
      id: newId<WebhookId>(),
      ownerId: viewer.userId,
      url: parseUrl(deps, url),
      eventTypes: parseEventTypes(eventTypes),
    };
    const endpoint = await withTransaction(deps.pool, (tx) => addEndpoint(tx, wanted, POLICY.webhooks.mostEndpoints));
    if (!endpoint) throw refuse('TOO_MANY_WEBHOOK_ENDPOINTS');
    return { endpoint, secret: webhookSecret(deps.secrets, endpoint.id, endpoint.secretGeneration) };
  });
}

/** Changes what is given. */
export function updateWebhookEndpoint(
  deps: ManageEndpointsDeps,
  viewer: Viewer,
  input: {
    id: string;
    url?: string | null | undefined;
    eventTypes?: readonly WebhookEventType[] | null | undefined;
    isActive?: boolean | null | undefined;
  },
): Promise<EndpointAnswer> {
  return answer(async () => {
    const change: EndpointChange = {
      ...(typeof input.url === 'string' && { url: parseUrl(deps, input.url) }),
      ...(input.eventTypes && { eventTypes: parseEventTypes(input.eventTypes) }),
      ...(typeof input.isActive === 'boolean' && { isActive: input.isActive }),
    };
    return { endpoint: await changeOwn(deps, viewer, input.id, change), secret: null };
  });
}

/** Gives it a new secret; the one before signs beside it for a while (POLICY.webhooks.rotationHours). */
export function rotateWebhookSecret(deps: ManageEndpointsDeps, viewer: Viewer, id: string): Promise<EndpointAnswer> {
  return answer(async () => {
    const endpoint = await changeOwn(deps, viewer, id, { rotate: true });
    return { endpoint, secret: webhookSecret(deps.secrets, endpoint.id, endpoint.secretGeneration) };
  });
}

/** Ends it for good. */
export function deleteWebhookEndpoint(deps: ManageEndpointsDeps, viewer: Viewer, id: string): Promise<EndpointAnswer> {
  return answer(async () => ({ endpoint: await changeOwn(deps, viewer, id, { remove: true }), secret: null }));
}

/** Sends again what was recorded after an event. */
export function replayWebhooks(
  { pool }: ManageEndpointsDeps,
  viewer: Viewer,
  { endpointId, afterEventId }: { endpointId: string; afterEventId?: string | null | undefined },
): Promise<{ count: number | null; userErrors: UserError[] }> {
  return answerRefusals(
    WEBHOOK_REFUSALS,
    async () => {
      const { id } = await changeOwn({ pool }, viewer, endpointId, {}, 'endpointId');
      // Postgres takes no text with a NUL, and no event has one.
      const unheardOf = afterEventId?.includes('\0') ?? false;
      const after = { endpointId: id, ownerId: viewer.userId, afterEventId: afterEventId ?? null };
      const count = unheardOf ? null : await replayDeliveries(pool, after);
      if (count === null) throw refuse('WEBHOOK_EVENT_NOT_FOUND', 'afterEventId');
      return { count, userErrors: [] };
    },
    (userErrors): { count: number | null; userErrors: UserError[] } => ({ count: null, userErrors }),
  );
}

async function changeOwn(
  { pool }: Pick<ManageEndpointsDeps, 'pool'>,
  viewer: Viewer,
  idText: string,
  change: EndpointChange,
  field = 'id',
): Promise<WebhookEndpoint> {
  const id = parseId<WebhookId>(idText);
  const endpoint = id && (await changeEndpoint(pool, { id, ownerId: viewer.userId }, change));
  if (!endpoint) throw refuse('WEBHOOK_ENDPOINT_NOT_FOUND', field);
  return endpoint;
}

function parseUrl({ outsideAddresses }: ManageEndpointsDeps, text: string): string {
  const url = text.length <= MAX_URL_CHARACTERS ? parseOutsideUrl(text, outsideAddresses) : null;
  if (!url) throw refuse('INVALID_WEBHOOK_URL', 'url');
  return url.href;
}

function parseEventTypes(types: readonly WebhookEventType[]): WebhookEventType[] {
  if (types.length === 0) throw refuse('WEBHOOK_EVENT_TYPES_MISSING', 'eventTypes');
  return [...new Set(types)].sort();
}
