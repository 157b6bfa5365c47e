import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { AccountId } from '../../platform/ids.ts';
import type { Viewer } from '../../platform/viewer.ts';
import { viewerFor } from '../../tests/one-subgraph.ts';
import { startWalletWorld, type WalletWorld } from '../../tests/wallet-world.ts';

let world: WalletWorld;
beforeAll(async () => {
  world = await startWalletWorld();
});
afterAll(() => world.close());

const LINES = `query ($id: ID!, $first: Int, $after: String, $from: DateTime, $to: DateTime) { account(id: $id) {
  transactions(first: $first, after: $after, from: $from, to: $to) {
    edges { cursor node { id type amount { amount currency } balanceAfter { amount } description counterparty createdAt } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }`;

interface Line {
  id: string;
  amount: { amount: string };
  balanceAfter: { amount: string };
  createdAt: string;
}
interface Page {
  edges: { cursor: string; node: Line }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
}
interface Asked {
  first?: number;
  after?: string | null;
  from?: string;
  to?: string;
}

async function ask(viewer: Viewer, id: AccountId, variables: Asked = {}) {
  const answer = await world.execute<{ account: { transactions: Page } } | null>(LINES, {
    viewer,
    variables: { id, ...variables },
  });
  return { page: answer.data?.account?.transactions, codes: answer.errors.map(({ code }) => code) };
}

/** Every line, page by page; `between` runs after each page. */
async function readAll(viewer: Viewer, id: AccountId, asked: Asked, between: () => Promise<void> = async () => {}) {
  const lines: Line[] = [];
  for (let after: string | null = null; ;) {
    const { page, codes } = await ask(viewer, id, { ...asked, after });
    expect(codes).toEqual([]);
    expect(page!.edges.length).toBeLessThanOrEqual(asked.first ?? 20);
    expect(page!.pageInfo).toMatchObject({
      hasPreviousPage: after !== null,
      endCursor: page!.edges.at(-1)?.cursor ?? null,
    });
    lines.push(...page!.edges.map(({ node }) => node));
    if (!page!.pageInfo.hasNextPage) return lines;
    after = page!.pageInfo.endCursor;
    await between();
  }
}

describe('a statement', () => {
  test('tells newest first what moved, from whom and what was there after it', async () => {
    const viewer = viewerFor();
    const accountId = await world.open(viewer.userId);
    await world.post({ accountId, amountMinor: 1000n, description: 'Salary', counterparty: 'Acme' });
    await world.post({ accountId, amountMinor: -250n, lineType: 'TRANSFER_OUT', counterparty: 'Bo' });
    await world.post({ accountId, amountMinor: -1n, lineType: 'FEE' });
    const { page } = await ask(viewer, accountId);
    const line = (type: string, amount: string, balance: string, description: string, counterparty: string | null) => ({
      cursor: expect.any(String),
      node: {
        id: expect.any(String),
        type,
        amount: { amount, currency: 'USD' },
        balanceAfter: { amount: balance },
        description,
        counterparty,
        createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      },
    });
    expect(page!.edges).toEqual([
      line('FEE', '-0.01', '7.49', 'Fee', null),
      line('TRANSFER_OUT', '-2.50', '7.50', 'Transfer sent', 'Bo'),
      line('DEPOSIT', '10.00', '10.00', 'Salary', 'Acme'),
    ]);
  });

  test('of an account without movement is empty', async () => {
    const viewer = viewerFor();
    const { page } = await ask(viewer, await world.open(viewer.userId));
    expect(page).toEqual({
      edges: [],
      pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
    });
  });

  test('read in pages of any size, while more is posted, is the statement as it was at the first page', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 25 }),
        fc.integer({ min: 1, max: 7 }),
        async (amounts, first, batch) => {
          const viewer = viewerFor();
          const accountId = await world.open(viewer.userId);
          // Several in one call share one moment, which must not confuse their order.
          for (let n = 0; n < amounts.length; n += batch) {
            await world.post(
              ...amounts.slice(n, n + batch).map((amount) => ({ accountId, amountMinor: BigInt(amount) })),
            );
          }
          const lines = await readAll(viewer, accountId, { first }, () => world.post({ accountId, amountMinor: 5n }));
          const minor = lines.map(({ amount }) => Math.round(Number(amount.amount) * 100));
          expect(minor).toEqual(amounts.toReversed());
          let balance = 0;
          const balances = amounts.map((amount) => ((balance += amount) / 100).toFixed(2));
          expect(lines.map(({ balanceAfter }) => balanceAfter.amount)).toEqual(balances.toReversed());
          expect(new Set(lines.map(({ id }) => id)).size).toBe(amounts.length);
        },
      ),
      { numRuns: 15 },
    );
  });

  test('from a moment on and before another holds exactly what lies there', async () => {
    const viewer = viewerFor();
    const accountId = await world.open(viewer.userId);
    for (let n = 1; n <= 12; n++) await world.post({ accountId, amountMinor: BigInt(n) });
    const all = await readAll(viewer, accountId, {});
    const moments = all.map(({ createdAt }) => createdAt);
    for (const from of [undefined, moments[8]!, moments[3]!]) {
      for (const to of [undefined, moments[0]!, moments[5]!, '2000-01-01T00:00:00Z']) {
        const expected = all.filter(
          ({ createdAt }) => (from === undefined || createdAt >= from) && (to === undefined || createdAt < to),
        );
        expect(await readAll(viewer, accountId, { from, to, first: 2 })).toEqual(expected);
      }
    }
  });

  test('has pages of 1 to 100', async () => {
    const viewer = viewerFor();
    const accountId = await world.open(viewer.userId);
    await world.post(...Array.from({ length: 101 }, () => ({ accountId, amountMinor: 1n })));
    for (const first of [0, -1, 101, 100_000]) {
      expect((await ask(viewer, accountId, { first })).codes).toEqual(['INVALID_PAGE_SIZE']);
    }
    const { page } = await ask(viewer, accountId, { first: 100 });
    expect(page!.edges).toHaveLength(100);
    expect(page!.pageInfo.hasNextPage).toBe(true);
  });

  test('refuses a cursor of another account, of another span of time, or of no list at all', async () => {
    const viewer = viewerFor();
    const accountId = await world.open(viewer.userId);
    const other = await world.open(viewer.userId);
    await world.post(...[accountId, accountId, other].map((id) => ({ accountId: id, amountMinor: 1n })));
    const after = (await ask(viewer, accountId, { first: 1 })).page!.pageInfo.endCursor;
    const from = '2020-01-01T00:00:00.000Z';
    expect((await ask(viewer, accountId, { after })).page!.edges).toHaveLength(1);
    expect((await ask(viewer, other, { after })).codes).toEqual(['INVALID_CURSOR']);
    expect((await ask(viewer, accountId, { after, from })).codes).toEqual(['INVALID_CURSOR']);
    expect((await ask(viewer, accountId, { after: 'bm8=' })).codes).toEqual(['INVALID_CURSOR']);
    const filtered = (await ask(viewer, accountId, { first: 1, from })).page!.pageInfo.endCursor;
    expect((await ask(viewer, accountId, { after: filtered, from })).page!.edges).toHaveLength(1);
    expect((await ask(viewer, accountId, { after: filtered })).codes).toEqual(['INVALID_CURSOR']);
  });
});
