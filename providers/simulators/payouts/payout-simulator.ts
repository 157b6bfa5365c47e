import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { BodyAborted, BodyTooLarge, readBody, sendJson } from '../../../platform/http-json.ts';
import { createWebhookSender } from '../webhook-sender.ts';
import { openBook, type Book, type PayoutRecord } from './book.ts';
import { answerControl } from './controls.ts';
import { createDisturbances, type Disturbance } from './disturbances.ts';

/** One request with its key checked and its body read. */
export interface WireRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  /** Undefined where there is none, or none that is JSON. */
  json: unknown;
}

export interface WireAnswer {
  status: number;
  body: object;
  /** Of a payout that was taken just now: it is not answered at all, or with an error. */
  instead?: 'NEVER' | 'ERROR' | undefined;
}

/** A provider's own form of requests, answers and webhooks. */
export interface Wire {
  /** For people. */
  title: string;
  /** Does not wait: two requests never meet halfway. */
  answer(request: WireRequest, book: Book): WireAnswer;
  /** The body of an answer with a status that says no. */
  fault(status: number, message: string): object;
  /** What is told of a payout that has a new status; null: nothing. */
  webhookOf(record: PayoutRecord): { id: string; body: string } | null;
  /** Whether it gives back what it took for a payout that came back. */
  givesChargeBack: boolean;
  /** What proves that a webhook is from it. */
  webhookHeaders(body: string): Record<string, string>;
}

export interface PayoutSimulatorOptions {
  /** Where everything it knows is kept. */
  file: string;
  /** The key that its callers have to show. */
  secretKey: string;
  host?: string;
  /** 0, the default, is any free port. */
  port?: number;
  /** How long a payout usually takes. */
  delayMs?: number;
  /** Between the first two attempts to deliver a webhook. */
  webhookPauseMs?: number;
  /** The time, in milliseconds since 1970, for what has to have happened on another day. */
  now?: () => number;
}

/** A provider of payouts of our own, on loopback. */
export interface PayoutSimulator {
  /** http://127.0.0.1:port */
  url: string;
  /** Every payout that was ever taken, newest first. */
  payouts(): PayoutRecord[];
  /** Makes something go wrong, until it was met often enough or is calmed. */
  disturb(disturbance: Disturbance): void;
  calm(): void;
  /** How many requests wait, for a disturbance or by the fate of their payout. */
  waiting(): number;
  /** What becomes of a payout, at once. False for one that is not there, or of which that cannot become. */
  settle(reference: string, status: 'SUCCEEDED' | 'FAILED' | 'REVERSED'): Promise<boolean>;
  /** Puts money of the bank's own into its account there. */
  topUp(currency: string, amountMinor: bigint): Promise<void>;
  /** Where its webhooks go from now on; null, as at first, keeps them back. */
  sendWebhooksTo: (url: string | null) => void;
  /** Stops answering at once; what was answered is on the disk. */
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 64 * 1024;
const DELAY_MS = 1_000;

/** Opens a simulator on its file and listens. */
export async function startPayoutSimulator(wire: Wire, options: PayoutSimulatorOptions): Promise<PayoutSimulator> {
  const { file, secretKey, host = '127.0.0.1', port = 0, delayMs = DELAY_MS, webhookPauseMs, now } = options;
  const { givesChargeBack } = wire;
  const webhookOf = (record: PayoutRecord) => wire.webhookOf(record);
  const book = await openBook({ file, delayMs, webhookOf, givesChargeBack, ...(now && { now }) });
  const disturbances = createDisturbances();
  const webhooks = createWebhookSender({
    headersOf: ({ body }) => wire.webhookHeaders(body),
    onDelivered: ({ id }) => book.delivered(id),
    ...(webhookPauseMs !== undefined && { firstPauseMs: webhookPauseMs }),
  });
  book.followWebhooks((webhook) => webhooks.send(webhook));

  const controlled: Omit<PayoutSimulator, 'url' | 'close'> = {
    payouts: () => book.list(),
    disturb: (disturbance) => disturbances.add(disturbance),
    calm: () => disturbances.calm(),
    waiting: () => disturbances.waiting,
    settle: (reference, status) => book.settle(reference, status),
    topUp: (currency, amountMinor) => book.topUp(currency, amountMinor),
    sendWebhooksTo: (url) => webhooks.sendTo(url),
  };
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    if (!isKey(request.headers.authorization, secretKey)) {
      return sendJson(response, 401, wire.fault(401, 'Invalid key'));
    }
    const read = await readRequest(request);
    if (read.path.startsWith('/simulator/')) return answerControl(controlled, read, response);
    await answerDisturbed({ wire, book, disturbances, read, request, response });
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => answerError(wire, response, error));
  });
  const close = async () => {
    server.close();
    server.closeAllConnections();
    disturbances.calm();
    await webhooks.close();
    await book.close();
  };
  // Not `once(server, …)` alone: a port that is taken must not leave the file open.
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    await close();
    throw error;
  }
  // An address of TCP, since it listens on a host and a port.
  const address = server.address() as { port: number };
  return { ...controlled, close, url: `http://${host}:${address.port}` };
}

interface Exchange {
  wire: Wire;
  book: Book;
  disturbances: ReturnType<typeof createDisturbances>;
  read: WireRequest;
  request: IncomingMessage;
  response: ServerResponse;
}

/** Answers as the provider does, with whatever goes wrong on the way. */
async function answerDisturbed({ wire, book, disturbances, read, request, response }: Exchange): Promise<void> {
  const disturbance = disturbances.take(`${read.method} ${read.path}`);
  const drop = () => {
    request.socket.destroy();
    throw new BodyAborted();
  };
  const sendFault = (status: number, message: string) =>
    sendJson(response, status, wire.fault(status, message), { 'retry-after': '1' });
  const effect = disturbance?.effect;
  if (effect === 'UNAVAILABLE') return sendFault(503, 'Service unavailable');
  if (effect === 'RATE_LIMITED') return sendFault(429, 'Too many requests');
  if (effect === 'ERROR_BEFORE') return sendFault(500, 'An error occurred');
  if (effect === 'WAIT_BEFORE') await disturbances.wait(disturbance?.delayMs);
  if (effect === 'DROP_BEFORE') return drop();
  const { status, body, instead } = wire.answer(read, book);
  await book.settled();
  if (effect === 'WAIT_AFTER') await disturbances.wait(disturbance?.delayMs);
  if (effect === 'DROP_AFTER') return drop();
  if (effect === 'GARBLED') {
    response.writeHead(200, { 'content-type': 'text/html' });
    return void response.end('<html><body>Gateway</body></html>');
  }
  if (effect === 'ERROR_AFTER') return sendFault(500, 'An error occurred');
  if (instead === 'ERROR') return sendFault(500, 'An error occurred');
  if (instead === 'NEVER') {
    await disturbances.wait();
    return drop();
  }
  sendJson(response, status, body);
}

async function readRequest(request: IncomingMessage): Promise<WireRequest> {
  const { method = 'GET', url = '/' } = request;
  const [path = '/', query = ''] = url.split('?');
  const text = method === 'GET' ? '' : await readBody(request, MAX_BODY_BYTES);
  let json: unknown;
  try {
    json = text === '' ? undefined : JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { method, path, query: new URLSearchParams(query), json };
}

function isKey(authorization: string | undefined, secretKey: string): boolean {
  const given = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1];
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return given !== undefined && timingSafeEqual(digest(given), digest(secretKey));
}

function answerError(wire: Wire, response: ServerResponse, error: unknown): void {
  // The connection is gone, by the client's wish or a disturbance.
  if (error instanceof BodyAborted) return;
  if (error instanceof BodyTooLarge) return sendJson(response, 413, wire.fault(413, 'The request is too large'));
  // The file cannot be written, or a bug: the caller is left in the dark, as with the real one.
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`The ${wire.title} simulator failed: ${message}\n`);
  sendJson(response, 500, wire.fault(500, 'An error occurred'));
}
