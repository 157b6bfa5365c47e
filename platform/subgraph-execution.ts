import { setMaxListeners } from 'node:events';
import {
  createSourceEventStream,
  execute,
  GraphQLError,
  parse,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLSchema,
} from 'graphql';
import { deadlineExceeded, codedError, maskError } from './graph-errors.ts';
import type { Logger } from './log.ts';
import type {
  SourceEvent,
  Subgraph,
  SubgraphContext,
  SubgraphEvent,
  SubgraphRequest,
  SubgraphTransport,
} from './subgraph.ts';
import type { Caller } from './viewer.ts';

/**
 * A subgraph reached in its own process: a parsed operation in, a result out. The HTTP server of a subgraph answers through
 * the same transport, so that both ways give the same results.
 */
export function createInProcessTransport(subgraph: Subgraph, schema: GraphQLSchema, log: Logger): SubgraphTransport {
  const runner: Runner = { subgraph, schema, log, documents: new Map() };
  return {
    execute: (request) => executeOperation(runner, request),
    subscribe: (request) => subscribeToOperation(runner, request),
    ask: async (question, body, signal) => {
      // Every object has a "constructor", which is no question.
      const answer = Object.hasOwn(subgraph.answers, question) ? subgraph.answers[question] : undefined;
      if (!answer) throw codedError('NOT_FOUND', `${subgraph.name} answers no question "${question}".`);
      return untilAborted(answer(body), signal);
    },
    close: async () => {},
  };
}

interface Runner {
  subgraph: Subgraph;
  schema: GraphQLSchema;
  log: Logger;
  documents: Map<string, DocumentNode>;
}

/** Operations come from the gateway's planner, which makes the same few texts again and again. */
const MAX_DOCUMENTS = 1000;

function documentOf({ documents }: Runner, { document, query }: SubgraphRequest): DocumentNode {
  if (document) return document;
  const known = documents.get(query);
  if (known) return known;
  const parsed = parse(query, { noLocation: true });
  if (documents.size >= MAX_DOCUMENTS) documents.delete(documents.keys().next().value!);
  documents.set(query, parsed);
  return parsed;
}

async function executeOperation(runner: Runner, request: SubgraphRequest): Promise<ExecutionResult> {
  const result = execute(executionArgs(runner, request, request.signal));
  return sanitize(runner, request.caller, await untilAborted(result, request.signal));
}

function executionArgs(runner: Runner, request: SubgraphRequest, signal: AbortSignal): ExecutionArgs {
  const { viewer, origin, requestId } = request.caller;
  const contextValue: SubgraphContext = {
    viewer,
    origin,
    requestId,
    signal,
    loaders: runner.subgraph.createLoaders(request.caller),
  };
  return {
    schema: runner.schema,
    document: documentOf(runner, request),
    operationName: request.operationName,
    variableValues: request.variables,
    contextValue,
  };
}

/** Errors leave a subgraph already masked: what has no code is logged here, where its cause is known. */
function sanitize(runner: Runner, caller: Caller, result: ExecutionResult): ExecutionResult {
  if (!result.errors) return result;
  // Without data nothing ran: the variables did not fit their types.
  const beforeExecution = result.data === undefined;
  const errors = result.errors.map((error) =>
    maskSubgraphError(runner, caller, beforeExecution && !error.path && !error.originalError ? badInput(error) : error),
  );
  return { ...result, errors };
}

function badInput(error: GraphQLError): GraphQLError {
  return codedError('BAD_USER_INPUT', error.message);
}

function maskSubgraphError(runner: Runner, caller: Caller, error: unknown): GraphQLError {
  const masked = maskError(error, (cause) =>
    runner.log.error({ err: cause, requestId: caller.requestId, subgraph: runner.subgraph.name }, 'a resolver failed'),
  );
  return new GraphQLError(masked.message, { path: masked.path, extensions: masked.extensions });
}

/** The value of `work`, or the reason of `signal` when that comes first. The work goes on: its caller just waits no longer. */
export async function untilAborted<Value>(work: Value | Promise<Value>, signal: AbortSignal): Promise<Value> {
  if (!(work instanceof Promise)) return work;
  if (signal.aborted) {
    work.catch(() => {});
    throw abortError(signal);
  }
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(abortError(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Why a call was given up, as an error for clients. */
export function abortError(signal: AbortSignal): GraphQLError {
  return signal.reason instanceof GraphQLError ? signal.reason : deadlineExceeded();
}

/**
 * The results of a subscription: its source is read event by event, each event executed with a context (and loaders) of its
 * own, so that nothing read for an earlier event is shown again. Leaving resolves at once, also while nothing happens; the
 * source learns it by `return()` and by the context's signal.
 */
function subscribeToOperation(runner: Runner, request: SubgraphRequest): AsyncIterableIterator<SubgraphEvent> {
  const controller = new AbortController();
  // Each resolver of each event may listen.
  setMaxListeners(0, controller.signal);
  let source: AsyncIterator<SourceEvent<unknown>> | undefined;
  let ended = false;
  let leave: (() => void) | undefined;

  const stop = (): void => {
    if (ended) return;
    ended = true;
    request.signal.removeEventListener('abort', stop);
    controller.abort();
    // Not waited for: an async generator would answer only after its next event.
    void source?.return?.().catch(() => {});
    leave?.();
  };
  request.signal.addEventListener('abort', stop, { once: true });
  if (request.signal.aborted) stop();

  const pull = async (): Promise<SubgraphEvent | null> => {
    try {
      if (!source) {
        const opened = await openSource(runner, request, controller.signal);
        if ('errors' in opened) {
          ended = true;
          return { result: sanitize(runner, request.caller, opened) };
        }
        source = (opened as AsyncIterable<SourceEvent<unknown>>)[Symbol.asyncIterator]();
        // The reader left while the source was opening.
        if (controller.signal.aborted) void source.return?.().catch(() => {});
      }
      const next = await source.next();
      if (next.done) return null;
      return await executeEvent(runner, request, controller.signal, next.value);
    } catch (error) {
      ended = true;
      return { result: { errors: [maskSubgraphError(runner, request.caller, error)] } };
    } finally {
      if (ended) request.signal.removeEventListener('abort', stop);
    }
  };

  const stream: AsyncIterableIterator<SubgraphEvent> = {
    [Symbol.asyncIterator]: () => stream,
    next: () =>
      new Promise((resolve) => {
        if (ended) return resolve({ value: undefined, done: true });
        leave = () => resolve({ value: undefined, done: true });
        void pull().then((event) => {
          if (event) return resolve({ value: event, done: false });
          stop();
          resolve({ value: undefined, done: true });
        });
      }),
    return: () => {
      stop();
      return Promise.resolve({ value: undefined, done: true });
    },
    throw: (error) => {
      stop();
      return Promise.reject(error as Error);
    },
  };
  return stream;
}

function openSource(
  runner: Runner,
  request: SubgraphRequest,
  signal: AbortSignal,
): Promise<AsyncIterable<unknown> | ExecutionResult> {
  return createSourceEventStream(executionArgs(runner, request, signal));
}

async function executeEvent(
  runner: Runner,
  request: SubgraphRequest,
  signal: AbortSignal,
  event: SourceEvent<unknown>,
): Promise<SubgraphEvent> {
  const result = await execute({ ...executionArgs(runner, request, signal), rootValue: event.value });
  return {
    result: sanitize(runner, request.caller, result),
    ...(event.position !== undefined && { position: event.position }),
  };
}
