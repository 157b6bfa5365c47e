import type { FormattedExecutionResult } from 'graphql';
import type { SubgraphName, SubgraphTransport } from '../../platform/subgraph.ts';
import { maskResult, runEvent, type RunEventDeps, type StreamRun } from './run-event.ts';

/** What a stream brings: a result, or (`last`) why there will be none any more. */
export interface StreamEvent {
  result: FormattedExecutionResult;
  position?: number;
  last?: true;
}

export interface OpenStreamDeps extends RunEventDeps {
  transports: Record<SubgraphName, SubgraphTransport>;
}

/** Subscribes to the source at its subgraph and runs each event. Leaving resolves at once, whatever is under way. */
export function openStream(deps: OpenStreamDeps, run: StreamRun): AsyncIterableIterator<StreamEvent, undefined> {
  const source = subscribe(deps, run);
  let ended = false;
  let leave: (() => void) | undefined;

  const pull = async (): Promise<StreamEvent | null> => {
    const next = await source.next();
    if (next.done) return null;
    const { result, position } = next.value;
    // Without data nothing was executed: the subgraph refuses the subscription, or has lost its source.
    if (result.data === undefined) return { result: maskResult(deps, run, result), last: true };
    return { result: await runEvent(deps, run, result), ...(position !== undefined && { position }) };
  };
  const stop = (): void => {
    if (ended) return;
    ended = true;
    void source.return?.();
    leave?.();
  };

  const stream: AsyncIterableIterator<StreamEvent, undefined> = {
    [Symbol.asyncIterator]: () => stream,
    next: () =>
      new Promise((resolve) => {
        if (ended) return resolve({ value: undefined, done: true });
        leave = () => resolve({ value: undefined, done: true });
        void pull()
          // Transports tell failures as events; whatever still throws is a fault of ours and ends the stream.
          .catch((error: unknown): StreamEvent => ({ result: maskResult(deps, run, { errors: [error] }), last: true }))
          .then((event) => {
            resolve(event ? { value: event, done: false } : { value: undefined, done: true });
            if (!event || event.last) stop();
          });
      }),
    return: () => {
      stop();
      return Promise.resolve({ value: undefined, done: true });
    },
  };
  return stream;
}

function subscribe({ transports }: OpenStreamDeps, { plan, variables, caller }: StreamRun) {
  const { source } = plan;
  const own: Record<string, unknown> = {};
  for (const name of source.variableUsages ?? []) if (name in variables) own[name] = variables[name];
  // The supergraph loads only with subgraphs of this bank.
  return transports[source.serviceName as SubgraphName].subscribe({
    query: source.operation,
    ...(source.operationDocumentNode && { document: source.operationDocumentNode }),
    ...(source.operationName && { operationName: source.operationName }),
    variables: own,
    caller,
    signal: new AbortController().signal,
  });
}
