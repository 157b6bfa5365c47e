import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { AccountId } from '../../platform/ids.ts';
import { openTransferWorld, type Customer, type TransferWorld } from '../../tests/transfer-world.ts';

const CREATE = `mutation ($input: CreateTransferInput!) {
  createTransfer(input: $input) { transfer { id createdAt } userErrors { code } }
}`;
const LIST = `query ($first: Int, $after: String, $filter: TransferFilter) {
  me { transfers(first: $first, after: $after, filter: $filter) {
    edges { cursor node { id source { account { id } label } destination { account { id } label } } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  } }
}`;

interface Made {
  id: string;
  createdAt: string;
  from: AccountId;
  to: AccountId;
}

interface Page {
  edges: { cursor: string; node: { id: string } }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
}

let world: TransferWorld;
let ada: Customer;
let bob: Customer;
/** Two of Ada's, then two of Bob's. */
let accounts: AccountId[];
const made: Made[] = [];

beforeAll(async () => {
  world = await openTransferWorld();
  [ada, bob] = [await world.customer('Ada'), await world.customer('Bob')];
  accounts = [];
  for (const owner of [ada, ada, bob, bob]) accounts.push(await world.account(owner, 'USD', { funds: '1000.00' }));
  const pairs: [number, number][] = [[0, 1], [0, 2], [2, 0], [1, 3], [3, 1], [2, 3]]; // prettier-ignore
  for (let n = 0; n < 24; n++) await make(...pairs[n % pairs.length]!);
});
afterAll(async () => {
  await world.proveBooks();
  await world.close();
});

async function make(from: number, to: number): Promise<void> {
  const input = {
    idempotencyKey: `key-${made.length}`,
    source: { accountId: accounts[from] },
    destination: { accountId: accounts[to] },
    amount: { amount: '0.01', currency: 'USD' },
  };
  const result = await world.execute(from < 2 ? ada : bob, CREATE, { input });
  const { transfer } = result.data!['createTransfer'] as { transfer: { id: string; createdAt: string } };
  made.push({ ...transfer, from: accounts[from]!, to: accounts[to]! });
}

async function list(as: Customer, variables: Record<string, unknown>): Promise<Page> {
  const result = await world.execute(as, LIST, variables);
  expect(result.errors).toBeUndefined();
  return (result.data!['me'] as { transfers: Page }).transfers;
}

async function codeOf(as: Customer | null, query: string, variables: Record<string, unknown>): Promise<unknown> {
  return (await world.execute(as, query, variables)).errors?.[0]?.extensions['code'];
}

/** What the list should be, by looking at every transfer. */
function expected(customer: Customer, filter: Record<string, unknown>): string[] {
  const own = customer === ada ? accounts.slice(0, 2) : accounts.slice(2);
  const { accountId, from, to, status, type } = filter as {
    accountId?: AccountId;
    from?: string;
    to?: string;
    status?: string[];
    type?: string[];
  };
  return made
    .filter((transfer) => own.includes(transfer.from) || own.includes(transfer.to))
    .filter(
      (transfer) =>
        !accountId || [transfer.from, transfer.to].some((end) => end === accountId && own.includes(accountId)),
    )
    .filter(({ createdAt }) => (!from || createdAt >= from) && (!to || createdAt < to))
    .filter(() => (!status || status.includes('COMPLETED')) && (!type || type.includes('INTERNAL')))
    .map(({ id }) => id)
    .sort()
    .reverse();
}

describe('User.transfers', () => {
  test('gives each page once and everything once, for every filter and page size, while transfers are being made', async () => {
    const moment = fc.integer({ min: 0, max: 23 }).map((n) => ({ n }));
    const optional = <Value>(values: fc.Arbitrary<Value>) => fc.option(values, { nil: undefined });
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          asAda: fc.boolean(),
          first: fc.integer({ min: 1, max: 7 }),
          account: optional(fc.integer({ min: 0, max: 3 })),
          from: optional(moment),
          to: optional(moment),
          status: optional(fc.subarray(['COMPLETED', 'FAILED'])),
          type: optional(fc.subarray(['INTERNAL', 'EXCHANGE'])),
          meanwhile: fc.boolean(),
        }),
        async ({ asAda, first, account, from, to, status, type, meanwhile }) => {
          const customer = asAda ? ada : bob;
          const filter = {
            ...(account !== undefined && { accountId: accounts[account] }),
            ...(from && { from: made[from.n]!.createdAt }),
            ...(to && { to: made[to.n]!.createdAt }),
            ...(status && { status }),
            ...(type && { type }),
          };
          const all = expected(customer, filter);
          const seen: string[] = [];
          let after: string | null = null;
          for (let more = true; more;) {
            const page: Page = await list(customer, { first, after, filter });
            expect(page.edges.length).toBeLessThanOrEqual(first);
            expect(page.pageInfo.hasPreviousPage).toBe(after !== null);
            expect([page.pageInfo.startCursor, page.pageInfo.endCursor]).toEqual([
              page.edges[0]?.cursor ?? null,
              page.edges.at(-1)?.cursor ?? null,
            ]);
            seen.push(...page.edges.map(({ node }) => node.id));
            more = page.pageInfo.hasNextPage;
            after = page.pageInfo.endCursor;
            // Newer ones come before the first page and must move nothing on the next.
            if (meanwhile && more) await make(0, 2);
          }
          expect(seen).toEqual(all);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('shows of the other side only the label', async () => {
    const { edges } = await list(bob, { filter: { accountId: accounts[2] }, first: 100 });
    const received = edges.find(({ node }) => node.id === made[1]!.id);
    expect(received?.node).toEqual({
      id: made[1]!.id,
      source: { account: null, label: 'Ada' },
      destination: { account: { id: accounts[2] }, label: 'Bob' },
    });
    // And does not let the other side's account be found by filtering.
    expect((await list(bob, { filter: { accountId: accounts[0] } })).edges).toEqual([]);
  });

  test('is empty for an account that does not exist or is no id', async () => {
    for (const accountId of ['no id', '', '01890a5d-ac96-774b-bcce-b302099a8057']) {
      expect((await list(ada, { filter: { accountId } })).edges).toEqual([]);
    }
  });

  test('refuses page sizes outside 1 to 100', async () => {
    for (const first of [0, -1, 101, 100_000]) expect(await codeOf(ada, LIST, { first })).toBe('INVALID_PAGE_SIZE');
  });

  test('refuses a cursor of another filter, of another person, or of nobody', async () => {
    const { endCursor } = (await list(ada, { first: 2 })).pageInfo;
    expect((await list(ada, { first: 2, after: endCursor })).edges).toHaveLength(2);
    expect(await codeOf(ada, LIST, { after: endCursor, filter: { type: ['INTERNAL'] } })).toBe('INVALID_CURSOR');
    expect(await codeOf(bob, LIST, { after: endCursor })).toBe('INVALID_CURSOR');
    for (const after of ['', 'x', 'bm9wZQ']) expect(await codeOf(ada, LIST, { after })).toBe('INVALID_CURSOR');
  });
});

describe('who may see a transfer', () => {
  const ENTITIES = `query ($representations: [_Any!]!) {
    _entities(representations: $representations) {
      ... on Transfer { id } ... on Transaction { transfer { id } } ... on User { transfers { edges { node { id } } } }
    }
  }`;
  const entities = async (as: Customer | null, ...representations: unknown[]): Promise<unknown> => {
    const result = await world.execute(as, ENTITIES, { representations });
    expect(result.errors).toBeUndefined();
    return result.data!['_entities'];
  };
  const READ = 'query ($id: ID!) { transfer(id: $id) { id } }';

  test('both ends, and nobody else', async () => {
    const { id } = made[1]!;
    const eve = await world.customer('Eve');
    for (const [who, transfer] of [
      [ada, { id }],
      [bob, { id }],
      [eve, null],
      [null, null],
    ] as const) {
      expect((await world.execute(who, READ, { id })).data).toEqual({ transfer });
      expect(await entities(who, { __typename: 'Transfer', id })).toEqual([transfer]);
    }
    expect((await world.execute(ada, READ, { id: 'no id' })).data).toEqual({ transfer: null });
    expect(await entities(ada, { __typename: 'Transfer', id: 'no id' })).toEqual([null]);
  });

  test('a statement line leads to its transfer for an end of it only', async () => {
    const { rows } = await world.admin.query<{ id: string }>(
      `SELECT p.id FROM ledger.posting p JOIN ledger.entry e ON e.id = p.entry_id WHERE e.transfer_id = $1`,
      [made[1]!.id],
    );
    const lines = rows.map(({ id }) => ({ __typename: 'Transaction', id }));
    const transfer = { id: made[1]!.id };
    const eve = await world.customer('Eve');
    expect(await entities(ada, ...lines)).toEqual([{ transfer }, { transfer }]);
    expect(await entities(bob, ...lines)).toEqual([{ transfer }, { transfer }]);
    expect(await entities(eve, ...lines)).toEqual([{ transfer: null }, { transfer: null }]);
    expect(await entities(ada, { __typename: 'Transaction', id: 'no id' })).toEqual([{ transfer: null }]);
  });

  test("a person's list only the person, and staff", async () => {
    const bobs = { __typename: 'User', id: bob.userId };
    expect(await entities(ada, bobs)).toEqual([{ transfers: null }]);
    expect(await entities(null, bobs)).toEqual([{ transfers: null }]);
    const staff = { ...ada, viewer: { ...ada.viewer, roles: ['SUPPORT' as const] } };
    const edges = expected(bob, {}).map((id) => ({ node: { id } }));
    expect(await entities(staff, bobs)).toEqual([{ transfers: { edges: edges.slice(0, 20) } }]);
  });

  test('me needs a viewer', async () => {
    expect(await codeOf(null, LIST, {})).toBe('UNAUTHENTICATED');
  });
});
