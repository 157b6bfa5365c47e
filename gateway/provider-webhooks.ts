import type { IncomingMessage, ServerResponse } from 'node:http';
import { GraphQLError } from 'graphql';
import { codedError, notFound } from '../platform/graph-errors.ts';
import { BodyAborted, BodyTooLarge, readBytes, sendJson } from '../platform/http-json.ts';
import type { Logger } from '../platform/log.ts';
import type { ReceiveNoticeAnswer, ReceiveNoticeQuestion } from '../platform/questions/receive-notice.ts';
import type { RateLimits } from '../platform/rate-limits.ts';
import type { SubgraphTransport } from '../platform/subgraph.ts';
import { originOf, REQUEST_ID_HEADER, requestIdOf } from './client-request.ts';

/*
 * /webhooks/<provider>: what providers tell on their own. The gateway only carries it: the bytes go to transfer as they came, and
 * the provider hears whether they were stored. A provider sends again whatever was not answered with 2xx.
 *
 * Anybody can post here, so that everything has a bound: how much comes from one address, how much of it may be refused, how many bodies
 * of it are read at once, how large they are and how long they take. What is beyond a bound never reaches transfer.
 */

export const WEBHOOKS_PATH = '/webhooks/';

/** Far more than any provider sends. */
const MAX_BODY_BYTES = 256 * 1024;
/** To send a body of that size; who sends a byte a second is not waited for. */
const BODY_DEADLINE_MS = 5_000;
/** Bodies of one address that are read at the same time. */
const MOST_AT_ONCE = 32;
/** Providers give up after 5 to 30 seconds and send again. */
const DEADLINE_MS = 5_000;
/** What a sender who has sent too much is told to wait. */
const RETRY_AFTER_SECONDS = '60';
const PROVIDER = /^[a-z]{2,20}$/;
/** They are about the bank's own clients, and no business of a provider's proof. */
const NOT_HANDED_ON = new Set(['authorization', 'cookie', 'x-device-id']);

export interface ProviderWebhookDeps {
  transfer: Pick<SubgraphTransport, 'ask'>;
  limits: Pick<RateLimits, 'consume' | 'check' | 'penalize'>;
  trustedProxies: number;
  log: Logger;
  /** For tests; BODY_DEADLINE_MS unless given. */
  bodyDeadlineMs?: number;
}

/** Answers one request below /webhooks/. */
export type ProviderWebhooks = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** The body is too long on its way. */
class BodyTooSlow extends Error {
  override readonly name = 'BodyTooSlow';
}

type Refuse = (status: number, error: GraphQLError, headers?: Record<string, string>) => void;

/** What answers webhooks, with the bounds of each address in mind. */
export function createProviderWebhooks(deps: ProviderWebhookDeps): ProviderWebhooks {
  const { limits, trustedProxies, log } = deps;
  const reading = new Map<string, number>();

  return async (request, response) => {
    const requestId = requestIdOf(request.headers);
    response.setHeader(REQUEST_ID_HEADER, requestId);
    const refuse: Refuse = (status, { message, extensions }, headers = {}) =>
      sendJson(response, status, { errors: [{ message, extensions: { ...extensions, requestId } }] }, headers);
    const provider = (request.url ?? '').slice(WEBHOOKS_PATH.length).split('?')[0]!;
    if (!PROVIDER.test(provider)) return refuse(404, notFound('No such path.'));
    if (request.method !== 'POST') {
      return refuse(405, codedError('METHOD_NOT_ALLOWED', 'Use POST.'), { allow: 'POST' });
    }
    // Each provider's own: one that tells us nothing that is true must not keep another from being heard.
    const sender = `${provider} ${originOf(request, trustedProxies).ip ?? 'unknown'}`;
    try {
      await limits.check('provider-webhook-failure', sender);
      await limits.consume('provider-webhook', sender);
      const body = await readAtMost(reading, sender, () => readBody(request, deps.bodyDeadlineMs ?? BODY_DEADLINE_MS));
      const outcome = await ask(deps, { provider, headers: headersOf(request), body: body.toString('base64') });
      if (outcome !== 'STORED') await limits.penalize('provider-webhook-failure', sender);
      answer(outcome, response, refuse);
    } catch (error) {
      if (error instanceof BodyAborted) return;
      if (error instanceof BodyTooLarge) {
        return refuse(413, codedError('PAYLOAD_TOO_LARGE', `At most ${MAX_BODY_BYTES} bytes are taken.`));
      }
      // Of these two the rest is not read: the connection ends.
      const close = { connection: 'close' };
      if (error instanceof BodyTooSlow) {
        await limits.penalize('provider-webhook-failure', sender);
        return refuse(408, codedError('REQUEST_TIMEOUT', 'The request did not arrive in time.'), close);
      }
      if (error instanceof GraphQLError && error.extensions['code'] === 'RATE_LIMITED') {
        return refuse(429, error, { ...close, 'retry-after': RETRY_AFTER_SECONDS });
      }
      const told = 'a webhook of a provider could not be stored; it will be sent again';
      log.error({ err: error, provider, requestId }, told);
      refuse(503, codedError('SUBGRAPH_UNAVAILABLE', 'It could not be stored just now. Send it again.'));
    }
  };
}

/** Transfer's own word, in this process or over a signed call. */
async function ask(
  { transfer }: Pick<ProviderWebhookDeps, 'transfer'>,
  question: ReceiveNoticeQuestion,
): Promise<ReceiveNoticeAnswer['outcome']> {
  const signal = AbortSignal.timeout(DEADLINE_MS);
  return ((await transfer.ask('receive-notice', question, signal)) as ReceiveNoticeAnswer).outcome;
}

function answer(outcome: ReceiveNoticeAnswer['outcome'], response: ServerResponse, refuse: Refuse): void {
  switch (outcome) {
    case 'STORED':
      return sendJson(response, 200, { received: true });
    case 'UNKNOWN_PROVIDER':
      return refuse(404, notFound('No such path.'));
    case 'BAD_SIGNATURE':
      return refuse(401, codedError('BAD_SIGNATURE', 'This is not signed as it should be, or too old.'));
    case 'MALFORMED':
      return refuse(400, codedError('BAD_REQUEST', 'This cannot be read.'));
  }
}

/** Reads, unless the sender has as much under way as one may have. */
async function readAtMost<Read>(
  reading: Map<string, number>,
  sender: string,
  read: () => Promise<Read>,
): Promise<Read> {
  const before = reading.get(sender) ?? 0;
  if (before >= MOST_AT_ONCE) throw codedError('RATE_LIMITED', 'Too much at once. Send it again in a minute.');
  reading.set(sender, before + 1);
  try {
    return await read();
  } finally {
    const left = reading.get(sender)! - 1;
    if (left > 0) reading.set(sender, left);
    else reading.delete(sender);
  }
}

async function readBody(request: IncomingMessage, deadlineMs: number): Promise<Buffer> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new BodyTooSlow()), deadlineMs);
  });
  try {
    return await Promise.race([readBytes(request, MAX_BODY_BYTES), late]);
  } finally {
    clearTimeout(timer);
  }
}

function headersOf(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(request.headers).flatMap(([name, value]): [string, string][] =>
      typeof value === 'string' && !NOT_HANDED_ON.has(name) ? [[name, value]] : [],
    ),
  );
}
