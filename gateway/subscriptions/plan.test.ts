import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { Supergraph } from '@apollo/federation-internals';
import { executeQueryPlan, type GraphQLDataSource } from '@apollo/gateway';
import { QueryPlanner } from '@apollo/query-planner';
import { createLog } from '../../platform/log.ts';
import type { Generation } from '../supergraph.ts';
import { coerceVariables, createPrepare, EVENT_SERVICE, PreparationError, type SubscriptionPlan } from './plan.ts';

/*
 * What the subscriptions rely on in Apollo's packages and what their types do not promise: that the planner plans
 * subscriptions into a primary fetch and a rest, and that executeQueryPlan runs a plan of ours under a service name of ours.
 * An upgrade that breaks one of them fails here first.
 */

const supergraph = Supergraph.build(readFileSync('schema/supergraph.graphql', 'utf8'));
const generation: Generation = {
  number: 1,
  apiSchema: supergraph.apiSchema().toGraphQLJSSchema(),
  plannerSchema: supergraph.apiSchema(),
  supergraphSchema: supergraph.schema.toGraphQLJSSchema(),
  planner: new QueryPlanner(supergraph, { exposeDocumentNodeInFetchNode: true }),
};

const LIVE = `subscription Live($id: ID!, $withRisk: Boolean = false) {
  live: balanceUpdated(accountId: $id) {
    kind
    account { owner { displayName riskProfile @include(if: $withRisk) { level } } }
    balance { version available { amount ...C } }
    cause { amount { amount } transfer { status } }
  }
}
fragment C on Money { currency }`;

function plan(query: string = LIVE, operationName?: string): SubscriptionPlan {
  const prepared = createPrepare()(generation, query, operationName);
  if (prepared.kind !== 'subscription') throw new Error('it is no subscription');
  return prepared;
}

const codesOf = (run: () => unknown): unknown[] => {
  try {
    run();
  } catch (error) {
    if (error instanceof PreparationError) return error.errors.map(({ extensions }) => extensions['code']);
    throw error;
  }
  return [];
};

describe('the planner', () => {
  test('plans a subscription as a fetch at its owner and what each event needs beside it', () => {
    const { source, perEvent } = plan();
    expect(source).toMatchObject({
      kind: 'Fetch',
      serviceName: 'wallet',
      operationKind: 'subscription',
      variableUsages: ['id'],
    });
    expect(source.operation).toContain('live:balanceUpdated(accountId:$id)');
    expect(source.operationDocumentNode?.kind).toBe('Document');
    expect(perEvent.node).toMatchObject({
      kind: 'Sequence',
      nodes: [{ kind: 'Fetch', serviceName: EVENT_SERVICE }, {}],
    });
    const rest = JSON.stringify(perEvent.node);
    for (const service of ['user', 'risk', 'transfer']) expect(rest).toContain(`"serviceName":"${service}"`);
  });

  test('asks nothing more when the owner has it all', () => {
    const { perEvent } = plan('subscription { balanceUpdated(accountId: "1") { kind balance { version } } }');
    expect(perEvent.node).toMatchObject({ kind: 'Fetch', serviceName: EVENT_SERVICE });
  });
});

describe('Apollo’s executor', () => {
  const money = { amount: '1.00', currency: 'USD' };
  const event = {
    live: {
      kind: 'CHANGE',
      account: { __typename: 'Account', owner: { __typename: 'User', id: 'u1' } },
      balance: { version: 3, available: money },
      cause: { __typename: 'Transaction', id: 'p1', amount: money },
    },
  };

  async function run(variables: Record<string, unknown>, services: Record<string, GraphQLDataSource['process']>) {
    const prepared = plan();
    const asked: string[] = [];
    const serviceMap = Object.fromEntries(
      Object.entries(services).map(([name, process]) => [
        name,
        { process: (options: Parameters<typeof process>[0]) => (asked.push(name), process(options)) },
      ]),
    );
    const requestContext = {
      logger: createLog('silent'),
      request: { variables: coerceVariables(prepared, variables) },
      context: {},
      metrics: { captureTraces: false },
    } as unknown as Parameters<typeof executeQueryPlan>[2];
    const result = await executeQueryPlan(
      prepared.perEvent,
      { ...serviceMap, [EVENT_SERVICE]: { process: async () => ({ data: structuredClone(event) }) } },
      requestContext,
      prepared.operationContext,
      generation.supergraphSchema,
      generation.plannerSchema,
    );
    return { asked: asked.sort(), result: JSON.parse(JSON.stringify(result)) as { data: unknown; errors?: unknown[] } };
  }

  const answers = (data: Record<string, unknown>) => async () => ({ data: structuredClone(data) });
  const user = answers({ _entities: [{ displayName: 'Ada' }] });
  const risk = answers({ _entities: [{ riskProfile: { level: 'LOW' } }] });
  const transfer = answers({ _entities: [{ transfer: { status: 'COMPLETED' } }] });

  test('joins the event with other subgraphs, in the shape the client asked for', async () => {
    const { asked, result } = await run({ id: '1', withRisk: true }, { user, risk, transfer });
    expect(asked).toEqual(['risk', 'transfer', 'user']);
    expect(result).toEqual({
      data: {
        live: {
          kind: 'CHANGE',
          account: { owner: { displayName: 'Ada', riskProfile: { level: 'LOW' } } },
          balance: { version: 3, available: money },
          cause: { amount: { amount: '1.00' }, transfer: { status: 'COMPLETED' } },
        },
      },
    });
  });

  test('leaves out what a condition leaves out, also by a default', async () => {
    const { asked, result } = await run({ id: '1' }, { user, risk, transfer });
    expect(asked).toEqual(['transfer', 'user']);
    expect(result.data).toMatchObject({ live: { account: { owner: { displayName: 'Ada' } } } });
    expect(JSON.stringify(result.data)).not.toContain('riskProfile');
  });

  test('puts a subgraph’s error where the client’s field is', async () => {
    const failing = async () => ({
      data: { _entities: [{ transfer: null }] },
      errors: [{ message: 'no', path: ['_entities', 0, 'transfer'], extensions: { code: 'NOT_TODAY' } }],
    });
    const { result } = await run({ id: '1' }, { user, risk, transfer: failing });
    expect(result.data).toMatchObject({ live: { balance: { version: 3 }, cause: { transfer: null } } });
    expect(result.errors).toEqual([expect.objectContaining({ path: ['live', 'cause', 'transfer'] })]);
  });
});

describe('preparing', () => {
  test('remembers plans by text, operation and generation', () => {
    const prepare = createPrepare();
    expect(prepare(generation, LIVE, null)).toBe(prepare(generation, LIVE, undefined));
    expect(prepare({ ...generation, number: 2 }, LIVE, null)).not.toBe(prepare(generation, LIVE, null));
    const both = `${LIVE} subscription Other { transferUpdated(transferId: "1") { status } }`;
    expect(prepare(generation, both, 'Other')).toMatchObject({ source: { serviceName: 'transfer' } });
    expect(prepare(generation, both, 'Live')).toMatchObject({ source: { serviceName: 'wallet' } });
  });

  test('gives equal variables equal JSON, however the client writes them', () => {
    const prepared = plan();
    const json = (variables: Record<string, unknown>) => JSON.stringify(coerceVariables(prepared, variables));
    expect(json({ withRisk: false, id: 5, unknown: 1 })).toBe(json({ id: '5' }));
    expect(json({ id: '5', withRisk: true })).not.toBe(json({ id: '5' }));
  });

  test('refuses with a code what cannot be followed', () => {
    expect(codesOf(() => plan('subscription {'))).toEqual(['GRAPHQL_PARSE_FAILED']);
    expect(codesOf(() => plan(LIVE, 'Another'))).toEqual(['OPERATION_RESOLUTION_FAILURE']);
    expect(codesOf(() => plan('subscription { a: nothing }'))).toEqual(['GRAPHQL_VALIDATION_FAILED']);
    const conditional = 'subscription ($x: Boolean!) { riskAlertRaised @skip(if: $x) { id } }';
    expect(codesOf(() => plan(conditional))).toEqual(['GRAPHQL_VALIDATION_FAILED']);
    expect(codesOf(() => coerceVariables(plan(), {}))).toEqual(['BAD_USER_INPUT']);
  });
});
