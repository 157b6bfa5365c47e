import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type UserId } from '../../platform/ids.ts';
import { viewerFor } from '../../tests/one-subgraph.ts';
import { disconnected, imported, linked, outsideAccount, statementLine, synced } from '../../tests/outside-lines.ts';
import {
  accountOpened,
  entryPosted,
  eventAccount,
  openProjectionWorld,
  type ProjectionWorld,
} from '../../tests/projection-world.ts';
import { createInsightsSubgraph } from './subgraph.ts';

let world: ProjectionWorld;

beforeAll(async () => {
  world = await openProjectionWorld('insights', createInsightsSubgraph);
});
afterAll(() => world.close());

const MONEY = 'total { amount } income { amount }';
const BOTH = 'categories { category count total { amount } } incomeCategories { category count total { amount } }';

async function spendingOf<Spending>(owner: UserId, args: string, fields: string) {
  const { data, errors } = await world.execute<{ me: { insights: { spending: Spending } } }>(
    `{ me { insights { spending(${args}) { ${fields} } } } }`,
    { viewer: viewerFor(owner) },
  );
  expect(errors).toEqual([]);
  return data.me.insights.spending;
}

const OCTOBER = 'from: "2026-10-01", to: "2026-10-31", currency: "USD"';

describe('lines of outside accounts', () => {
  test('count with those here, by category and month', async () => {
    const owner = newId<UserId>();
    const bank = outsideAccount(owner);
    const [own, other] = [eventAccount(owner), eventAccount(newId<UserId>())];
    await world.append([
      accountOpened(own),
      imported(bank, [
        statementLine('2026-08-31', -9900, 'TESCO'),
        statementLine('2026-09-01', 315_000, 'ACME CORP PAYROLL'),
        statementLine('2026-09-04', -6318, 'WHOLE FOODS MARKET #10233'),
        statementLine('2026-10-01', 315_000, 'ACME CORP PAYROLL'),
        statementLine('2026-10-04', -4000, 'WHOLE FOODS MARKET #10233'),
        statementLine('2026-10-31', -1549, 'NETFLIX.COM'),
        statementLine('2026-11-01', -9900, 'TESCO'),
        statementLine('2026-10-10', -50_000, 'DWAYBANK TOP UP'),
      ]),
      entryPosted([{ account: own, amountMinor: 50_000n, lineType: 'DEPOSIT' }], new Date('2026-10-10T09:00:00Z')),
      entryPosted(
        [
          { account: own, amountMinor: -2500n, lineType: 'TRANSFER_OUT', description: 'Groceries for the party' },
          { account: other, amountMinor: 2500n, lineType: 'TRANSFER_IN', description: 'Groceries for the party' },
        ],
        new Date('2026-10-31T23:59:59.999Z'),
      ),
    ]);
    const fields = `${MONEY} ${BOTH} months { month ${MONEY} categories { category changeRatio } }`;
    expect(await spendingOf(owner, 'from: "2026-09-01", to: "2026-10-31"', fields)).toEqual({
      total: { amount: '143.67' },
      income: { amount: '6300.00' },
      categories: [
        { category: 'Groceries', count: 3, total: { amount: '128.18' } },
        { category: 'Entertainment', count: 1, total: { amount: '15.49' } },
      ],
      incomeCategories: [{ category: 'Salary', count: 2, total: { amount: '6300.00' } }],
      months: [
        {
          month: '2026-09',
          total: { amount: '63.18' },
          income: { amount: '3150.00' },
          categories: [{ category: 'Groceries', changeRatio: null }],
        },
        {
          month: '2026-10',
          total: { amount: '80.49' },
          income: { amount: '3150.00' },
          categories: [
            { category: 'Groceries', changeRatio: '0.028807' },
            { category: 'Entertainment', changeRatio: null },
          ],
        },
      ],
    });
  });

  test('in other currencies are converted at the newest rates', async () => {
    const owner = newId<UserId>();
    await world.append([
      {
        type: 'RatesRecorded',
        key: '2026-11-19',
        payload: { date: '2026-11-19', perUsd: { USD: '1', EUR: '0.5' }, source: 'test' },
      },
      {
        type: 'RatesRecorded',
        key: '2026-11-20',
        payload: { date: '2026-11-20', perUsd: { USD: '1', EUR: '0.8' }, source: 'test' },
      },
      imported(outsideAccount(owner, 'EUR'), [statementLine('2026-10-04', -800, 'LIDL')]),
      imported(outsideAccount(owner, 'KES'), [statementLine('2026-10-04', -800, 'NAIVAS')]),
    ]);
    expect(await spendingOf(owner, OCTOBER, `${MONEY} leftOut`)).toEqual({
      total: { amount: '10.00' },
      income: { amount: '0.00' },
      leftOut: ['KES'],
    });
  });

  test('imported again, or told again, add nothing', async () => {
    const owner = newId<UserId>();
    const event = imported(outsideAccount(owner), [
      statementLine('2026-10-04', -1000, 'LIDL'),
      statementLine('2026-10-04', -1000, 'LIDL'),
    ]);
    await world.append([event, event]);
    await world.append([event]);
    expect(await spendingOf(owner, OCTOBER, BOTH)).toMatchObject({
      categories: [{ count: 2, total: { amount: '20.00' } }],
    });
  });

  test('of a disconnected account leave every sum, keep their category, and come back with it', async () => {
    const owner = newId<UserId>();
    const bank = outsideAccount(owner);
    const line = statementLine('2026-10-04', -1000, 'LIDL');
    await world.append([linked(bank, '2026-10-05T00:00:00Z'), imported(bank, [line])]);
    const total = async () => (await spendingOf<{ total: unknown }>(owner, OCTOBER, MONEY)).total;
    const category = async () => (await categoriesOf(viewerFor(owner), [line.externalTransactionId]))[0];
    expect([await total(), await category()]).toEqual([{ amount: '10.00' }, 'Groceries']);
    await world.append([disconnected(bank, '2026-10-06T00:00:00Z')]);
    expect([await total(), await category()]).toEqual([{ amount: '0.00' }, 'Groceries']);
    // An older fact that comes late changes nothing.
    await world.append([linked(bank, '2026-10-05T12:00:00Z')]);
    expect(await total()).toEqual({ amount: '0.00' });
    await world.append([linked(bank, '2026-10-07T00:00:00Z')]);
    expect(await total()).toEqual({ amount: '10.00' });
  });

  test('that say anything at all are kept as they are', async () => {
    const owner = newId<UserId>();
    const texts = ['x'.repeat(100_000), "'; DROP TABLE movement; --", '\u202Eevil', '((((a+)+)+)+)+$', '', '💸'];
    await world.append([
      imported(
        outsideAccount(owner),
        texts.map((text) => statementLine('2026-10-04', -100, text)),
      ),
    ]);
    expect(await spendingOf(owner, OCTOBER, BOTH)).toMatchObject({
      categories: [{ category: 'Other', count: texts.length, total: { amount: '6.00' } }],
    });
  });

  test.each([
    ['from: "0001-01-01", to: "0001-12-31"', 12],
    ['from: "9999-12-01", to: "9999-12-31"', 1],
    ['from: "2016-12-01", to: "2026-11-30"', 120],
  ])('of %s can be asked for', async (range, months) => {
    expect((await spendingOf<{ months: unknown[] }>(newId<UserId>(), range, 'months { month }')).months).toHaveLength(
      months,
    );
  });
});

const CATEGORIES = `query ($lines: [_Any!]!) { _entities(representations: $lines) {
  ... on ExternalTransaction { category categorisation { category rule confidence } } } }`;

async function explain(viewer: ReturnType<typeof viewerFor> | null, ids: readonly string[]) {
  const { data } = await world.execute<{ _entities: { category: string | null; categorisation: unknown }[] }>(
    CATEGORIES,
    {
      viewer,
      variables: { lines: ids.map((id) => ({ __typename: 'ExternalTransaction', id })) },
    },
  );
  return data._entities;
}

async function categoriesOf(viewer: ReturnType<typeof viewerFor> | null, ids: readonly string[]) {
  return (await explain(viewer, ids)).map(({ category }) => category);
}

describe('the category of an outside line', () => {
  test('is its owner’s and staff’s, with its reason; all are read with one statement', async () => {
    const owner = newId<UserId>();
    const lines = [
      statementLine('2026-10-04', -1000, 'LIDL'),
      statementLine('2026-10-04', -1000, 'HARBOUR VIEW', { merchantCategory: '5812' }),
      statementLine('2026-10-04', -1000, 'ELECTRIC BILL'),
    ];
    await world.append([
      imported(outsideAccount(owner), lines),
      synced(outsideAccount(owner), 100, '2026-10-05T00:00:00Z'),
    ]);
    const ids = [...lines.map(({ externalTransactionId }) => externalTransactionId), newId(), 'no id'];
    const before = world.statements();
    expect(await explain(viewerFor(owner), ids)).toEqual([
      { category: 'Groceries', categorisation: { category: 'Groceries', rule: 'brand lidl', confidence: '0.9' } },
      { category: 'Dining', categorisation: { category: 'Dining', rule: 'mcc 5812', confidence: '0.9' } },
      {
        category: 'Utilities',
        categorisation: { category: 'Utilities', rule: 'word electric bill', confidence: '0.7' },
      },
      { category: null, categorisation: null },
      { category: null, categorisation: null },
    ]);
    expect(world.statements() - before).toBe(1);
    expect(await categoriesOf(viewerFor(newId(), ['SUPPORT']), ids)).toEqual([
      'Groceries',
      'Dining',
      'Utilities',
      null,
      null,
    ]);
    expect(await categoriesOf(viewerFor(), ids)).toEqual(ids.map(() => null));
    expect(await categoriesOf(null, ids)).toEqual(ids.map(() => null));
  });
});
