import { executeQueryPlan, type GraphQLDataSource } from '@apollo/gateway';
import type { ExecutionResult, FormattedExecutionResult } from 'graphql';
import type { Logger } from '../../platform/log.ts';
import type { Caller } from '../../platform/viewer.ts';
import { maskClientError } from '../client-errors.ts';
import { withDeadline } from '../graphql-http.ts';
import type { GatewayContext } from '../subgraph-client.ts';
import { EVENT_SERVICE, type SubscriptionPlan } from './plan.ts';

export interface RunEventDeps {
  services: Record<string, GraphQLDataSource>;
  log: Logger;
  deadlineMs: number;
}

/** What one stream runs its events with. */
export interface StreamRun {
  plan: SubscriptionPlan;
  variables: Record<string, unknown>;
  caller: Caller;
}

/** Runs the plan of one event: its own data, and what the client asks of other subgraphs about it. */
export async function runEvent(
  deps: RunEventDeps,
  run: StreamRun,
  event: ExecutionResult,
): Promise<FormattedExecutionResult> {
  try {
    return maskResult(deps, run, await withDeadline(deps.deadlineMs, (signal) => execute(deps, run, event, signal)));
  } catch (error) {
    return maskResult(deps, run, { data: null, errors: [error] });
  }
}

type PlanContext = Parameters<typeof executeQueryPlan>[2];

function execute(
  deps: RunEventDeps,
  { plan, variables, caller }: StreamRun,
  event: ExecutionResult,
  signal: AbortSignal,
) {
  const answerWithEvent: GraphQLDataSource = {
    // The event belongs to this run alone, so that the executor may merge into it.
    process: () => Promise.resolve(event as Awaited<ReturnType<GraphQLDataSource['process']>>),
  };
  const context: GatewayContext = { caller, signal };
  // What the executor reads of a request context (plan.test.ts tries it): the rest is Apollo Server's own.
  const requestContext = {
    logger: deps.log,
    request: { variables },
    context,
    metrics: { captureTraces: false },
  } as unknown as PlanContext;
  return executeQueryPlan(
    plan.perEvent,
    { ...deps.services, [EVENT_SERVICE]: answerWithEvent },
    requestContext,
    plan.operationContext,
    plan.generation.supergraphSchema,
    plan.generation.plannerSchema,
  );
}

/** A result as it may leave: no extensions, errors masked and with the request id. */
export function maskResult(
  { log }: Pick<RunEventDeps, 'log'>,
  { caller: { requestId } }: Pick<StreamRun, 'caller'>,
  result: { data?: unknown; errors?: readonly unknown[] },
): FormattedExecutionResult {
  const report = (cause: unknown): void => log.error({ err: cause, requestId }, 'an event of a stream failed');
  return {
    ...(result.data !== undefined && { data: result.data as Record<string, unknown> | null }),
    ...(result.errors?.length && {
      errors: result.errors.map((error) => {
        const masked = maskClientError(error, report);
        return { ...masked, extensions: { ...masked.extensions, requestId } };
      }),
    }),
  };
}
