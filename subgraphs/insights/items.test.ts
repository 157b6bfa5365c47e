import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type UserId } from '../../platform/ids.ts';
import { viewerFor } from '../../tests/one-subgraph.ts';
import { disconnected, imported, outsideAccount, statementLine, synced } from '../../tests/outside-lines.ts';
import {
  accountOpened,
  entryPosted,
  eventAccount,
  openProjectionWorld,
  type ProjectionWorld,
} from '../../tests/projection-world.ts';
import { addMonthsTo } from './calendar.ts';
import { createInsightsSubgraph } from './subgraph.ts';

const NOW = new Date('2026-11-21T10:00:00.000Z');
let world: ProjectionWorld;

beforeAll(async () => {
  world = await openProjectionWorld('insights', createInsightsSubgraph, { clock: { now: () => NOW } });
});
afterAll(() => world.close());

interface Item {
  id: string;
  kind: string;
  title: string;
  body: string;
  amount: { amount: string; currency: string };
  confidence: string;
  createdAt: string;
  transactions: { id: string; category: string }[];
  externalTransactions: { id: string; category: string }[];
}

const ITEM = `id kind title body amount { amount currency } confidence createdAt
  transactions { id category } externalTransactions { id category }`;

async function itemsOf(owner: UserId, args = '') {
  const { data, errors } = await world.execute<{
    me: { insights: { items: { edges: { cursor: string; node: Item }[]; pageInfo: { hasNextPage: boolean } } } };
  }>(`{ me { insights { items${args} { edges { cursor node { ${ITEM} } } pageInfo { hasNextPage } } } } }`, {
    viewer: viewerFor(owner),
  });
  expect(errors).toEqual([]);
  const { edges, pageInfo } = data.me.insights.items;
  return { edges, nodes: edges.map(({ node }) => node), hasNextPage: pageInfo.hasNextPage };
}

const monthly = (from: string, count: number, amountMinor: number, description: string) =>
  Array.from({ length: count }, (_, index) => statementLine(addMonthsTo(from, index), amountMinor, description));

describe('Insights.items', () => {
  test('find a rent that is paid outside at first and from here later, and name its lines on both sides', async () => {
    const owner = newId<UserId>();
    const bank = outsideAccount(owner);
    const [own, landlord] = [eventAccount(owner), eventAccount(newId<UserId>())];
    const outside = monthly('2026-06-01', 3, -120_000, 'Harbour View Flats');
    const here = ['2026-09-01', '2026-10-01', '2026-11-02'].map((day) =>
      entryPosted(
        [
          {
            account: own,
            amountMinor: -120_000n,
            lineType: 'TRANSFER_OUT',
            counterparty: 'Harbour View Flats',
            description: 'Rent',
          },
          { account: landlord, amountMinor: 120_000n, lineType: 'TRANSFER_IN' },
        ],
        new Date(`${day}T09:00:00.000Z`),
      ),
    );
    await world.append([
      accountOpened(own),
      imported(bank, outside),
      entryPosted([{ account: own, amountMinor: 400_000n, lineType: 'DEPOSIT' }], new Date('2026-08-31T09:00:00Z')),
      ...here,
    ]);
    const { nodes } = await itemsOf(owner);
    expect(nodes.map(({ kind }) => kind).sort()).toEqual(['LOW_BALANCE_FORECAST', 'RECURRING_PAYMENT']);
    const rent = nodes.find(({ kind }) => kind === 'RECURRING_PAYMENT')!;
    const postings = here.map(({ payload }) => payload.changes[0]!.postingId);
    expect(rent).toMatchObject({
      title: 'Harbour View Flats: about 1200.00 USD every month',
      body: 'Paid 6 times from 2026-06-01 to 2026-11-02. Next expected on 2026-12-02, about 1200.00 USD.',
      amount: { amount: '1200.00', currency: 'USD' },
      confidence: '0.83',
      createdAt: '2026-11-02T09:00:00.000Z',
      transactions: postings.reverse().map((id) => ({ id, category: 'Housing' })),
      externalTransactions: outside.map(({ externalTransactionId: id }) => ({ id, category: 'Other' })).reverse(),
    });
    // 400 of 4,000 are left after three rents.
    expect(nodes.find(({ kind }) => kind === 'LOW_BALANCE_FORECAST')).toMatchObject({
      amount: { amount: '800.00', currency: 'USD' },
      transactions: [{ id: postings[0], category: 'Housing' }],
      externalTransactions: [],
    });
  });

  test('are nobody else’s, and go with a disconnected account', async () => {
    const owner = newId<UserId>();
    const bank = outsideAccount(owner);
    await world.append([
      imported(bank, monthly('2026-06-07', 6, -1549, 'NETFLIX.COM')),
      synced(bank, 1000, '2026-11-15T00:00:00Z'),
    ]);
    expect((await itemsOf(owner)).nodes.map(({ kind }) => kind).sort()).toEqual([
      'LOW_BALANCE_FORECAST',
      'RECURRING_PAYMENT',
    ]);
    expect((await itemsOf(newId<UserId>())).nodes).toEqual([]);
    const another = await world.execute<{ _entities: { insights: unknown }[] }>(
      `query ($id: ID!) { _entities(representations: [{ __typename: "User", id: $id }]) { ... on User { insights { items { edges { node { id } } } } } } }`,
      { viewer: viewerFor(), variables: { id: owner } },
    );
    expect(another.data._entities).toEqual([{ insights: null }]);
    await world.append([disconnected(bank, '2026-11-20T00:00:00Z')]);
    expect((await itemsOf(owner)).nodes).toEqual([]);
  });

  test('forecast nothing from a balance of an old file, however lately it was imported', async () => {
    const owner = newId<UserId>();
    const bank = outsideAccount(owner);
    await world.append([
      imported(bank, monthly('2026-06-07', 6, -1549, 'NETFLIX.COM')),
      synced(bank, 1000, '2026-11-15T00:00:00Z', '2024-11-15T00:00:00Z'),
    ]);
    expect((await itemsOf(owner)).nodes.map(({ kind }) => kind)).toEqual(['RECURRING_PAYMENT']);
  });

  test('say nothing about too little or too old data', async () => {
    const owner = newId<UserId>();
    await world.append([
      imported(outsideAccount(owner), [
        ...monthly('2026-10-07', 2, -1549, 'NETFLIX.COM'),
        ...monthly('2013-01-07', 12, -99_900, 'HARBOUR VIEW'),
        // Not yet booked.
        ...monthly('2026-11-22', 12, -99_900, 'FUTURE'),
      ]),
    ]);
    expect((await itemsOf(owner)).nodes).toEqual([]);
  });

  test('come in pages, newest first, each once, with the same ids and times when asked again', async () => {
    const owner = newId<UserId>();
    const payees = ['NETFLIX', 'PLANET FITNESS', 'VODAFONE', 'LIDL', 'ALLIANZ', 'Someone', 'Somebody', 'Nobody'];
    await world.append([
      imported(
        outsideAccount(owner),
        payees.flatMap((payee, index) => monthly(`2026-06-0${1 + (index % 5)}`, 6, -1000 - index * 177, payee)),
      ),
    ]);
    const all = await itemsOf(owner, '(first: 100)');
    expect(all.nodes).toHaveLength(8);
    const times = all.nodes.map(({ createdAt }) => createdAt);
    expect(times).toEqual([...times].sort().reverse());
    expect((await itemsOf(owner, '(first: 100)')).nodes).toEqual(all.nodes);
    const paged: string[] = [];
    for (let after = '', more = true; more;) {
      const page = await itemsOf(owner, `(first: 3${after && `, after: "${after}"`})`);
      paged.push(...page.nodes.map(({ id }) => id));
      after = page.edges.at(-1)!.cursor;
      more = page.hasNextPage;
    }
    expect(paged).toEqual(all.nodes.map(({ id }) => id));
    // A cursor of one person's list is none of another's.
    const foreign = await world.execute(
      `{ me { insights { items(after: "${all.edges[0]!.cursor}") { edges { cursor } } } } }`,
      { viewer: viewerFor() },
    );
    expect(foreign.errors).toEqual([expect.objectContaining({ code: 'INVALID_CURSOR' })]);
  });

  test.each([
    ['items(first: 0) { edges { cursor } }', 'INVALID_PAGE_SIZE'],
    ['items(after: "x") { edges { cursor } }', 'INVALID_CURSOR'],
    ['recommendations(first: 101) { id }', 'INVALID_PAGE_SIZE'],
  ])('refuse %s', async (field, code) => {
    const { errors } = await world.execute(`{ me { insights { ${field} } } }`, { viewer: viewerFor() });
    expect(errors).toEqual([expect.objectContaining({ code })]);
  });
});

describe('Insights as a whole', () => {
  const EVERYTHING = `{ me { insights {
    spending(from: "2026-10-01", to: "2026-11-30") { total { amount } months { total { amount } } categories { category } }
    items { edges { node { ${ITEM} } } }
    recommendations { ${ITEM} } } } }`;

  async function statementsFor(lineCount: number): Promise<number> {
    const owner = newId<UserId>();
    const own = eventAccount(owner);
    const other = eventAccount(newId<UserId>());
    await world.append([
      accountOpened(own),
      imported(
        outsideAccount(owner),
        Array.from({ length: lineCount }, (_, index) =>
          monthly('2026-06-01', 6, -1000 - index * 150, `payee ${'abcdefghij'[index % 10]!.repeat(3)}`),
        )
          .flat()
          .slice(0, 200),
      ),
      ...Array.from({ length: lineCount }, () =>
        entryPosted(
          [
            { account: own, amountMinor: -700n, lineType: 'TRANSFER_OUT', counterparty: 'Bola' },
            { account: other, amountMinor: 700n, lineType: 'TRANSFER_IN' },
          ],
          new Date('2026-11-01T00:00:00Z'),
        ),
      ),
    ]);
    const before = world.statements();
    const { errors } = await world.execute(EVERYTHING, { viewer: viewerFor(owner) });
    expect(errors).toEqual([]);
    return world.statements() - before;
  }

  test('takes the same number of statements however much there is', async () => {
    const few = await statementsFor(1);
    const many = await statementsFor(30);
    expect(many).toBe(few);
    // Sums, lines, balances, rates; categories of lines here and outside.
    expect(many).toBeLessThanOrEqual(6);
  });

  test('recommends what is most useful first, five unless asked for more', async () => {
    const owner = newId<UserId>();
    const bank = outsideAccount(owner);
    await world.append([
      imported(bank, [
        ...['NETFLIX', 'DISNEY PLUS', 'SPOTIFY'].flatMap((payee, index) =>
          monthly(`2026-06-0${1 + index}`, 6, -1000 - index * 300, payee),
        ),
        ...monthly('2026-06-01', 6, -90_000, 'HARBOUR VIEW APARTMENTS'),
      ]),
      synced(bank, 50_000, '2026-11-10T00:00:00Z'),
    ]);
    const { data } = await world.execute<{ me: { insights: { recommendations: Item[] } } }>(
      '{ me { insights { recommendations { kind title confidence } } } }',
      { viewer: viewerFor(owner) },
    );
    expect(data.me.insights.recommendations.map(({ kind }) => kind)).toEqual([
      'LOW_BALANCE_FORECAST',
      'SAVING_OPPORTUNITY',
      'RECURRING_PAYMENT',
      'RECURRING_PAYMENT',
      'RECURRING_PAYMENT',
    ]);
  });
});
