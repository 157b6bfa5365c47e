import { createHash } from 'node:crypto';
import { operationFromDocument } from '@apollo/federation-internals';
import { buildOperationContext } from '@apollo/gateway';
import type { FetchNode, QueryPlan } from '@apollo/query-planner';
import {
  getOperationAST,
  getVariableValues,
  GraphQLError,
  OperationTypeNode,
  parse,
  validate,
  type DocumentNode,
  type OperationDefinitionNode,
} from 'graphql';
import { codedError } from '../../platform/graph-errors.ts';
import type { Generation } from '../supergraph.ts';

/**
 * A subscription as the federation's planner sees it: one fetch that is subscribed to at the subgraph that owns the field
 * (`source`), and what each of its events needs from other subgraphs. Apollo's gateway refuses to run such plans, but runs
 * this one: the same tree with the first fetch answered by the event, under a service name that no subgraph can have.
 */
export interface SubscriptionPlan {
  kind: 'subscription';
  /** Equal for equal operations of one generation. */
  key: string;
  generation: Generation;
  document: DocumentNode;
  operation: OperationDefinitionNode;
  operationContext: ReturnType<typeof buildOperationContext>;
  source: FetchNode;
  perEvent: QueryPlan;
}

/** A query or mutation: it needs no plan of ours. */
export interface OtherOperation {
  kind: 'other';
  generation: Generation;
  document: DocumentNode;
}

export type Prepared = SubscriptionPlan | OtherOperation;

/** The service name that answers with the event. */
export const EVENT_SERVICE = '\0event';

const MAX_PLANS = 500;

/** Prepares operations of a socket; throws one or several coded errors as `PreparationError`. */
export type Prepare = (generation: Generation, query: string, operationName: string | null | undefined) => Prepared;

export class PreparationError extends Error {
  override readonly name = 'PreparationError';
  readonly errors: readonly GraphQLError[];

  constructor(errors: readonly GraphQLError[]) {
    super(errors[0]?.message);
    this.errors = errors;
  }
}

/** A preparer that remembers its plans; those of an older generation fall out with time. */
export function createPrepare(): Prepare {
  const known = new Map<string, Prepared>();
  return (generation, query, operationName) => {
    const hash = createHash('sha256')
      .update(query)
      .update('\0')
      .update(operationName ?? '')
      .digest('base64');
    const key = `${generation.number} ${hash}`;
    const found = known.get(key);
    if (found) return found;
    const prepared = prepare(generation, key, query, operationName ?? undefined);
    if (known.size >= MAX_PLANS) known.delete(known.keys().next().value!);
    known.set(key, prepared);
    return prepared;
  };
}

function prepare(generation: Generation, key: string, query: string, operationName: string | undefined): Prepared {
  const document = parseOperation(query);
  const operation = getOperationAST(document, operationName);
  if (!operation) {
    throw new PreparationError([
      codedError('OPERATION_RESOLUTION_FAILURE', 'There is no operation of that name, or several without one.'),
    ]);
  }
  if (operation.operation !== OperationTypeNode.SUBSCRIPTION) return { kind: 'other', generation, document };
  validateOperation(generation, document);
  const { primary: source, rest } = planOf(generation, document, operationName);
  const answeredByEvent: FetchNode = { ...source, serviceName: EVENT_SERVICE };
  return {
    kind: 'subscription',
    key,
    generation,
    document,
    operation,
    operationContext: buildOperationContext({
      schema: generation.apiSchema,
      operationDocument: document,
      ...(operationName !== undefined && { operationName }),
    }),
    source,
    perEvent: {
      kind: 'QueryPlan',
      node: rest ? { kind: 'Sequence', nodes: [answeredByEvent, rest] } : answeredByEvent,
    },
  };
}

function parseOperation(query: string): DocumentNode {
  try {
    return parse(query);
  } catch (error) {
    throw new PreparationError([codedError('GRAPHQL_PARSE_FAILED', (error as GraphQLError).message)]);
  }
}

function validateOperation({ apiSchema }: Generation, document: DocumentNode): void {
  let errors: readonly GraphQLError[];
  try {
    errors = validate(apiSchema, document);
  } catch (error) {
    // graphql-js throws, where it should report, on a condition at the root of a subscription.
    errors = [error instanceof GraphQLError ? error : new GraphQLError('The operation is not valid.')];
  }
  if (errors.length > 0) throw new PreparationError(errors.map(invalid));
}

/** A refused scalar keeps its own code, as it does in a query. */
function invalid(error: GraphQLError): GraphQLError {
  const code = error.extensions['code'] ?? 'GRAPHQL_VALIDATION_FAILED';
  return new GraphQLError(error.message, { nodes: error.nodes, extensions: { code } });
}

function planOf({ planner, plannerSchema }: Generation, document: DocumentNode, operationName: string | undefined) {
  let node: QueryPlan['node'];
  try {
    const operation = operationFromDocument(
      plannerSchema,
      document,
      operationName === undefined ? {} : { operationName },
    );
    node = planner.buildQueryPlan(operation).node;
  } catch (error) {
    // For example a condition on the root field: there would be nothing to subscribe to.
    throw new PreparationError([codedError('GRAPHQL_VALIDATION_FAILED', (error as Error).message)]);
  }
  if (node?.kind !== 'Subscription') {
    throw new PreparationError([
      codedError('GRAPHQL_VALIDATION_FAILED', 'This subscription asks for nothing that can be followed.'),
    ]);
  }
  return node;
}

/** The variables in the form their types give them, defaults filled in; equal ones have equal JSON. */
export function coerceVariables(plan: SubscriptionPlan, variables: Record<string, unknown>): Record<string, unknown> {
  const definitions = plan.operation.variableDefinitions ?? [];
  const { coerced, errors } = getVariableValues(plan.generation.apiSchema, definitions, variables);
  if (coerced) return coerced;
  throw new PreparationError(errors.map(({ message }) => codedError('BAD_USER_INPUT', message)));
}
