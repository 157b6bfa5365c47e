import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { setSpendingLimit } from '../../ledger/limits.ts';
import { withTransaction } from '../../platform/db.ts';
import { newId, type AlertId, type TransferId, type UserId } from '../../platform/ids.ts';
import type { RiskFactor } from '../../platform/questions/assess-transfer.ts';
import type { SubgraphEvent } from '../../platform/subgraph.ts';
import { viewerFor } from '../../tests/one-subgraph.ts';
import { openProjectionWorld, transferCompleted, type ProjectionWorld } from '../../tests/projection-world.ts';
import { hoursAgo, recordHistory } from '../../tests/risk-history.ts';
import { until } from '../../tests/until.ts';
import { raiseAlerts, readAlertNumber, type NewAlert } from './alert-store.ts';
import { createRiskSubgraph } from './subgraph.ts';

let world: ProjectionWorld;

beforeAll(async () => {
  world = await openProjectionWorld('risk', createRiskSubgraph);
});
afterAll(() => world.close());

type Scores = Partial<Record<RiskFactor['name'], number>>;
interface Posted {
  customerId: UserId;
  transferId: TransferId;
  at: Date;
}

/** A transfer that was posted with these factors; nobody has heard of it yet. */
async function post(customerId: UserId, scores: Scores, at = new Date()): Promise<Posted> {
  // The names are those of the record.
  const factors = (Object.entries(scores) as [RiskFactor['name'], number][]).map(([name, score]) => ({
    name,
    score,
    weight: '1',
    reason: 'Because.',
  }));
  const [transferId] = await recordHistory(world.admin, customerId, [{ at, assessment: { factors } }]);
  return { customerId, transferId: transferId!, at };
}

const tell = (posted: readonly Posted[], options?: { unheard?: boolean }) =>
  world.append(
    posted.map(({ customerId, transferId, at }) =>
      transferCompleted({ transferId, senderId: customerId, recipientId: newId<UserId>(), amountMinor: 1_234_56n, at }),
    ),
    options,
  );

interface Alert {
  id: string;
  type: string;
  severity: string;
  message: string;
  acknowledged: boolean;
  acknowledgedAt: string | null;
  transfer: { id: string };
  createdAt: string;
}
interface Page {
  edges: { cursor: string; node: Alert }[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}
const ALERT = 'id type severity message acknowledged acknowledgedAt transfer { id } createdAt';

async function pageOf(userId: UserId, args = '', viewer = viewerFor(userId)): Promise<Page | null> {
  const { data, errors } = await world.execute<{ _entities: { riskAlerts: Page | null }[] }>(
    `query ($id: ID!) { _entities(representations: [{ __typename: "User", id: $id }]) { ... on User {
       riskAlerts${args} { edges { cursor node { ${ALERT} } } pageInfo { hasNextPage endCursor } } } } }`,
    { viewer, variables: { id: userId } },
  );
  expect(errors).toEqual([]);
  return data._entities[0]!.riskAlerts;
}

const alertsOf = async (userId: UserId): Promise<Alert[]> => (await pageOf(userId))!.edges.map(({ node }) => node);

describe('an alert', () => {
  test('is raised for each unusual factor of a posted transfer, with the event that tells of it', async () => {
    const customerId = newId<UserId>();
    const posted = await post(customerId, { amount: 100, velocity: 60, geography: 55, device: 50, behaviour: 100 });
    await tell([posted]);
    const alerts = await alertsOf(customerId);
    expect(alerts.map(({ type, severity }) => [type, severity]).sort()).toEqual([
      ['HIGH_VELOCITY', 'HIGH'],
      ['NEW_COUNTRY', 'MEDIUM'],
      ['NEW_DEVICE', 'MEDIUM'],
      ['UNUSUAL_AMOUNT', 'CRITICAL'],
    ]);
    expect(alerts.find(({ type }) => type === 'UNUSUAL_AMOUNT')).toMatchObject({
      message: 'A transfer of 1234.56 USD is larger than most of your earlier ones.',
      acknowledged: false,
      acknowledgedAt: null,
      transfer: { id: posted.transferId },
      createdAt: posted.at.toISOString(),
    });
    const { rows } = await world.admin.query<{ payload: { alertId: string } }>(
      `SELECT payload FROM platform.event WHERE type = 'RiskAlertRaised' AND payload ->> 'userId' = $1`,
      [customerId],
    );
    expect(rows.map(({ payload }) => payload.alertId).sort()).toEqual(alerts.map(({ id }) => id).sort());
  });

  test('is not raised for what is as usual, for own accounts, or without an assessment', async () => {
    const customerId = newId<UserId>();
    const usual = await post(customerId, { amount: 49, velocity: 0 });
    await tell([usual, { customerId, transferId: newId<TransferId>(), at: new Date() }]);
    const own = await post(customerId, { amount: 100 });
    await world.append([
      transferCompleted({ transferId: own.transferId, senderId: customerId, recipientId: customerId, amountMinor: 1n }),
    ]);
    expect(await alertsOf(customerId)).toEqual([]);
  });

  test('of a type comes once an hour, whether told in one batch or in several', async () => {
    const customerId = newId<UserId>();
    const times = [5, 4.5, 3.9, 2.95, 2.5];
    const posted = [];
    for (const hours of times) posted.push(await post(customerId, { amount: 80 }, hoursAgo(hours)));
    await tell(posted.slice(0, 2));
    await tell(posted.slice(2));
    const about = (await alertsOf(customerId)).map(({ transfer }) => transfer.id);
    expect(about).toEqual([posted[4], posted[2], posted[0]].map((each) => each!.transferId));
  });

  test('comes once, also when its event is handled again', async () => {
    const customerId = newId<UserId>();
    const posted = [
      await post(customerId, { amount: 80 }, hoursAgo(3)),
      await post(customerId, { amount: 80 }, hoursAgo(2.5)),
    ];
    await tell(posted);
    await tell(posted);
    await tell(posted.reverse());
    expect(await alertsOf(customerId)).toHaveLength(1);
  });

  test('says when most of a limit is used, and of an earlier day nothing', async () => {
    const customerId = newId<UserId>();
    await setSpendingLimit(world.deps.pool, {
      ownerId: customerId,
      scope: 'TOTAL',
      dailyMinor: 100_00n,
      monthlyMinor: 200_00n,
    });
    const spend = (today: bigint, month: bigint) =>
      world.admin.query(
        `UPDATE ledger.spending_limit SET day = (now() AT TIME ZONE 'UTC')::date, day_spent = $2,
           month = date_trunc('month', now() AT TIME ZONE 'UTC')::date, month_spent = $3 WHERE owner_id = $1`,
        [customerId, today, month],
      );
    await spend(79_99n, 159_99n);
    await tell([await post(customerId, {})]);
    expect(await alertsOf(customerId)).toEqual([]);
    await spend(79_99n, 160_00n);
    await tell([await post(customerId, {}, hoursAgo(25))]);
    expect(await alertsOf(customerId)).toEqual([]);
    await tell([await post(customerId, {})]);
    await spend(80_00n, 160_00n);
    await tell([await post(customerId, {})]);
    expect((await alertsOf(customerId)).map(({ type, severity, message }) => [type, severity, message])).toEqual([
      ['LIMIT_NEAR', 'LOW', '80 % or more of your limit of 200.00 USD for this month is used.'],
    ]);
  });
});

test('numbers appear in their order: who raises waits for who is raising', async () => {
  const { pool } = world.deps;
  const [one, other] = [newId<UserId>(), newId<UserId>()];
  const alert = (userId: UserId): NewAlert => ({
    id: newId<AlertId>(),
    userId,
    transferId: newId<TransferId>(),
    type: 'NEW_DEVICE',
    severity: 'LOW',
    message: 'Something.',
    createdAt: new Date().toISOString(),
  });
  let second: Promise<unknown> | undefined;
  let secondDone = false;
  await withTransaction(pool, async (tx) => {
    await raiseAlerts(tx, [alert(one)]);
    second = withTransaction(pool, (later) => raiseAlerts(later, [alert(other)])).then(() => (secondDone = true));
    await until('the second to wait', async () => {
      const { rowCount } = await world.admin.query(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`);
      return rowCount === 1;
    });
    expect(secondDone).toBe(false);
  });
  await second;
  const numbers = await Promise.all([one, other].map((userId) => readAlertNumber(pool, { userId, id: null })));
  expect(Number(numbers[0])).toBeLessThan(Number(numbers[1]));
});

describe('riskAlerts', () => {
  test('lists newest first in pages that hold while new ones come', async () => {
    const customerId = newId<UserId>();
    for (const hours of [9, 7, 5, 3]) await tell([await post(customerId, { amount: 80 }, hoursAgo(hours))]);
    const first = (await pageOf(customerId, '(first: 2)'))!;
    expect(first.pageInfo.hasNextPage).toBe(true);
    await tell([await post(customerId, { amount: 80 })]);
    const second = (await pageOf(customerId, `(first: 2, after: "${first.pageInfo.endCursor}")`))!;
    expect(second.pageInfo.hasNextPage).toBe(false);
    const times = [...first.edges, ...second.edges].map(({ node }) => Date.parse(node.createdAt));
    expect(times).toHaveLength(4);
    expect(times).toEqual([...times].sort((a, b) => b - a));
  });

  test('is the customer’s own and staff’s to see', async () => {
    const customerId = newId<UserId>();
    await tell([await post(customerId, { amount: 80 })]);
    expect(await pageOf(customerId, '', viewerFor())).toBeNull();
    expect((await pageOf(customerId, '', viewerFor(newId(), ['COMPLIANCE'])))!.edges).toHaveLength(1);
    const { pageInfo } = (await pageOf(customerId))!;
    const { errors } = await world.execute(
      `{ me { riskAlerts(after: "${pageInfo.endCursor}") { edges { cursor } } } }`,
      {
        viewer: viewerFor(),
      },
    );
    expect(errors).toEqual([expect.objectContaining({ code: 'INVALID_CURSOR' })]);
  });

  test('of many customers is read in one statement', async () => {
    const ids = Array.from({ length: 10 }, () => newId<UserId>());
    const before = world.statements();
    await world.execute(
      `query ($users: [_Any!]!) { _entities(representations: $users) { ... on User {
         riskAlerts { edges { cursor } } few: riskAlerts(first: 1) { edges { cursor } } } } }`,
      { viewer: viewerFor(newId(), ['SUPPORT']), variables: { users: ids.map((id) => ({ __typename: 'User', id })) } },
    );
    expect(world.statements() - before).toBe(1);
  });
});

describe('acknowledgeRiskAlert', () => {
  const acknowledge = async (id: string, userId: UserId) =>
    (
      await world.execute<{ acknowledgeRiskAlert: { alert: Alert | null; userErrors: { code: string }[] } }>(
        `mutation ($id: ID!) { acknowledgeRiskAlert(id: $id) { alert { ${ALERT} } userErrors { code } } }`,
        { viewer: viewerFor(userId), variables: { id } },
      )
    ).data.acknowledgeRiskAlert;

  test('marks an alert as seen, and keeps when that was first', async () => {
    const customerId = newId<UserId>();
    await tell([await post(customerId, { amount: 80 })]);
    const [alert] = await alertsOf(customerId);
    const first = await acknowledge(alert!.id, customerId);
    expect(first).toMatchObject({ alert: { id: alert!.id, acknowledged: true }, userErrors: [] });
    const again = await acknowledge(alert!.id.toUpperCase(), customerId);
    expect(again.alert!.acknowledgedAt).toBe(first.alert!.acknowledgedAt);
    expect(await alertsOf(customerId)).toEqual([first.alert]);
  });

  test('knows no alert of another, for staff neither, and no other id', async () => {
    const customerId = newId<UserId>();
    await tell([await post(customerId, { amount: 80 })]);
    const [alert] = await alertsOf(customerId);
    for (const id of [alert!.id, newId<UserId>(), 'no id']) {
      expect(await acknowledge(id, newId<UserId>())).toEqual({
        alert: null,
        userErrors: [{ code: 'ALERT_NOT_FOUND' }],
      });
    }
    expect(await alertsOf(customerId)).toEqual([alert]);
  });
});

describe('riskAlertRaised', () => {
  const QUERY = `subscription ($after: ID) { riskAlertRaised(afterId: $after) { ${ALERT} } }`;

  function follow(userId: UserId, after: string | null = null) {
    const stream = world.subscribe(QUERY, { viewer: viewerFor(userId), variables: { after } });
    return {
      stream,
      next: async (): Promise<Alert> => {
        // A subscription's event; that it is there is what is tested.
        const { value } = (await stream.next()) as IteratorYieldResult<SubgraphEvent>;
        expect(value.result.errors).toBeUndefined();
        return value.result.data!['riskAlertRaised'] as Alert;
      },
    };
  }
  test('tells of each alert live, of the viewer’s own only, and ends at once when the reader leaves', async () => {
    const [customerId, other] = [newId<UserId>(), newId<UserId>()];
    const { stream, next } = follow(customerId);
    const first = next();
    let told = false;
    void first.then(() => (told = true));
    // Only what comes after the subscription began is told, and when that was nobody says.
    let hours = 0;
    await until('an alert after the subscription began', async () => {
      hours += 2;
      await tell([await post(other, { amount: 80 }, hoursAgo(hours))]);
      await tell([await post(customerId, { amount: 80 }, hoursAgo(hours))]);
      return told;
    });
    const alert = await first;
    expect((await alertsOf(customerId)).map(({ id }) => id)).toContain(alert.id);
    const waiting = stream.next();
    await stream.return!();
    expect(await waiting).toEqual({ value: undefined, done: true });
  });

  test('begins with what was missed after a known alert, without a gap or a repetition', async () => {
    const customerId = newId<UserId>();
    const hours = Array.from({ length: 130 }, (_, n) => 1000 - n * 2);
    const posted = [];
    for (const each of hours) posted.push(await post(customerId, { amount: 80 }, hoursAgo(each)));
    await tell(posted.slice(0, 120));
    // More than the stream reads at once.
    const { pageInfo } = (await pageOf(customerId, '(first: 100)'))!;
    const oldest = (await pageOf(customerId, `(after: "${pageInfo.endCursor}")`))!.edges.at(-1)!.node;
    const { stream, next } = follow(customerId, oldest.id);
    const seen: string[] = [];
    while (seen.length < 119) seen.push((await next()).transfer.id);
    await tell(posted.slice(120), { unheard: true });
    while (seen.length < 129) seen.push((await next()).transfer.id);
    expect(seen).toEqual(posted.slice(1).map(({ transferId }) => transferId));
    await stream.return!();
  });

  test('says nothing while there is nothing', async () => {
    const customerId = newId<UserId>();
    const { stream } = follow(customerId);
    const next = stream.next();
    await tell([await post(newId<UserId>(), { amount: 80 })]);
    await world.deps.tail.caughtUp(AbortSignal.timeout(10_000));
    expect(await Promise.race([next.then(() => 'told'), world.caughtUp().then(() => 'quiet')])).toBe('quiet');
    await stream.return!();
    expect(await next).toEqual({ value: undefined, done: true });
  });

  test('refuses who is nobody, and ids of no alert of the viewer’s own', async () => {
    const customerId = newId<UserId>();
    await tell([await post(customerId, { amount: 80 })]);
    const [alert] = await alertsOf(customerId);
    const codeOf = async (viewer: ReturnType<typeof viewerFor> | null, after: string | null) => {
      const codes = [];
      for await (const { result } of world.subscribe(QUERY, { viewer, variables: { after } }))
        codes.push(result.errors?.[0]?.extensions['code']);
      return codes;
    };
    expect(await codeOf(null, null)).toEqual(['UNAUTHENTICATED']);
    expect(await codeOf(viewerFor(), alert!.id)).toEqual(['NOT_FOUND']);
    expect(await codeOf(viewerFor(customerId), 'unknown')).toEqual(['NOT_FOUND']);
    expect(await codeOf(viewerFor(customerId), newId<UserId>())).toEqual(['NOT_FOUND']);
  });
});
