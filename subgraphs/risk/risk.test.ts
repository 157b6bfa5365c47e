import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type TransferId, type UserId } from '../../platform/ids.ts';
import { viewerFor } from '../../tests/one-subgraph.ts';
import { openProjectionWorld, type ProjectionWorld } from '../../tests/projection-world.ts';
import { hoursAgo, recordHistory } from '../../tests/risk-history.ts';
import { createRiskSubgraph } from './subgraph.ts';

let world: ProjectionWorld;

beforeAll(async () => {
  world = await openProjectionWorld('risk', createRiskSubgraph);
});
afterAll(() => world.close());

async function record(customerId: UserId, score: number, at = new Date()): Promise<TransferId> {
  const factors = [{ name: 'amount' as const, score, weight: '1', reason: 'Because.' }];
  const [transferId] = await recordHistory(world.admin, customerId, [{ at, assessment: { score, factors } }]);
  return transferId!;
}

describe('Transfer.riskAssessment', () => {
  const QUERY = `query ($transfers: [_Any!]!) { _entities(representations: $transfers) { ... on Transfer { id riskAssessment {
    score level decision factors { name score weight reason } assessedAt } } } }`;

  async function assessmentsOf(ids: string[], viewer = viewerFor()) {
    const variables = { transfers: ids.map((id) => ({ __typename: 'Transfer', id })) };
    const { data, errors } = await world.execute<{ _entities: { riskAssessment: unknown }[] }>(QUERY, {
      viewer,
      variables,
    });
    expect(errors).toEqual([]);
    return data._entities.map(({ riskAssessment }) => riskAssessment);
  }

  test('is shown to the sender and to staff, and missing for everybody else and every other id', async () => {
    const customerId = newId<UserId>();
    const assessedAt = new Date('2026-01-02T03:04:05.678Z');
    const transferId = await record(customerId, 12, assessedAt);
    const shown = {
      score: 12,
      level: 'LOW',
      decision: 'ALLOW',
      factors: [{ name: 'amount', score: 12, weight: '1', reason: 'Because.' }],
      assessedAt: assessedAt.toISOString(),
    };
    expect(await assessmentsOf([transferId, newId(), 'no id'], viewerFor(customerId))).toEqual([shown, null, null]);
    expect(await assessmentsOf([transferId], viewerFor(newId(), ['SUPPORT']))).toEqual([shown]);
    expect(await assessmentsOf([transferId])).toEqual([null]);
  });

  test('is read with one statement however many are asked for', async () => {
    const customerId = newId<UserId>();
    const ids = await Promise.all(Array.from({ length: 10 }, () => record(customerId, 1)));
    const before = world.statements();
    expect(await assessmentsOf(ids, viewerFor(customerId))).not.toContain(null);
    expect(world.statements() - before).toBe(1);
  });
});

describe('risk.record_assessments', () => {
  test('cannot be called, nor its table written, by other services', async () => {
    const { rows } = await world.admin.query(
      `SELECT rolname FROM pg_roles WHERE rolname LIKE 'dwaybank%' AND rolcanlogin
       AND has_function_privilege(oid, 'risk.record_assessments(uuid[],uuid[],jsonb[])', 'EXECUTE')`,
    );
    expect(rows).toEqual([{ rolname: 'dwaybank_transfer' }]);
    const { rows: writers } = await world.admin.query(
      `SELECT rolname FROM pg_roles WHERE rolname LIKE 'dwaybank%' AND rolcanlogin
       AND has_table_privilege(oid, 'risk.assessment', 'INSERT')`,
    );
    expect(writers).toEqual([{ rolname: 'dwaybank_risk' }]);
  });
});

describe('the fields of a user', () => {
  const QUERY = `query ($id: ID!) { _entities(representations: [{ __typename: "User", id: $id }]) { ... on User {
    riskProfile { level score limits { currency } stepUpAbove { amount } }
    riskAlerts { edges { node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } } }`;

  async function fieldsOf(id: string, viewer: ReturnType<typeof viewerFor> | null) {
    const { data, errors } = await world.execute<{ _entities: unknown[] }>(QUERY, { viewer, variables: { id } });
    expect(errors).toEqual([]);
    return data._entities[0];
  }

  const NO_ALERTS = {
    edges: [],
    pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
  };

  test('show the highest score of the last 30 days, and 0 LOW without any', async () => {
    const customerId = newId<UserId>();
    const viewer = viewerFor(customerId);
    expect(await fieldsOf(customerId, viewer)).toEqual({
      riskProfile: { level: 'LOW', score: 0, limits: [{ currency: 'USD' }], stepUpAbove: { amount: '1000.00' } },
      riskAlerts: NO_ALERTS,
    });
    await record(customerId, 40);
    await record(customerId, 65);
    await record(customerId, 90, hoursAgo(31 * 24));
    expect(await fieldsOf(customerId, viewer)).toMatchObject({ riskProfile: { level: 'HIGH', score: 65 } });
  });

  test('are null for others and shown to staff', async () => {
    const customerId = newId<UserId>();
    expect(await fieldsOf(customerId, viewerFor())).toEqual({ riskProfile: null, riskAlerts: null });
    expect(await fieldsOf(customerId, null)).toEqual({ riskProfile: null, riskAlerts: null });
    expect(await fieldsOf(customerId, viewerFor(newId(), ['COMPLIANCE']))).toMatchObject({ riskProfile: { score: 0 } });
  });

  test.each([
    ['first: 0', 'INVALID_PAGE_SIZE'],
    ['first: 101', 'INVALID_PAGE_SIZE'],
    ['after: "x"', 'INVALID_CURSOR'],
  ])('refuse riskAlerts(%s)', async (args, code) => {
    const { errors } = await world.execute(`{ me { riskAlerts(${args}) { edges { cursor } } } }`, {
      viewer: viewerFor(),
    });
    expect(errors).toEqual([expect.objectContaining({ code })]);
  });
});

describe('what risk says of a statement line', () => {
  const QUERY = `query ($lines: [_Any!]!) { _entities(representations: $lines) {
    ... on Transaction { riskScore complianceStatus } } }`;

  /** Lines as the gateway names them, with the transfer that it was told is behind each. */
  async function linesOf(transferIds: (string | null)[], viewer = viewerFor()) {
    const lines = transferIds.map((id) => ({ __typename: 'Transaction', id: newId(), transfer: id && { id } }));
    const { data, errors } = await world.execute<{ _entities: unknown[] }>(QUERY, { viewer, variables: { lines } });
    expect(errors).toEqual([]);
    return data._entities;
  }
  const NOTHING = { riskScore: null, complianceStatus: null };

  test('is the score of the transfer behind it, and that it was cleared', async () => {
    const customerId = newId<UserId>();
    const transferId = await record(customerId, 12);
    expect(await linesOf([transferId, transferId], viewerFor(customerId))).toEqual([
      { riskScore: 12, complianceStatus: 'CLEARED' },
      { riskScore: 12, complianceStatus: 'CLEARED' },
    ]);
  });

  test('is to the recipient that it was cleared, and not the sender’s score', async () => {
    const transferId = await record(newId<UserId>(), 12);
    expect(await linesOf([transferId])).toEqual([{ riskScore: null, complianceStatus: 'CLEARED' }]);
  });

  test('is nothing where no transfer, or none that was looked at, is behind it', async () => {
    expect(await linesOf([null, newId(), 'no id'])).toEqual([NOTHING, NOTHING, NOTHING]);
  });

  test('is read with one statement however many lines there are', async () => {
    const customerId = newId<UserId>();
    const ids = await Promise.all(Array.from({ length: 10 }, () => record(customerId, 1)));
    const before = world.statements();
    expect(await linesOf(ids, viewerFor(customerId))).not.toContainEqual(NOTHING);
    expect(world.statements() - before).toBe(1);
  });
});

describe('without a viewer', () => {
  test.each(['{ me { id } }', 'mutation { acknowledgeRiskAlert(id: "x") { alert { id } } }'])(
    'nothing is told: %s',
    async (query) => {
      const { errors } = await world.execute(query);
      expect(errors).toEqual([expect.objectContaining({ code: 'UNAUTHENTICATED' })]);
    },
  );
});
