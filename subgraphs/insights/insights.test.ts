import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type PostingId, type UserId } from '../../platform/ids.ts';
import { viewerFor } from '../../tests/one-subgraph.ts';
import {
  accountOpened,
  entryPosted,
  eventAccount,
  openProjectionWorld,
  type EventAccount,
  type ProjectionWorld,
} from '../../tests/projection-world.ts';
import { createInsightsSubgraph } from './subgraph.ts';

let world: ProjectionWorld;

beforeAll(async () => {
  world = await openProjectionWorld('insights', createInsightsSubgraph);
});
afterAll(() => world.close());

const SPENDING = `from to total { amount currency } income { amount currency }
  categories { category total { amount currency } share count changeRatio } leftOut`;

async function spendingOf(owner: UserId, args: string, fields = SPENDING) {
  const { data, errors } = await world.execute<{
    me: { insights: { spending: Record<string, unknown> } | null } | null;
  }>(`{ me { insights { spending(${args}) { ${fields} } } } }`, { viewer: viewerFor(owner) });
  return { spending: data?.me?.insights?.spending ?? null, errors };
}

function pay(from: EventAccount, to: EventAccount, amountMinor: bigint, at: string, postingId = newId<PostingId>()) {
  return entryPosted(
    [
      { account: from, amountMinor: -amountMinor, lineType: 'TRANSFER_OUT', postingId },
      { account: to, amountMinor, lineType: 'TRANSFER_IN' },
    ],
    new Date(at),
  );
}

describe('Insights.spending', () => {
  test('adds up what went out and came in, day by day inclusive, against the days before', async () => {
    const owner = newId<UserId>();
    const [own, savings] = [eventAccount(owner), eventAccount(owner)];
    const other = eventAccount(newId<UserId>());
    await world.append([
      accountOpened(own),
      accountOpened(savings),
      // Own money: what came from a card was earned elsewhere.
      entryPosted([{ account: own, amountMinor: 100_000n, lineType: 'DEPOSIT' }], new Date('2026-03-01T00:00:00.000Z')),
      pay(own, other, 1_000n, '2026-03-01T00:00:00.000Z'),
      pay(own, other, 2_000n, '2026-03-10T23:59:59.999Z'),
      pay(other, own, 500n, '2026-03-05T12:00:00.000Z'),
      // Not of these days, or not of this kind:
      pay(own, other, 40_000n, '2026-03-11T00:00:00.000Z'),
      pay(own, savings, 7_777n, '2026-03-05T12:00:00.000Z'),
      pay(own, other, 2_000n, '2026-02-28T23:59:59.999Z'),
      pay(own, other, 50_000n, '2026-02-18T23:59:59.999Z'),
    ]);
    const { spending, errors } = await spendingOf(owner, 'from: "2026-03-01", to: "2026-03-10"');
    expect(errors).toEqual([]);
    const usd = (amount: string) => ({ amount, currency: 'USD' });
    expect(spending).toEqual({
      from: '2026-03-01',
      to: '2026-03-10',
      total: usd('30.00'),
      income: usd('5.00'),
      categories: [{ category: 'Transfers', total: usd('30.00'), share: '1', count: 2, changeRatio: '0.5' }],
      leftOut: [],
    });
  });

  test('is in the currency of the oldest account unless another is asked for; without a rate the others are left out', async () => {
    const owner = newId<UserId>();
    const [yen, dollars] = [eventAccount(owner, 'JPY'), eventAccount(owner, 'USD')];
    const others = [eventAccount(newId<UserId>(), 'JPY'), eventAccount(newId<UserId>(), 'USD')] as const;
    await world.append([
      accountOpened(dollars, new Date('2026-01-02T00:00:00Z')),
      accountOpened(yen, new Date('2026-01-01T00:00:00Z')),
      pay(yen, others[0], 500n, '2026-03-01T12:00:00Z'),
      pay(dollars, others[1], 500n, '2026-03-01T12:00:00Z'),
    ]);
    const total = 'total { amount currency } leftOut';
    const range = 'from: "2026-03-01", to: "2026-03-01"';
    expect((await spendingOf(owner, range, total)).spending).toEqual({
      total: { amount: '500', currency: 'JPY' },
      leftOut: ['USD'],
    });
    expect((await spendingOf(owner, `${range}, currency: "USD"`, total)).spending).toEqual({
      total: { amount: '5.00', currency: 'USD' },
      leftOut: ['JPY'],
    });
    expect((await spendingOf(newId<UserId>(), range, total)).spending).toEqual({
      total: { amount: '0.00', currency: 'USD' },
      leftOut: [],
    });
  });

  test('counts an event that comes twice once', async () => {
    const owner = newId<UserId>();
    const own = eventAccount(owner);
    const event = pay(own, eventAccount(newId<UserId>()), 100n, '2026-03-01T12:00:00Z');
    await world.append([accountOpened(own), event, event]);
    await world.append([event]);
    const { spending } = await spendingOf(owner, 'from: "2026-03-01", to: "2026-03-01"', 'total { amount }');
    expect(spending).toEqual({ total: { amount: '1.00' } });
  });

  test.each([
    ['from: "2026-03-02", to: "2026-03-01"', 'BAD_USER_INPUT'],
    ['from: "2016-01-01", to: "2026-01-01"', 'BAD_USER_INPUT'],
    ['from: "2026-03-01", to: "2026-03-01", currency: "XYZ"', 'UNSUPPORTED_CURRENCY'],
  ])('refuses %s', async (args, code) => {
    const { errors } = await spendingOf(newId<UserId>(), args);
    expect(errors).toEqual([expect.objectContaining({ code })]);
  });
});

describe('who may see what', () => {
  const INSIGHTS = `query ($id: ID!) { _entities(representations: [{ __typename: "User", id: $id }]) {
    ... on User { insights { recommendations { id } } } } }`;
  const CATEGORIES = `query ($lines: [_Any!]!) { _entities(representations: $lines) {
    ... on Transaction { category } ... on ExternalTransaction { category } } }`;

  test('insights are the person’s own, and staff’s to look at', async () => {
    const id = newId<UserId>();
    const see = async (viewer: ReturnType<typeof viewerFor> | null, asked: string = id) =>
      (await world.execute<{ _entities: { insights: unknown }[] }>(INSIGHTS, { viewer, variables: { id: asked } })).data
        ._entities[0]!.insights;
    expect(await see(viewerFor(id))).toEqual({ recommendations: [] });
    expect(await see(viewerFor(newId(), ['SUPPORT']))).toEqual({ recommendations: [] });
    expect(await see(viewerFor())).toBeNull();
    expect(await see(null)).toBeNull();
    expect(await see(viewerFor(), 'no id')).toBeNull();
  });

  test('the category of a line is its owner’s and staff’s; all are read with one statement', async () => {
    const owner = newId<UserId>();
    const own = eventAccount(owner);
    const postingIds = Array.from({ length: 5 }, () => newId<PostingId>());
    const other = eventAccount(newId<UserId>());
    await world.append(postingIds.map((postingId) => pay(own, other, 1n, '2026-03-01T12:00:00Z', postingId)));
    const lines = [
      ...postingIds.map((id) => ({ __typename: 'Transaction', id })),
      { __typename: 'Transaction', id: newId() },
      { __typename: 'Transaction', id: 'no id' },
      { __typename: 'ExternalTransaction', id: 'x' },
    ];
    const see = async (viewer: ReturnType<typeof viewerFor> | null) => {
      const { data } = await world.execute<{ _entities: { category: string | null }[] }>(CATEGORIES, {
        viewer,
        variables: { lines },
      });
      return data._entities.map(({ category }) => category);
    };
    const before = world.statements();
    expect(await see(viewerFor(owner))).toEqual([...postingIds.map(() => 'Transfers'), null, null, null]);
    expect(world.statements() - before).toBe(1);
    expect(await see(viewerFor(newId(), ['SUPPORT']))).toEqual([
      ...postingIds.map(() => 'Transfers'),
      null,
      null,
      null,
    ]);
    expect(await see(viewerFor(other.ownerId))).toEqual(lines.map(() => null));
    expect(await see(null)).toEqual(lines.map(() => null));
  });

  test('me needs a viewer', async () => {
    const { errors } = await world.execute('{ me { id } }');
    expect(errors).toEqual([expect.objectContaining({ code: 'UNAUTHENTICATED' })]);
  });
});
