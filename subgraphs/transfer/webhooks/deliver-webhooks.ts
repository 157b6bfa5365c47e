import type { Pool } from 'pg';
import { Agent, request, type Dispatcher } from 'undici';
import type { Clock } from '../../../platform/clock.ts';
import type { WebhookId } from '../../../platform/ids.ts';
import type { Logger } from '../../../platform/log.ts';
import {
  ForbiddenAddressError,
  lookupPublic,
  parseOutsideUrl,
  type OutsideAddresses,
} from '../../../platform/outside-address.ts';
import { POLICY } from '../../../platform/policy.ts';
import type { Secrets } from '../../../platform/secrets.ts';
import { noteAttempt, takeDueDeliveries, type AttemptResult, type DueDelivery } from './delivery-store.ts';
import { WEBHOOK_EVENT_TYPES } from './event-types.ts';
import { SIGNATURE_HEADER, signWebhook, webhookSecret } from './signature.ts';
import { deactivateEndpoint } from './webhook-store.ts';

export interface DeliverWebhooksDeps {
  pool: Pool;
  secrets: Secrets;
  clock: Clock;
  log: Logger;
  /** Where events may be posted to. */
  outsideAddresses: OutsideAddresses;
}

/** Posts what is due. */
export interface WebhookSender {
  /** Takes what is due and begins to send it; true when there may be more at once. */
  sendDue(signal: AbortSignal): Promise<boolean>;
  /** Resolves when nothing is under way any more. */
  close(): Promise<void>;
}

/** Deliveries under way at once, and those of one address among them: one that hangs keeps nobody else waiting. */
const MOST_UNDER_WAY = 32;
const MOST_OF_ENDPOINT = 4;
/** For the whole exchange. A lease is longer, so that nobody sends beside an attempt that may still be under way. */
const TIMEOUT_MS = 10_000;
const LEASE_SECONDS = 30;
/** Of an answer nothing is of interest but its status. */
const MAX_ANSWER_BYTES = 64 * 1024;
const GONE = 410;

/** A sender with connections of its own. */
export function createWebhookSender(deps: DeliverWebhooksDeps): WebhookSender {
  const dispatcher = new Agent({
    connect: { timeout: TIMEOUT_MS, ...(deps.outsideAddresses === 'PUBLIC' && { lookup: lookupPublic }) },
    maxResponseSize: MAX_ANSWER_BYTES,
    pipelining: 0,
  });
  const underWay = new Map<Promise<void>, WebhookId>();

  function begin(delivery: DueDelivery, signal: AbortSignal): void {
    const sending: Promise<void> = deliver(deps, dispatcher, delivery, signal)
      .catch((error: unknown) =>
        deps.log.warn({ err: error }, 'what came of a webhook could not be noted; it is sent again'),
      )
      .finally(() => underWay.delete(sending));
    underWay.set(sending, delivery.endpointId);
  }

  return {
    async sendDue(signal) {
      if (underWay.size >= MOST_UNDER_WAY) {
        await Promise.race(underWay.keys());
        return true;
      }
      const due = await takeDueDeliveries(deps.pool, {
        most: MOST_UNDER_WAY - underWay.size,
        perEndpoint: MOST_OF_ENDPOINT,
        busy: countEach([...underWay.values()]),
        leaseSeconds: LEASE_SECONDS,
        rotationHours: POLICY.webhooks.rotationHours,
      });
      for (const delivery of due) begin(delivery, signal);
      return due.length > 0;
    },
    async close() {
      await Promise.all(underWay.keys());
      await dispatcher.destroy();
    },
  };
}

function countEach<Item>(items: readonly Item[]): Map<Item, number> {
  const counts = new Map<Item, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}

async function deliver(
  deps: DeliverWebhooksDeps,
  dispatcher: Dispatcher,
  delivery: DueDelivery,
  signal: AbortSignal,
): Promise<void> {
  const result = await post(deps, dispatcher, delivery, signal);
  // A stopping process has not found out anything: the lease ends by itself.
  if (signal.aborted && !result.delivered) return;
  await noteAttempt(deps.pool, delivery, result);
  if (result.status === GONE) await deactivateEndpoint(deps.pool, delivery.endpointId, 'answered 410 Gone');
  if (!result.delivered && result.retryInSeconds === null) {
    const { endpointId, eventId, attempts } = delivery;
    deps.log.warn({ endpointId, eventId, attempts, reason: result.error }, 'a webhook was given up');
  }
}

async function post(
  { secrets, clock, outsideAddresses }: DeliverWebhooksDeps,
  dispatcher: Dispatcher,
  delivery: DueDelivery,
  signal: AbortSignal,
): Promise<AttemptResult> {
  const { endpointId, eventId, attempts, type, secretGeneration, rotatedLately } = delivery;
  const failed = (status: number | null, error: string): AttemptResult => ({
    delivered: false,
    status,
    error,
    retryInSeconds: POLICY.webhooks.retrySeconds[attempts - 1] ?? null,
  });
  const url = parseOutsideUrl(delivery.url, outsideAddresses);
  if (!url) return failed(null, 'not an address that may be called');
  const body = bodyOf(delivery);
  const generations = rotatedLately ? [secretGeneration, secretGeneration - 1] : [secretGeneration];
  const signing = generations.map((generation) => webhookSecret(secrets, endpointId, generation));
  try {
    const answer = await request(url, {
      method: 'POST',
      body,
      dispatcher,
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'user-agent': 'DwayBank-Webhooks/1',
        'dwaybank-event-id': eventId,
        'dwaybank-event-type': WEBHOOK_EVENT_TYPES[type],
        'dwaybank-attempt': String(attempts),
        [SIGNATURE_HEADER]: signWebhook(signing, body, clock.now()),
      },
    });
    await answer.body.dump();
    const status = answer.statusCode;
    return status >= 200 && status < 300 ? { delivered: true, status } : failed(status, `answered ${status}`);
  } catch (error) {
    return failed(null, describe(error));
  }
}

/** For its owner to read: what went wrong, and nothing of the bank's own network. */
function describe(error: unknown): string {
  if (error instanceof ForbiddenAddressError) return 'not an address on the internet';
  const { code, name } = error as { code?: string; name?: string };
  return name === 'TimeoutError' || name === 'AbortError'
    ? 'no answer within 10 seconds'
    : (code ?? 'the connection failed');
}

/** The body as it is posted; the same at every attempt. */
export function bodyOf({ eventId, type, at, data }: Pick<DueDelivery, 'eventId' | 'type' | 'at' | 'data'>): string {
  return JSON.stringify({ id: eventId, type: WEBHOOK_EVENT_TYPES[type], createdAt: at.toISOString(), data });
}
