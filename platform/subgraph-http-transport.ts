import { GraphQLError, type ExecutionResult, type GraphQLFormattedError } from 'graphql';
import { createClient, type Client } from 'graphql-ws';
import { Pool } from 'undici';
import { WebSocket } from 'ws';
import type { Clock } from './clock.ts';
import { sourceLost, subgraphUnavailable } from './graph-errors.ts';
import type { Logger } from './log.ts';
import { createPushStream } from './push-stream.ts';
import { abortError } from './subgraph-execution.ts';
import { GRAPHQL_PATH, operationText, QUESTIONS_PATH, SOCKET_TEXT } from './subgraph-wire.ts';
import type { SubgraphEvent, SubgraphName, SubgraphRequest, SubgraphTransport } from './subgraph.ts';
import { signCall, type Caller } from './viewer.ts';

export interface HttpTransportOptions {
  name: SubgraphName;
  /** Where the subgraph answers, for example http://127.0.0.1:4002. */
  url: string;
  /** The key of signed calls. */
  key: Buffer;
  clock: Clock;
  log: Logger;
}

const CONNECTIONS = 64;
const CONNECT_TIMEOUT_MS = 2000;
const PING_INTERVAL_MS = 10_000;
const PONG_TIMEOUT_MS = 5000;
/** A socket without streams stays open this long. */
const IDLE_SOCKET_MS = 500;
/** Events that wait in this process for one stream's reader. */
const MAX_WAITING = 1024;

/** A subgraph in another process: signed calls over pooled HTTP, all its streams over one socket. */
export function createHttpTransport(options: HttpTransportOptions): SubgraphTransport {
  const pool = new Pool(options.url, { connections: CONNECTIONS, connect: { timeout: CONNECT_TIMEOUT_MS } });
  const client = createSocketClient(options);
  const remote: Remote = { ...options, pool, client };
  return {
    execute: async (request) => {
      const result = (await post(remote, GRAPHQL_PATH, operationText(request), request)) as ExecutionResult;
      return result.errors ? { ...result, errors: result.errors.map(toGraphQLError) } : result;
    },
    subscribe: (request) => subscribeRemotely(remote, request),
    ask: async (question, body, signal) => {
      const path = QUESTIONS_PATH + question;
      const result = await post(remote, path, JSON.stringify(body), { caller: NOBODY, signal });
      return (result as { answer: unknown }).answer;
    },
    close: async () => {
      await client.dispose();
      await pool.destroy();
    },
  };
}

interface Remote extends HttpTransportOptions {
  pool: Pool;
  client: Client;
}

/** Questions are the bank's own; nobody's rights come with them. */
const NOBODY: Caller = { viewer: null, origin: { ip: null, deviceId: null }, requestId: 'question' };

async function post(
  remote: Remote,
  path: string,
  body: string,
  { caller, signal }: Pick<SubgraphRequest, 'caller' | 'signal'>,
): Promise<unknown> {
  const signed = signCall(remote.key, { subgraph: remote.name, path, body }, caller, remote.clock.now().getTime());
  try {
    const response = await remote.pool.request({
      method: 'POST',
      path,
      body,
      headers: { 'content-type': 'application/json', ...signed },
      signal,
    });
    const answer: unknown = await response.body.json();
    if (response.statusCode === 200) return answer;
    throw new Error(`${remote.name} answered ${response.statusCode}: ${JSON.stringify(answer)}`);
  } catch (error) {
    if (signal.aborted) throw abortError(signal);
    remote.log.error({ err: error, requestId: caller.requestId, subgraph: remote.name }, 'a subgraph does not answer');
    throw subgraphUnavailable(remote.name);
  }
}

function toGraphQLError({ message, path, extensions }: GraphQLFormattedError): GraphQLError {
  return new GraphQLError(message, { path, extensions });
}

/** The socket opens with the first stream and, lost, opens again with the next; a stream itself is never silently begun anew. */
function createSocketClient({ name, url, key, clock }: HttpTransportOptions): Client {
  let streams = 0;
  let pongTimer: NodeJS.Timeout | undefined;
  const client = createClient({
    url: url.replace(/^http/, 'ws').replace(/\/$/, '') + GRAPHQL_PATH,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    lazyCloseTimeout: IDLE_SOCKET_MS,
    connectionAckWaitTimeout: CONNECT_TIMEOUT_MS,
    keepAlive: PING_INTERVAL_MS,
    generateID: () => String(++streams),
    connectionParams: () =>
      signCall(key, { subgraph: name, path: GRAPHQL_PATH, body: SOCKET_TEXT }, NOBODY, clock.now().getTime()),
    on: {
      // A peer that vanished without closing is noticed only by its silence.
      ping: (received) => {
        if (!received) pongTimer = setTimeout(() => client.terminate(), PONG_TIMEOUT_MS);
      },
      pong: (received) => {
        if (received) clearTimeout(pongTimer);
      },
      closed: () => clearTimeout(pongTimer),
    },
  });
  return client;
}

function subscribeRemotely(remote: Remote, request: SubgraphRequest): AsyncIterableIterator<SubgraphEvent> {
  const operation = { query: request.query, operationName: request.operationName, variables: request.variables };
  const call = { subgraph: remote.name, path: GRAPHQL_PATH, body: operationText(operation) };
  const extensions = signCall(remote.key, call, request.caller, remote.clock.now().getTime());
  const stream = createPushStream<SubgraphEvent>({
    limit: MAX_WAITING,
    onReturn: () => {
      request.signal.removeEventListener('abort', leave);
      dispose();
    },
  });
  let begun = false;
  const leave = (): void => void stream.values.return?.();
  const fail = (errors: GraphQLError[]): void => {
    stream.end({ result: { errors } });
    request.signal.removeEventListener('abort', leave);
  };
  const dispose = remote.client.subscribe(
    { ...operation, extensions },
    {
      next: (message) => {
        begun = true;
        if (stream.push(toEvent(message as ExecutionResult))) return;
        dispose();
        fail([sourceLost()]);
      },
      error: (error) => {
        if (Array.isArray(error)) return fail((error as GraphQLFormattedError[]).map(toGraphQLError));
        remote.log.error(
          { err: error, requestId: request.caller.requestId, subgraph: remote.name },
          'a stream was lost',
        );
        fail([begun ? sourceLost() : subgraphUnavailable(remote.name)]);
      },
      complete: () => {
        stream.end();
        request.signal.removeEventListener('abort', leave);
      },
    },
  );
  request.signal.addEventListener('abort', leave, { once: true });
  if (request.signal.aborted) leave();
  return stream.values;
}

function toEvent({ extensions, ...result }: ExecutionResult): SubgraphEvent {
  const errors = result.errors?.map(toGraphQLError);
  const position = extensions?.['position'];
  return {
    result: errors ? { ...result, errors } : result,
    ...(typeof position === 'number' && { position }),
  };
}
