import { setMaxListeners } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildSubgraphSchema } from '@apollo/subgraph';
import type { GraphQLResolverMap } from '@apollo/subgraph/dist/schema-helper/resolverMap.js';
import { parse, validate, type ExecutionResult, type GraphQLError } from 'graphql';
import type { Clock } from './clock.ts';
import { codedError, maskError, notFound } from './graph-errors.ts';
import { attachGraphQLSocket, type SocketOptions } from './graphql-socket.ts';
import { BodyTooLarge, readBody, sendJson } from './http-json.ts';
import type { Logger } from './log.ts';
import { scalars } from './scalars.ts';
import { createInProcessTransport } from './subgraph-execution.ts';
import type { ServedSubgraph, Subgraph, SubgraphRequest, SubgraphTransport } from './subgraph.ts';
import { GRAPHQL_PATH, operationText, QUESTIONS_PATH, SOCKET_TEXT, type WireOperation } from './subgraph-wire.ts';
import { CALLER_HEADER, SIGNATURE_HEADER, verifyCall, type Caller } from './viewer.ts';

/** What a subgraph's operations may weigh; entity calls carry many representations, so it is more than what clients may send. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;
const MAX_SOCKETS = 1000;
/** To receive a whole call. */
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 15_000;
/** The gateway keeps its connections; they must not close just as it sends. */
const IDLE_CONNECTION_MS = 60_000;
const MAX_VALIDATED = 1000;

export interface ServeSubgraphDeps {
  /** The text of schema/common.graphql. */
  commonTypeDefs: string;
  log: Logger;
}

/** Builds a subgraph's executable schema and serves it in this process. */
export function serveSubgraph(subgraph: Subgraph, deps: ServeSubgraphDeps): ServedSubgraph {
  const schema = buildSubgraphSchema({
    typeDefs: parse(`${deps.commonTypeDefs}\n${subgraph.typeDefs}`),
    // Apollo types the map by a context of unknown and scalars of unknown; ours are narrower and made for this schema.
    resolvers: { ...subgraph.resolvers, ...scalars } as unknown as GraphQLResolverMap<unknown>,
  });
  return { subgraph, schema, transport: createInProcessTransport(subgraph, schema, deps.log) };
}

export interface ListenOptions {
  port: number;
  host: string;
  /** The key of signed calls; without a right signature nothing is read or done. */
  key: Buffer;
  clock: Clock;
  log: Logger;
}

export interface ListeningSubgraph {
  /** Where it answers, with the port it got. */
  url: string;
  /** Stops listening, gives calls under way a moment, ends streams. */
  close(): Promise<void>;
}

interface Door extends ListenOptions {
  served: ServedSubgraph;
  transport: SubgraphTransport;
  /** Texts that fit the schema: a supergraph newer than this process must not be answered with fields left out. */
  validated: Set<string>;
}

/** Serves a subgraph over signed HTTP (POST /graphql, /questions/<name>, GET /health) and graphql-ws (/graphql). */
export async function listenSubgraph(served: ServedSubgraph, options: ListenOptions): Promise<ListeningSubgraph> {
  const door: Door = { ...options, served, transport: served.transport, validated: new Set() };
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    handle(door, request, response).catch((error: unknown) => {
      const masked = maskError(error, (cause) => options.log.error({ err: cause }, 'a call failed'));
      sendJson(response, 500, { errors: [masked] });
    });
  });
  const sockets = attachGraphQLSocket({
    log: options.log,
    server,
    path: GRAPHQL_PATH,
    maxMessageBytes: MAX_BODY_BYTES,
    maxSockets: MAX_SOCKETS,
    keepAliveMs: KEEP_ALIVE_MS,
    options: socketOptions(door),
  });
  server.keepAliveTimeout = IDLE_CONNECTION_MS;
  await listen(server, options);
  return {
    url: `http://${options.host}:${(server.address() as AddressInfo).port}`,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      await sockets.close();
      await closed;
    },
  };
}

function listen(server: Server, { port, host }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function handle(door: Door, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? '/';
  if (path === '/health') return sendJson(response, 200, { status: 'ok' });
  if (path !== GRAPHQL_PATH && !path.startsWith(QUESTIONS_PATH))
    return refuse(response, 404, notFound('No such path.'));
  if (request.method !== 'POST')
    return refuse(response, 405, codedError('METHOD_NOT_ALLOWED', 'POST is the only method here.'));
  // Whoever does not even claim to have signed is not listened to at all.
  if (!request.headers[SIGNATURE_HEADER] || !request.headers[CALLER_HEADER]) return refuseUnsigned(response);
  let body: string;
  try {
    body = await readBody(request, MAX_BODY_BYTES);
  } catch (error) {
    if (error instanceof BodyTooLarge)
      return refuse(response, 413, codedError('PAYLOAD_TOO_LARGE', 'The call is too large.'));
    throw error;
  }
  const call = { subgraph: door.served.subgraph.name, path, body };
  const caller = verifyCall(door.key, call, request.headers, door.clock.now().getTime());
  if (!caller) return refuseUnsigned(response);
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  response.once('close', () => controller.abort());
  const parsed: unknown = JSON.parse(body);
  if (path === GRAPHQL_PATH) {
    sendJson(response, 200, await answer(door, toRequest(parsed as WireOperation, caller, controller.signal)));
  } else {
    await answerQuestion(door, path.slice(QUESTIONS_PATH.length), parsed, controller.signal, response);
  }
}

function refuse(response: ServerResponse, status: number, error: GraphQLError): void {
  sendJson(response, status, { errors: [error] });
}

function refuseUnsigned(response: ServerResponse): void {
  refuse(response, 401, unsigned());
}

function unsigned(): GraphQLError {
  return codedError('UNSIGNED_CALL', 'Only signed calls are answered here.');
}

function toRequest(operation: WireOperation, caller: Caller, signal: AbortSignal): SubgraphRequest {
  return {
    query: operation.query,
    ...(operation.operationName && { operationName: operation.operationName }),
    variables: operation.variables ?? {},
    caller,
    signal,
  };
}

async function answer(door: Door, request: SubgraphRequest): Promise<ExecutionResult> {
  const faults = checkOperation(door, request.query);
  if (faults.length > 0) return { errors: faults };
  try {
    return await door.transport.execute(request);
  } catch (error) {
    // The caller has gone or its time is over; nobody reads this.
    return { errors: [error as GraphQLError] };
  }
}

function checkOperation(door: Door, query: string): readonly GraphQLError[] {
  if (door.validated.has(query)) return [];
  let faults: readonly GraphQLError[];
  try {
    faults = validate(door.served.schema, parse(query));
  } catch (error) {
    faults = [error as GraphQLError];
  }
  if (faults.length > 0) {
    door.log.error(
      { faults: faults.map(({ message }) => message) },
      'the gateway asked for what this subgraph has not',
    );
    return [codedError('INTERNAL', 'The gateway and this subgraph do not fit together.')];
  }
  if (door.validated.size >= MAX_VALIDATED) door.validated.clear();
  door.validated.add(query);
  return [];
}

async function answerQuestion(
  door: Door,
  question: string,
  body: unknown,
  signal: AbortSignal,
  response: ServerResponse,
): Promise<void> {
  if (!Object.hasOwn(door.served.subgraph.answers, question))
    return refuse(response, 404, notFound('No such question.'));
  sendJson(response, 200, { answer: await door.transport.ask(question, body, signal) });
}

/**
 * A socket is opened by a signed connection_init, and each subscription on it is signed again for its own caller: one
 * socket carries the streams of many callers, and none can be asked for without the key.
 */
function socketOptions(door: Door): SocketOptions {
  const verify = (body: string, headers: unknown): Caller | null =>
    verifyCall(
      door.key,
      { subgraph: door.served.subgraph.name, path: GRAPHQL_PATH, body },
      typeof headers === 'object' && headers !== null ? (headers as Record<string, string>) : {},
      door.clock.now().getTime(),
    );
  return {
    onConnect: (context) => verify(SOCKET_TEXT, context.connectionParams) !== null,
    onSubscribe: (_context, _id, payload) => {
      const caller = verify(operationText(payload), payload.extensions);
      if (!caller) return [unsigned()];
      const faults = checkOperation(door, payload.query);
      if (faults.length > 0) return faults;
      // graphql-ws learns from these what kind of operation it is; the request itself goes the way of every other.
      const request = toRequest(payload, caller, new AbortController().signal);
      return {
        schema: door.served.schema,
        document: parse(payload.query),
        operationName: payload.operationName,
        contextValue: request,
      };
    },
    execute: (args) => answer(door, args.contextValue as SubgraphRequest),
    subscribe: (args) => resultsOf(door.transport, args.contextValue as SubgraphRequest),
  };
}

/** Subgraph events as results: the position travels in the extensions. */
function resultsOf(transport: SubgraphTransport, request: SubgraphRequest): AsyncIterableIterator<ExecutionResult> {
  const events = transport.subscribe(request);
  const results: AsyncIterableIterator<ExecutionResult> = {
    [Symbol.asyncIterator]: () => results,
    next: async () => {
      const next = await events.next();
      if (next.done) return { value: undefined, done: true };
      const { result, position } = next.value;
      return { value: position === undefined ? result : { ...result, extensions: { position } }, done: false };
    },
    return: async () => {
      await events.return?.();
      return { value: undefined, done: true };
    },
  };
  return results;
}
