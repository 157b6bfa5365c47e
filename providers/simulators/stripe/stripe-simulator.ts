import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { BodyAborted, BodyTooLarge, readBody, sendJson } from '../../../platform/http-json.ts';
import { answerControl } from './controls.ts';
import { answerRequest } from './answer-request.ts';
import { invalidRequest, StripeError } from './answers.ts';
import { createDisturbances, type Disturbance, type Effect } from './disturbances.ts';
import { parseForm, type Form } from './form.ts';
import { settlePayment } from './payment-intents.ts';
import { startPayouts } from './run-payouts.ts';
import { openStore, type Store } from './store.ts';
import { startWebhooks } from './webhooks.ts';

export interface StripeSimulatorOptions {
  /** Where everything it knows is kept. */
  file: string;
  /** The key that its callers have to show. */
  secretKey: string;
  host?: string;
  /** 0, the default, is any free port. */
  port?: number;
  /** How far its search lags behind, as Stripe's does by seconds. */
  searchLagMs?: number;
  /** What its webhooks are signed with; none are sent without it. */
  webhookSecret?: string;
  /** Between two steps that a payout takes by itself: pending, in transit, paid. */
  payoutStepMs?: number;
}

/** One attempt to take money from a card. */
export interface SimulatedCharge {
  id: string;
  paymentIntent: string;
  /** From the metadata; null for a charge that says nothing of a transfer. */
  transferId: string | null;
  /** In Stripe's units. */
  amount: number;
  currency: string;
  status: 'succeeded' | 'pending' | 'failed';
  failureCode: string | null;
}

/** One attempt to pay out. */
export interface SimulatedPayout {
  id: string;
  /** From the metadata; null for one that says nothing of a transfer. */
  transferId: string | null;
  /** In Stripe's units. */
  amount: number;
  currency: string;
  status: 'pending' | 'in_transit' | 'paid' | 'failed' | 'canceled';
  failureCode: string | null;
}

/** One giving back of a charge, in part or whole. */
export interface SimulatedRefund {
  id: string;
  paymentIntent: string;
  /** From the metadata; null for one that says nothing of a transfer. */
  transferId: string | null;
  /** In Stripe's units. */
  amount: number;
  status: 'pending' | 'requires_action' | 'succeeded' | 'failed' | 'canceled';
}

/** A Stripe of our own, on loopback, for people and tests without an account at Stripe. */
export interface StripeSimulator {
  /** http://127.0.0.1:port */
  url: string;
  /** Every attempt to take money so far, newest first. */
  charges(): SimulatedCharge[];
  /** Every payout so far, newest first. */
  payouts(): SimulatedPayout[];
  /** Every refund so far, newest first. */
  refunds(): SimulatedRefund[];
  /** Makes something go wrong, until it was met often enough or is calmed. */
  disturb(disturbance: Disturbance): void;
  calm(): void;
  /** How many requests a disturbance makes wait. */
  waiting(): number;
  /** The issuer's late word about a payment that is "processing". False when there is no such payment. */
  settle(paymentIntent: string, succeeds: boolean): Promise<boolean>;
  /** What becomes of a payout, at once: also of one that was paid and now fails. False when there is no such payout. */
  settlePayout(payout: string, succeeds: boolean): Promise<boolean>;
  /** The same of a refund. */
  settleRefund(refund: string, succeeds: boolean): Promise<boolean>;
  /** Where its webhooks go from now on; null, as at first, keeps them back. */
  sendWebhooksTo(url: string | null): void;
  /** Stops answering at once; what was answered is on the disk. */
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 64 * 1024;
const SEARCH_LAG_MS = 5_000;
const PAYOUT_STEP_MS = 500;

/** Opens the simulator on its file and listens. */
export async function startStripeSimulator(options: StripeSimulatorOptions): Promise<StripeSimulator> {
  const { file, secretKey, host = '127.0.0.1', port = 0, searchLagMs = SEARCH_LAG_MS } = options;
  const { payoutStepMs = PAYOUT_STEP_MS } = options;
  const store = await openStore(file);
  const disturbances = createDisturbances();
  const inFlight = new Set<string>();
  const webhooks = startWebhooks(store, options.webhookSecret);
  const payouts = startPayouts(store, payoutStepMs);

  const simulator: Omit<StripeSimulator, 'url'> = {
    charges: () => chargesOf(store),
    payouts: () => payoutsOf(store),
    refunds: () => refundsOf(store),
    disturb: (disturbance) => disturbances.add(disturbance),
    calm: () => disturbances.calm(),
    waiting: () => disturbances.waiting,
    async settle(id, succeeds) {
      const intent = store.get('payment_intent', id);
      const charge = intent?.latest_charge ? store.get('charge', intent.latest_charge) : undefined;
      if (!intent || !charge || intent.status !== 'processing') return false;
      await store.commit(settlePayment(intent, charge, succeeds));
      return true;
    },
    settlePayout: (id, succeeds) => payouts.settle(id, succeeds),
    settleRefund: (id, succeeds) => payouts.settleRefund(id, succeeds),
    sendWebhooksTo: (url) => webhooks.sendTo(url),
    async close() {
      await webhooks.close();
      await payouts.close();
      server.close();
      server.closeAllConnections();
      disturbances.calm();
      await store.close();
    },
  };

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { method = 'GET', url = '/' } = request;
    const [path = '/', query = ''] = url.split('?');
    authorize(request, secretKey);
    const text = method === 'GET' ? query : await readBody(request, MAX_BODY_BYTES);
    if (path.startsWith('/simulator/')) return answerControl(simulator, { method, path, text }, response);
    const disturbance = disturbances.take(`${method} ${path}`);
    const effect: Effect | undefined = disturbance?.effect;
    const at = (wait: Effect, drop: Effect) => async () => {
      if (effect === wait) await disturbances.wait(disturbance!.delayMs);
      if (effect === drop) request.socket.destroy();
      if (request.socket.destroyed && effect === drop) throw new BodyAborted();
    };
    if (effect === 'UNAVAILABLE')
      throw new StripeError(503, { type: 'api_error', message: 'Stripe is having trouble.' });
    if (effect === 'RATE_LIMITED') throw invalidRequest('Too many requests', { code: 'rate_limit' }, 429);
    const requestId = newRequestId();
    const { status, body, headers } = await answerRequest(
      { method, path, form: readForm(request, text), idempotencyKey: keyOf(request), requestId },
      {
        store,
        inFlight,
        searchLagMs,
        payoutStepMs,
        holdsPayments: effect === 'PROCESSING',
        before: at('WAIT_BEFORE', 'DROP_BEFORE'),
        after: at('WAIT_AFTER', 'DROP_AFTER'),
      },
    );
    sendJson(response, status, body, { 'request-id': requestId, ...headers });
  };

  const server: Server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => answerError(response, error));
  });
  // Not `once(server, …)` alone: a port that is taken must not leave the file open.
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    await webhooks.close();
    await payouts.close();
    await store.close();
    throw error;
  }
  // An address of TCP, since it listens on a host and a port.
  const address = server.address() as { port: number };
  return { ...simulator, url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}` };
}

function chargesOf(store: Store): SimulatedCharge[] {
  return store.list('charge').map(({ id, payment_intent, amount, currency, status, failure_code, metadata }) => ({
    id,
    paymentIntent: payment_intent,
    transferId: metadata['transfer_id'] ?? null,
    amount,
    currency,
    status,
    failureCode: failure_code,
  }));
}

function payoutsOf(store: Store): SimulatedPayout[] {
  return store.list('payout').map(({ id, amount, currency, status, failure_code: failureCode, metadata }) => ({
    id,
    transferId: metadata['transfer_id'] ?? null,
    amount,
    currency,
    status,
    failureCode,
  }));
}

function refundsOf(store: Store): SimulatedRefund[] {
  return store.list('refund').map(({ id, payment_intent, amount, status, metadata }) => ({
    id,
    paymentIntent: payment_intent,
    transferId: metadata['transfer_id'] ?? null,
    amount,
    status,
  }));
}

/** Refuses whoever does not show the key. Says of a wrong one no more than Stripe does. */
function authorize({ headers }: IncomingMessage, secretKey: string): void {
  const given = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1];
  if (given === undefined) {
    throw new StripeError(401, { type: 'invalid_request_error', message: 'You did not provide an API key.' });
  }
  const digest = (text: string) => createHash('sha256').update(text).digest();
  if (timingSafeEqual(digest(given), digest(secretKey))) return;
  const masked = `${given.slice(0, 8)}****${given.slice(-4)}`;
  throw new StripeError(401, { type: 'invalid_request_error', message: `Invalid API Key provided: ${masked}` });
}

function readForm(request: IncomingMessage, text: string): Form {
  const type = request.headers['content-type'] ?? '';
  if (request.method === 'POST' && text !== '' && !type.startsWith('application/x-www-form-urlencoded')) {
    throw invalidRequest('Request bodies are sent as application/x-www-form-urlencoded.');
  }
  const form = parseForm(text);
  if (!form) throw invalidRequest('The parameters could not be read.');
  return form;
}

function keyOf({ headers }: IncomingMessage): string | undefined {
  const key = headers['idempotency-key'];
  return typeof key === 'string' ? key : undefined;
}

function newRequestId(): string {
  return `req_${randomBytes(7).toString('hex')}`;
}

function answerError(response: ServerResponse, error: unknown): void {
  const headers = { 'request-id': newRequestId() };
  if (error instanceof StripeError) return sendJson(response, error.status, { error: error.fault }, headers);
  // The connection is gone, by the client's wish or a disturbance.
  if (error instanceof BodyAborted) return;
  if (error instanceof BodyTooLarge) {
    const fault = { type: 'invalid_request_error', message: 'The request is too large.' };
    return sendJson(response, 413, { error: fault }, headers);
  }
  // The file cannot be written, or a bug: as with Stripe, the caller is left in the dark.
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`The Stripe simulator failed: ${message}\n`);
  sendJson(response, 500, { error: { type: 'api_error', message: 'An unknown error occurred.' } }, headers);
}
