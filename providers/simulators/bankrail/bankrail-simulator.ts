import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { BodyAborted, BodyTooLarge, readBody, sendJson } from '../../../platform/http-json.ts';
import { openBook, type Book } from '../payouts/book.ts';
import { answerControl } from '../payouts/controls.ts';
import { createDisturbances, type Disturbance } from '../payouts/disturbances.ts';
import type { PayoutSimulator } from '../payouts/payout-simulator.ts';
import { createArchive, happeningOf, type Archive } from './archive.ts';
import { fateOf, rejectedFile, type Fate } from './fates.ts';
import { readPaymentFile, RefusedFileError, type GivenFile } from './payment-file.ts';
import type { PaymentFields } from './reports.ts';

export interface BankrailSimulatorOptions {
  /** Where everything it knows is kept. */
  file: string;
  /** The key that its callers have to show. */
  secretKey: string;
  /** The account that is paid from. */
  iban: string;
  host?: string;
  /** 0, the default, is any free port. */
  port?: number;
  /** How long a payment usually takes. */
  delayMs?: number;
  /** The time, in milliseconds since 1970, for what has to have happened on another day. */
  now?: () => number;
}

/** A bank of our own that exchanges files, on loopback. */
export interface BankrailSimulator extends Omit<PayoutSimulator, 'sendWebhooksTo' | 'topUp'> {
  /** A day's statement of one currency (camt.053), as it can be fetched under camt.053-<day>-<currency>.xml. */
  statement(day: string, currency: string): string;
}

const DELAY_MS = 1_000;
const MAX_BODY_BYTES = 1024 * 1024;
const PAGE_SIZE = 100;
const FILE_PATH = /^\/files\/([\w.-]{1,120})$/;
const STATEMENT_NAME = /^camt\.053-(\d{4}-\d{2}-\d{2})-([A-Z]{3})\.xml$/;

interface Answer {
  status: number;
  /** A text is a file. */
  body: object | string;
  /** Of a file that was taken just now: it is not answered at all, or with an error. */
  instead?: Fate['answer'];
}

/** Opens the simulator on its file and listens. */
export async function startBankrailSimulator(options: BankrailSimulatorOptions): Promise<BankrailSimulator> {
  const { file, secretKey, iban, host = '127.0.0.1', port = 0, delayMs = DELAY_MS, now } = options;
  const book = await openBook({ file, delayMs, webhookOf: happeningOf, ...(now && { now }) });
  const archive = createArchive(book, iban);
  // What the book would tell by webhooks lies here as files; it is told again at every start, in the same order.
  book.followWebhooks(({ body }) => archive.happened(body));
  const disturbances = createDisturbances();
  const controlled: Omit<BankrailSimulator, 'url' | 'close'> = {
    payouts: () => book.list(),
    disturb: (disturbance: Disturbance) => disturbances.add(disturbance),
    calm: () => disturbances.calm(),
    waiting: () => disturbances.waiting,
    settle: (reference, status) => book.settle(reference, status),
    statement: (day, currency) => archive.statement(day, currency),
  };

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { method = 'GET', url = '/' } = request;
    const { pathname: path, searchParams: query } = new URL(url, 'http://simulator');
    if (!isKey(request.headers.authorization, secretKey)) return sendFault(response, 401, 'not_known', 'Who are you?');
    const text = method === 'GET' ? '' : await readBody(request, MAX_BODY_BYTES);
    if (path.startsWith('/simulator/')) {
      const json: unknown = text === '' ? undefined : JSON.parse(text);
      return answerControl({ ...controlled, sendWebhooksTo: () => {} }, { method, path, query, json }, response);
    }
    const disturbance = disturbances.take(`${method} ${path}`);
    const effect = disturbance?.effect;
    if (effect === 'UNAVAILABLE') return sendFault(response, 503, 'unavailable', 'Come back later.');
    if (effect === 'RATE_LIMITED') return sendFault(response, 429, 'too_many', 'Come back later.');
    if (effect === 'ERROR_BEFORE') return sendFault(response, 500, 'error', 'Something went wrong.');
    if (effect === 'WAIT_BEFORE') await disturbances.wait(disturbance?.delayMs);
    if (effect === 'DROP_BEFORE') return drop(request);
    const file = method === 'PUT' ? await readGiven(text, iban) : null;
    const { status, body, instead = 'WELL' } = answerFile({ book, archive }, { method, path, query, text, file });
    await book.settled();
    if (effect === 'WAIT_AFTER') await disturbances.wait(disturbance?.delayMs);
    if (instead === 'NEVER') await disturbances.wait();
    if (effect === 'DROP_AFTER' || instead === 'NEVER') return drop(request);
    if (effect === 'ERROR_AFTER' || effect === 'GARBLED' || instead === 'ERROR') {
      return sendFault(response, 500, 'error', 'Something went wrong.');
    }
    if (typeof body === 'object') return sendJson(response, status, body);
    response.writeHead(status, { 'content-type': 'application/xml; charset=utf-8' }).end(body);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => answerError(response, error));
  });
  const close = async () => {
    server.close();
    server.closeAllConnections();
    disturbances.calm();
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

interface Bank {
  book: Book;
  archive: Archive;
}

interface FileRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  text: string;
  /** Of a PUT: what is in the file, or why it is not taken. */
  file: GivenFile | RefusedFileError | null;
}

/** Does not wait: two requests never meet halfway. */
function answerFile(bank: Bank, { method, path, query, text, file: given }: FileRequest): Answer {
  const [, name] = FILE_PATH.exec(path) ?? [];
  if (method === 'GET' && path === '/files') {
    const after = Number(query.get('after') ?? '0');
    if (!Number.isSafeInteger(after) || after < 0) return fault(400, 'bad_cursor', 'There is no such cursor.');
    // What is due by now is put there first.
    bank.book.list();
    return { status: 200, body: bank.archive.list(after, PAGE_SIZE) };
  }
  if (method === 'GET' && name !== undefined) {
    const [, day, currency] = STATEMENT_NAME.exec(name) ?? [];
    if (day !== undefined && currency !== undefined) {
      return { status: 200, body: bank.archive.statement(day, currency) };
    }
    const file = bank.archive.find(name);
    return file === null ? fault(404, 'no_such_file', 'There is no such file.') : { status: 200, body: file };
  }
  if (given && name !== undefined) return takeFile(bank, name, text, given);
  return fault(404, 'no_such_path', 'There is nothing here.');
}

/** Takes a file once. The same file again is the same; another under its name, or with its payments, is refused. */
function takeFile({ book, archive }: Bank, name: string, text: string, file: FileRequest['file'] & object): Answer {
  const known = archive.find(name);
  if (known !== null) {
    return known === text ? { status: 200, body: {} } : fault(409, 'another_file', 'Another file has this name.');
  }
  if (file instanceof RefusedFileError) return fault(422, 'FF01', file.message);
  if (file.payments.some(({ endToEndId }) => book.find(endToEndId))) {
    return fault(409, 'another_file', 'A payment of this file is in another file.');
  }
  let instead: Fate['answer'] = 'WELL';
  for (const payment of file.payments) {
    const fate = file.fault === null ? fateOf(payment.iban) : rejectedFile(file.fault);
    const { endToEndId: reference, currency, amountMinor, ...more } = payment;
    const fields: PaymentFields = { ...more, messageId: file.messageId, fileName: name, file: text };
    book.take({
      reference,
      currency,
      amountMinor: String(amountMinor),
      feeMinor: '0',
      fields: { ...fields },
      steps: fate.steps,
    });
    if (fate.answer !== 'WELL') instead = fate.answer;
  }
  archive.given(name, text);
  return { status: 201, body: {}, instead };
}

async function readGiven(text: string, iban: string): Promise<GivenFile | RefusedFileError> {
  try {
    return await readPaymentFile(text, iban);
  } catch (error) {
    if (error instanceof RefusedFileError) return error;
    throw error;
  }
}

function fault(status: number, code: string, message: string): Answer {
  return { status, body: { code, message } };
}

function sendFault(response: ServerResponse, status: number, code: string, message: string): void {
  sendJson(response, status, { code, message });
}

function drop(request: IncomingMessage): never {
  request.socket.destroy();
  throw new BodyAborted();
}

function isKey(authorization: string | undefined, secretKey: string): boolean {
  const given = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1];
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return given !== undefined && timingSafeEqual(digest(given), digest(secretKey));
}

function answerError(response: ServerResponse, error: unknown): void {
  // The connection is gone, by the client's wish or a disturbance.
  if (error instanceof BodyAborted) return;
  if (error instanceof BodyTooLarge) return sendFault(response, 413, 'FF01', 'The file is too large.');
  // The file cannot be written, or a bug: the caller is left in the dark, as with the real one.
  process.stderr.write(`The bank rail simulator failed: ${error instanceof Error ? error.message : String(error)}\n`);
  sendFault(response, 500, 'error', 'Something went wrong.');
}
