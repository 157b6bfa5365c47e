import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import type { ApolloServer } from '@apollo/server';
import { GraphQLError, type ExecutionArgs, type ExecutionResult, type FormattedExecutionResult } from 'graphql';
import { CloseCode, type SubscribePayload } from 'graphql-ws';
import type { WebSocket } from 'ws';
import type { Clock } from '../../platform/clock.ts';
import { codedError, unauthenticated } from '../../platform/graph-errors.ts';
import { attachGraphQLSocket, type SocketExtra } from '../../platform/graphql-socket.ts';
import type { Logger } from '../../platform/log.ts';
import type { SubgraphName, SubgraphTransport } from '../../platform/subgraph.ts';
import type { Caller, Viewer } from '../../platform/viewer.ts';
import type { Authenticate } from '../authenticate.ts';
import { checkAnswerSize } from '../answer-size.ts';
import { maskClientError } from '../client-errors.ts';
import { originOf } from '../client-request.ts';
import { MAX_BODY_BYTES, OPERATION_DEADLINE_MS, withDeadline } from '../graphql-http.ts';
import type { LimitCheck } from '../limits.ts';
import type { Sessions } from '../sessions.ts';
import type { GatewayContext } from '../subgraph-client.ts';
import type { Federation } from '../supergraph.ts';
import { openStream, type OpenStreamDeps, type StreamEvent } from './open-stream.ts';
import { coerceVariables, createPrepare, PreparationError, type Prepare, type SubscriptionPlan } from './plan.ts';
import { createSharedStreams, type SharedStreams, type Subscriber } from './share.ts';

export interface SubscriptionsDeps {
  http: Server;
  server: ApolloServer<GatewayContext>;
  federation: Federation;
  transports: Record<SubgraphName, SubgraphTransport>;
  sessions: Pick<Sessions, 'hasEnded' | 'onEnd'>;
  authenticate: Authenticate;
  checkLimits: LimitCheck;
  trustedProxies: number;
  clock: Clock;
  log: Logger;
  deadlineMs?: number;
}

export interface Subscriptions {
  /** How many upstreams are open at the subgraphs. */
  readonly upstreams: number;
  close(): Promise<void>;
}

const MAX_SOCKETS = 10_000;
/** Operations of one socket at the same time. */
const MAX_OPERATIONS = 100;
const KEEP_ALIVE_MS = 15_000;
const INIT_WAIT_MS = 5000;
const SHARE_OPTIONS = { maxWaiting: 256, stallMs: 5000 };

/** Codes of the 4000s are the protocol's for its own; clients of graphql-ws do not come back after this one by themselves. */
const UNAUTHORIZED = CloseCode.Unauthorized;

/** Serves graphql-ws at /graphql of the gateway's HTTP server. */
export function serveSubscriptions(deps: SubscriptionsDeps): Subscriptions {
  const sockets = new WeakMap<WebSocket, OpenSocket>();
  const streams: StreamDeps = {
    ...deps,
    services: deps.federation.services,
    deadlineMs: deps.deadlineMs ?? OPERATION_DEADLINE_MS,
    prepare: createPrepare(),
    shared: createSharedStreams(SHARE_OPTIONS),
  };
  const socket = attachGraphQLSocket({
    log: deps.log,
    server: deps.http,
    path: '/graphql',
    maxMessageBytes: MAX_BODY_BYTES,
    maxSockets: MAX_SOCKETS,
    keepAliveMs: KEEP_ALIVE_MS,
    options: {
      connectionInitWaitTimeout: INIT_WAIT_MS,
      onConnect: async ({ connectionParams, extra }) => {
        const open = await openSocket(deps, connectionParams, extra);
        if (open) sockets.set(extra.socket, open);
        return open !== null;
      },
      onSubscribe: ({ subscriptions, extra }, _id, payload) =>
        begin(streams, sockets.get(extra.socket), Object.keys(subscriptions).length, payload),
      execute: (args) => executeOnce(streams, args.contextValue as SocketOperation),
      subscribe: (args) => follow(streams, args.contextValue as SocketOperation),
      onNext: (_context, _id, _payload, _args, result) => result,
      onError: (_context, _id, _payload, errors) => errors.flatMap(formatError),
      onClose: ({ extra }) => sockets.get(extra.socket)?.stopWatching(),
    },
  });
  return {
    get upstreams() {
      return streams.shared.upstreams;
    },
    close: () => socket.close(),
  };
}

interface StreamDeps extends SubscriptionsDeps, OpenStreamDeps {
  deadlineMs: number;
  prepare: Prepare;
  shared: SharedStreams;
}

interface OpenSocket {
  viewer: Viewer;
  origin: Caller['origin'];
  /** What is being followed on it. */
  subscribers: Set<Subscriber>;
  /** The token has expired or its session has ended. */
  ended: boolean;
  stopWatching(): void;
}

/** The socket of a connection_init whose token is good; null refuses it (4403). */
async function openSocket(
  deps: SubscriptionsDeps,
  params: Readonly<Record<string, unknown>> | undefined,
  { socket, request }: SocketExtra,
): Promise<OpenSocket | null> {
  const viewer = await deps.authenticate(authorizationOf(params)).catch((error: unknown) => {
    if (error instanceof GraphQLError && error.extensions['code'] === 'UNAUTHENTICATED') return null;
    throw error;
  });
  // The client may have gone while its token was looked at.
  if (!viewer || socket.readyState !== socket.OPEN) return null;
  const open: OpenSocket = {
    viewer,
    origin: originOf(request, deps.trustedProxies),
    subscribers: new Set(),
    ended: false,
    stopWatching: () => {
      clearTimeout(expiry);
      stopFollowing();
    },
  };
  const end = (): void => endSocket(open, socket);
  const expiry = setTimeout(end, viewer.expiresAtMs - deps.clock.now().getTime());
  const stopFollowing = deps.sessions.onEnd(viewer.sessionId, end);
  return open;
}

/** `{ authorization: "Bearer …" }`, as the header of a request, or `{ token: "…" }`. */
function authorizationOf(params: Readonly<Record<string, unknown>> = {}): string | undefined {
  const { authorization = params['Authorization'], token } = params;
  if (typeof authorization === 'string') return authorization;
  return typeof token === 'string' ? `Bearer ${token}` : undefined;
}

/** The viewer is no longer one: each stream is told, nothing that still waits is sent, and the socket closes. */
function endSocket(open: OpenSocket, socket: WebSocket): void {
  if (open.ended) return;
  open.ended = true;
  for (const subscriber of open.subscribers) subscriber.cut(sessionEnded());
  // The errors are on their way once the iterators have been asked again, which is before the next turn of the loop.
  setImmediate(() => socket.close(UNAUTHORIZED, 'Unauthorized'));
}

function sessionEnded(): StreamEvent {
  const { message, extensions } = unauthenticated('The access token has expired or its session has ended.');
  return { result: { errors: [{ message, extensions }] }, last: true };
}

/** An operation of a socket, ready to run. */
interface SocketOperation {
  open: OpenSocket;
  caller: Caller;
  payload: SubscribePayload;
  /** Null for a query or mutation. */
  stream: { plan: SubscriptionPlan; variables: Record<string, unknown> } | null;
}

/** Looks at an operation before it runs: still a viewer, not too much, valid, plannable. */
function begin(
  deps: StreamDeps,
  open: OpenSocket | undefined,
  running: number,
  payload: SubscribePayload,
): ExecutionArgs | GraphQLError[] {
  const requestId = randomUUID();
  try {
    if (!open || open.ended) throw unauthenticated();
    if (running > MAX_OPERATIONS)
      throw codedError('TOO_MANY_SUBSCRIPTIONS', `A socket carries at most ${MAX_OPERATIONS} operations.`);
    const excess = deps.checkLimits(payload.query);
    if (excess) throw excess;
    const prepared = deps.prepare(deps.federation.generation(), payload.query, payload.operationName);
    if (prepared.kind === 'subscription') {
      checkAnswerSize(prepared.generation.apiSchema, prepared.document, prepared.operation, payload.variables ?? {});
    }
    const operation: SocketOperation = {
      open,
      caller: { viewer: open.viewer, origin: open.origin, requestId },
      payload,
      stream:
        prepared.kind === 'subscription'
          ? { plan: prepared, variables: coerceVariables(prepared, payload.variables ?? {}) }
          : null,
    };
    return {
      schema: prepared.generation.apiSchema,
      document: prepared.document,
      operationName: payload.operationName,
      contextValue: operation,
    };
  } catch (error) {
    const errors = error instanceof PreparationError ? error.errors : [error];
    return errors.map((fault) => refusal(deps, fault, requestId));
  }
}

function refusal({ log }: StreamDeps, fault: unknown, requestId: string): GraphQLError {
  const masked = maskClientError(fault, (cause) =>
    log.error({ err: cause, requestId }, 'an operation could not begin'),
  );
  return new GraphQLError(masked.message, { extensions: { ...masked.extensions, requestId } });
}

/** A query or mutation over the socket goes the way of every other. */
async function executeOnce(deps: StreamDeps, { caller, payload }: SocketOperation): Promise<ExecutionResult> {
  const { body } = await withDeadline(deps.deadlineMs, (signal) =>
    deps.server.executeOperation(
      {
        query: payload.query,
        ...(payload.variables && { variables: payload.variables }),
        ...(payload.operationName && { operationName: payload.operationName }),
      },
      { contextValue: { caller, signal } },
    ),
  );
  // Formatted errors stand where graphql-js has its own; onNext sends them as they are.
  return (body.kind === 'single' ? body.singleResult : body.initialResult) as ExecutionResult;
}

/** Everything of the caller that changes the answer is part of what makes two subscriptions equal. */
function shareKey({ userId, sessionId, roles }: Viewer, plan: SubscriptionPlan, variables: unknown): string {
  return JSON.stringify([plan.key, variables, userId, sessionId, roles]);
}

/** The results of a subscription for graphql-ws; it rejects with StreamEnded where the client gets an `error` message. */
function follow(deps: StreamDeps, { open, caller, stream }: SocketOperation): AsyncIterableIterator<ExecutionResult> {
  const { plan, variables } = stream!;
  const subscriber = deps.shared.subscribe(shareKey(open.viewer, plan, variables), () =>
    openStream(deps, { plan, variables, caller }),
  );
  open.subscribers.add(subscriber);
  if (open.ended) subscriber.cut(sessionEnded());
  const results: AsyncIterableIterator<ExecutionResult> = {
    [Symbol.asyncIterator]: () => results,
    next: async () => {
      const next = await subscriber.events.next();
      if (!next.done && !next.value.last) return { value: next.value.result as ExecutionResult, done: false };
      open.subscribers.delete(subscriber);
      if (next.done) return { value: undefined, done: true };
      throw new StreamEnded(next.value, caller.requestId);
    },
    return: async () => {
      open.subscribers.delete(subscriber);
      await subscriber.events.return?.();
      return { value: undefined, done: true };
    },
  };
  return results;
}

/** Why a stream ended, for the client. */
class StreamEnded extends Error {
  override readonly name = 'StreamEnded';
  readonly errors: FormattedExecutionResult['errors'];

  constructor({ result }: StreamEvent, requestId: string) {
    super('the stream ended');
    this.errors = result.errors?.map((error) => ({ ...error, extensions: { requestId, ...error.extensions } }));
  }
}

/** graphql-ws wraps what an iterator throws; refusals of `begin` come as they are. */
function formatError(error: GraphQLError) {
  if (error.originalError instanceof StreamEnded) return error.originalError.errors ?? [];
  const { requestId } = error.extensions;
  const masked = maskClientError(error);
  return [{ ...masked, extensions: { ...masked.extensions, ...(requestId !== undefined && { requestId }) } }];
}
