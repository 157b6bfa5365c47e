import { setMaxListeners } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HeaderMap, type ApolloServer, type HTTPGraphQLResponse } from '@apollo/server';
import type { GraphQLError } from 'graphql';
import type { Clock } from '../platform/clock.ts';
import { codedError, codeOf, deadlineExceeded } from '../platform/graph-errors.ts';
import { BodyAborted, BodyTooLarge, readBody, sendJson } from '../platform/http-json.ts';
import type { Logger } from '../platform/log.ts';
import type { Authenticate } from './authenticate.ts';
import { maskClientError } from './client-errors.ts';
import { originOf, REQUEST_ID_HEADER, requestIdOf } from './client-request.ts';
import type { LimitCheck } from './limits.ts';
import type { GatewayContext } from './subgraph-client.ts';

/** The body of a request, counted before anybody parses it. */
export const MAX_BODY_BYTES = 1024 * 1024;
/** How long an operation may take. */
export const OPERATION_DEADLINE_MS = 10_000;

export interface GraphQLHttpDeps {
  server: ApolloServer<GatewayContext>;
  authenticate: Authenticate;
  checkLimits: LimitCheck;
  trustedProxies: number;
  clock: Clock;
  log: Logger;
  deadlineMs?: number;
}

/** A refusal of the request itself, with its HTTP status. */
class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly status: number;
  readonly error: GraphQLError;
  readonly headers: Record<string, string>;

  constructor(status: number, error: GraphQLError, headers: Record<string, string> = {}) {
    super(error.message);
    this.status = status;
    this.error = error;
    this.headers = headers;
  }
}

/**
 * Answers one request to /graphql: who asks, how much, and only then what. Whatever goes wrong, the answer is JSON with a
 * code and the request id.
 */
export async function answerGraphQL(
  deps: GraphQLHttpDeps,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const requestId = requestIdOf(request.headers);
  response.setHeader(REQUEST_ID_HEADER, requestId);
  try {
    checkRequest(request);
    const viewer = await deps.authenticate(request.headers.authorization);
    const { body, search } = await readOperation(deps, request);
    const caller = { viewer, origin: originOf(request, deps.trustedProxies), requestId };
    const answer = await withDeadline(deps.deadlineMs ?? OPERATION_DEADLINE_MS, (signal) =>
      deps.server.executeHTTPGraphQLRequest({
        httpGraphQLRequest: { method: request.method!, headers: headerMap(request), body, search },
        context: () => Promise.resolve({ caller, signal }),
      }),
    );
    sendAnswer(response, answer, requestId);
  } catch (error) {
    if (error instanceof BodyAborted) return;
    sendFailure(deps, response, error, requestId);
  }
}

/** Runs `work` with a signal that aborts, with a coded reason, when its time is over. */
export async function withDeadline<Value>(
  deadlineMs: number,
  work: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const controller = new AbortController();
  // Every call to a subgraph listens, and a wide operation makes many.
  setMaxListeners(0, controller.signal);
  const timer = setTimeout(() => controller.abort(deadlineExceeded()), deadlineMs);
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
  }
}

function checkRequest(request: IncomingMessage): void {
  const { method, headers } = request;
  if (method !== 'POST' && method !== 'GET') {
    throw new RequestError(405, codedError('METHOD_NOT_ALLOWED', 'Use POST, or GET for queries.'), {
      allow: 'GET, POST',
    });
  }
  if (method === 'GET') return;
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  // Also what keeps other sites' forms out: a browser asks before it sends this type across origins.
  if (type !== 'application/json') {
    throw unsupportedMediaType('Send the operation as "content-type: application/json".');
  }
  if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity') {
    throw unsupportedMediaType('Send the body uncompressed.');
  }
}

interface HttpOperation {
  body: unknown;
  search: string;
}

async function readOperation(deps: GraphQLHttpDeps, request: IncomingMessage): Promise<HttpOperation> {
  const url = request.url ?? '';
  const search = url.includes('?') ? url.slice(url.indexOf('?')) : '';
  if (request.method === 'GET') {
    refuseTooMuch(deps, new URLSearchParams(search).get('query'));
    return { body: '', search };
  }
  const body = await readJson(request);
  if (Array.isArray(body)) throw badRequest('Send one operation at a time; a list of them is not taken.');
  if (typeof body !== 'object' || body === null) throw badRequest('The body must be a JSON object with a "query".');
  refuseTooMuch(deps, 'query' in body ? body.query : undefined);
  return { body, search };
}

function badRequest(message: string): RequestError {
  return new RequestError(400, codedError('BAD_REQUEST', message));
}

function unsupportedMediaType(message: string): RequestError {
  return new RequestError(415, codedError('UNSUPPORTED_MEDIA_TYPE', message));
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  try {
    return JSON.parse(await readBody(request, MAX_BODY_BYTES)) as unknown;
  } catch (error) {
    if (error instanceof BodyTooLarge) {
      throw new RequestError(
        413,
        codedError('PAYLOAD_TOO_LARGE', `A request may have at most ${MAX_BODY_BYTES} bytes.`),
      );
    }
    if (error instanceof SyntaxError) throw badRequest('The body is not JSON.');
    throw error;
  }
}

/** A persisted operation named by its hash alone was weighed when it was registered. */
function refuseTooMuch({ checkLimits }: GraphQLHttpDeps, query: unknown): void {
  const excess = typeof query === 'string' && query !== '' ? checkLimits(query) : null;
  if (excess) throw excess;
}

function headerMap(request: IncomingMessage): HeaderMap {
  const headers = new HeaderMap();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  return headers;
}

function sendAnswer(response: ServerResponse, answer: HTTPGraphQLResponse, requestId: string): void {
  if (response.headersSent || response.destroyed) return;
  // Chunked answers belong to @defer and @stream, which this graph has not.
  const text = answer.body.kind === 'complete' ? withRequestId(answer.body.string, answer.status, requestId) : '';
  for (const [name, value] of answer.headers) response.setHeader(name, value);
  response.setHeader('cache-control', 'no-store');
  response.setHeader('content-length', Buffer.byteLength(text));
  response.writeHead(answer.status ?? 200);
  response.end(text);
}

/** Apollo refuses some requests before it knows whose they are; their errors get the request id here. */
function withRequestId(text: string, status: number | undefined, requestId: string): string {
  if (status === undefined || status < 400 || text.includes(`"requestId":"${requestId}"`)) return text;
  const { errors = [] } = JSON.parse(text) as { errors?: { extensions?: Record<string, unknown> }[] };
  return JSON.stringify({
    errors: errors.map((error) => ({ ...error, extensions: { ...error.extensions, requestId } })),
  });
}

function sendFailure({ log }: GraphQLHttpDeps, response: ServerResponse, failure: unknown, requestId: string): void {
  const error = failure instanceof RequestError ? failure.error : failure;
  const masked = maskClientError(error, (cause) => log.error({ err: cause, requestId }, 'a request failed'));
  const errors = [{ ...masked, extensions: { ...masked.extensions, requestId } }];
  if (failure instanceof RequestError) sendJson(response, failure.status, { errors }, failure.headers);
  else sendJson(response, statusOf(codeOf(error)), { errors });
}

function statusOf(code: string | undefined): number {
  switch (code) {
    case undefined:
      return 500;
    case 'UNAUTHENTICATED':
      return 401;
    case 'SUBGRAPH_UNAVAILABLE':
    case 'DEADLINE_EXCEEDED':
      return 503;
    default:
      return 400;
  }
}

/** For whatever is not a GraphQL request at all. */
export function sendNotFound(response: ServerResponse): void {
  sendJson(response, 404, { errors: [codedError('NOT_FOUND', 'Nothing is here. The API is at /graphql.')] });
}
