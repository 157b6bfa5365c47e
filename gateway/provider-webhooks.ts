import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GraphQLError } from 'graphql';
import { codedError, notFound } from '../platform/graph-errors.ts';
import { BodyAborted, BodyTooLarge, readBytes, sendJson } from '../platform/http-json.ts';
import type { Logger } from '../platform/log.ts';
import type { ReceiveNoticeAnswer, ReceiveNoticeQuestion } from '../platform/questions/receive-notice.ts';
import type { SubgraphTransport } from '../platform/subgraph.ts';
import { REQUEST_ID_HEADER, requestIdOf } from './client-request.ts';

/*
 * /webhooks/<provider>: what providers tell on their own. The gateway only carries it: the bytes go to transfer as they came, and
 * the provider hears whether they were stored. A provider sends again whatever was not answered with 2xx.
 */

export const WEBHOOKS_PATH = '/webhooks/';

/** Far more than any provider sends. */
const MAX_BODY_BYTES = 256 * 1024;
/** Providers give up after 5 to 30 seconds and send again. */
const DEADLINE_MS = 5_000;
const PROVIDER = /^[a-z]{2,20}$/;
/** They are about the bank's own clients, and no business of a provider's proof. */
const NOT_HANDED_ON = new Set(['authorization', 'cookie', 'x-device-id']);

export interface ProviderWebhookDeps {
  transfer: Pick<SubgraphTransport, 'ask'>;
  log: Logger;
}

/** Answers one request below /webhooks/. */
export async function answerProviderWebhook(
  { transfer, log }: ProviderWebhookDeps,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const requestId = requestIdOf(request.headers);
  response.setHeader(REQUEST_ID_HEADER, requestId);
  const refuse = (status: number, error: GraphQLError, headers: Record<string, string> = {}): void => {
    const { message, extensions } = error;
    sendJson(response, status, { errors: [{ message, extensions: { ...extensions, requestId } }] }, headers);
  };
  const provider = (request.url ?? '').slice(WEBHOOKS_PATH.length).split('?')[0]!;
  if (!PROVIDER.test(provider)) return refuse(404, notFound('No such path.'));
  if (request.method !== 'POST') {
    return refuse(405, codedError('METHOD_NOT_ALLOWED', 'Use POST.'), { allow: 'POST' });
  }
  try {
    const body = await readBytes(request, MAX_BODY_BYTES);
    const question: ReceiveNoticeQuestion = { provider, headers: headersOf(request), body: body.toString('base64') };
    // The answer is transfer's own word, in this process or over a signed call.
    const { outcome } = (await transfer.ask(
      'receive-notice',
      question,
      AbortSignal.timeout(DEADLINE_MS),
    )) as ReceiveNoticeAnswer;
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
  } catch (error) {
    if (error instanceof BodyAborted) return;
    if (error instanceof BodyTooLarge) {
      return refuse(413, codedError('PAYLOAD_TOO_LARGE', `At most ${MAX_BODY_BYTES} bytes are taken.`));
    }
    log.error(
      { err: error, provider, requestId },
      'a webhook of a provider could not be stored; it will be sent again',
    );
    refuse(503, codedError('SUBGRAPH_UNAVAILABLE', 'It could not be stored just now. Send it again.'));
  }
}

function headersOf(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(request.headers).flatMap(([name, value]): [string, string][] =>
      typeof value === 'string' && !NOT_HANDED_ON.has(name) ? [[name, value]] : [],
    ),
  );
}
