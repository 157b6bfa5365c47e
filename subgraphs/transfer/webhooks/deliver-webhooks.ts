import type { Pool } from 'pg';
import { Agent, request, type Dispatcher } from 'undici';
import type { Clock } from '../../../platform/clock.ts';
import { withTransaction } from '../../../platform/db.ts';
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
import {
  noteAttempt,
  takeDueDeliveries,
  type AttemptResult,
  type DeliveryBounds,
  type DueDelivery,
} from './delivery-store.ts';
import { WEBHOOK_EVENT_TYPES } from './event-types.ts';
import { SIGNATURE_HEADER, signWebhook, webhookSecret } from './signature.ts';
import { noteFailing, noteWorking, switchOffEndpoint } from './webhook-store.ts';

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

const BOUNDS: DeliveryBounds = { inAll: 128, ofEndpoint: 4, ofOwner: 8, ofFailing: 64 };
/** Until it has answered with a status. A lease is longer, so that nobody sends beside an attempt that may still be under way. */
const TIMEOUT_MS = 10_000;
const LEASE_SECONDS = 30;
/** Of an answer nothing is of interest but its status: the rest is read, so that the connection can be used again, only if that is quick. */
const MAX_ANSWER_BYTES = 64 * 1024;
const REST_TIMEOUT_MS = 500;
const GONE = 410;

/** A sender with connections of its own. */
export function createWebhookSender(deps: DeliverWebhooksDeps): WebhookSender {
  const dispatcher = new Agent({
    connect: { timeout: TIMEOUT_MS, ...(deps.outsideAddresses === 'PUBLIC' && { lookup: lookupPublic }) },
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
      if (underWay.size >= BOUNDS.inAll) {
        await Promise.race(underWay.keys());
        return true;
      }
      const due = await takeDueDeliveries(deps.pool, {
        bounds: BOUNDS,
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
  await noteHealth(deps, delivery, result);
  if (!result.delivered && result.retryInSeconds === null) {
    const { endpointId, eventId, attempts } = delivery;
    deps.log.warn({ endpointId, eventId, attempts, reason: result.error }, 'a webhook was given up');
  }
}

/** What an attempt says of its address: one that never works is switched off after a while, one that is gone at once. */
async function noteHealth(
  { pool, log }: DeliverWebhooksDeps,
  delivery: DueDelivery,
  result: AttemptResult,
): Promise<void> {
  const { endpointId } = delivery;
  if (result.delivered) return noteWorking(pool, endpointId);
  const hours = POLICY.webhooks.switchOffAfterHours;
  const tooLong = await noteFailing(pool, endpointId, hours);
  const reason =
    result.status === GONE ? 'answered 410 Gone' : tooLong ? `every attempt has failed for ${hours} hours` : null;
  if (reason === null) return;
  const off = await withTransaction(pool, (tx) => switchOffEndpoint(tx, endpointId, reason));
  if (off) log.info({ endpointId, reason }, 'an address of webhooks was switched off');
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
    await leaveRest(answer.body);
    const status = answer.statusCode;
    return status >= 200 && status < 300 ? { delivered: true, status } : failed(status, `answered ${status}`);
  } catch (error) {
    return failed(null, describe(error));
  }
}

/** Reads what is left when it is little and there at once; else the connection ends. */
async function leaveRest(body: Dispatcher.ResponseData['body']): Promise<void> {
  await body.dump({ limit: MAX_ANSWER_BYTES, signal: AbortSignal.timeout(REST_TIMEOUT_MS) }).catch(() => {});
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
