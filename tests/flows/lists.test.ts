import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { customersThings, staffMember, type Thing, type Things } from '../customers-things.ts';
import { LISTS } from '../graph-operations.ts';
import { openWorld, type Person, type World } from '../world.ts';

/* Every list of the graph is asked for in pages, and refuses the same pages with the same codes. A list that is not in WAYS turns the first test red. */

const ARGS = '(first: $first, after: $after)';
const PAGE = `${ARGS} { edges { cursor } pageInfo { hasNextPage endCursor } }`;
const VARIABLES = '$first: Int, $after: String';

/** How one comes to a list, and whose thing it hangs on, where it hangs on one. */
interface Way {
  query: string;
  thing?: Thing;
  staff?: boolean;
}

const ofMe = (field: string): Way => ({ query: `query (${VARIABLES}) { me { ${field} ${PAGE} } }` });
const ofBank = (field: string): Way => ({ query: `query (${VARIABLES}) { ${field} ${PAGE} }`, staff: true });
const ofThing = (thing: Thing, inner: string): Way => ({
  query: `query ($id: ID!, ${VARIABLES}) { ${thing}(id: $id) { ${inner} } }`,
  thing,
});
/** What is reached through the customer alone. */
const throughMe = (inner: string, thing?: Thing): Way => ({
  query: `query (${VARIABLES}) { me { ${inner} } }`,
  ...(thing && { thing }),
});

const thisMonth = new Date().toISOString().slice(0, 7);

const WAYS: Record<string, Way> = {
  'User.accounts': ofMe('accounts'),
  'User.batches': ofMe('batches'),
  'User.paymentMethods': ofMe('paymentMethods'),
  'User.receivables': ofMe('receivables'),
  'User.riskAlerts': ofMe('riskAlerts'),
  'User.standingOrders': ofMe('standingOrders'),
  'User.transfers': ofMe('transfers'),
  'Insights.items': throughMe(`insights { items ${PAGE} }`),
  'Account.transactions': ofThing('account', `transactions ${PAGE}`),
  'MonthlyStatement.lines': ofThing('account', `statement(month: "${thisMonth}") { lines ${PAGE} }`),
  'Batch.items': ofThing('batch', `items ${PAGE}`),
  'StandingOrder.occurrences': ofThing('standingOrder', `occurrences ${PAGE}`),
  'PaymentMethod.externalTransactions': throughMe(
    `paymentMethods(first: 1) { edges { node { externalTransactions ${PAGE} } } }`,
    'paymentMethod',
  ),
  'WebhookEndpoint.deliveries': throughMe(`webhookEndpoints { deliveries ${PAGE} }`, 'webhookEndpoint'),
  'Query.deadLetters': ofBank('deadLetters'),
  'Query.outstandingReceivables': ofBank('outstandingReceivables'),
  'Query.reconciliationExceptions': ofBank('reconciliationExceptions'),
  'Query.settlementProofs': ofBank('settlementProofs'),
  'Query.transfersInReview': ofBank('transfersInReview'),
};

let world: World;
let ada: Person;
let admin: Person;
let things: Things;
let cursors: { accounts: string; transfers: string };

beforeAll(async () => {
  world = await openWorld();
  [ada, admin] = [await world.register('Ada'), await staffMember(world, 'ADMIN')];
  things = await customersThings(world, ada);
  await things.transfer();
  const { me } = await world.ask<{ me: Record<'accounts' | 'transfers', { pageInfo: { endCursor: string } }> }>(
    '{ me { accounts { pageInfo { endCursor } } transfers { pageInfo { endCursor } } } }',
    {},
    { as: ada },
  );
  cursors = { accounts: me.accounts.pageInfo.endCursor, transfers: me.transfers.pageInfo.endCursor };
}, 120_000);
afterAll(() => world.close());

test('every list of the graph is gone through here', () => {
  expect(Object.keys(WAYS).sort()).toEqual([...LISTS].sort());
});

describe('a list', () => {
  test.each(Object.entries(WAYS))('%s refuses pages that are none', async (list, { query, thing, staff = false }) => {
    const id = thing && (await things[thing]());
    const codesOf = async (page: object): Promise<string[]> => {
      const { errors, data } = await world.send(query, { ...(id && { id }), ...page }, { as: staff ? admin : ada });
      expect(JSON.stringify(errors ?? [])).not.toMatch(/node_modules|\.ts:\d|SELECT /);
      if (errors) expect(JSON.stringify(data ?? null)).not.toContain('"edges":[{"cursor"');
      return [...new Set(errors?.map(({ extensions }) => extensions.code))];
    };
    for (const first of [0, -1, 101]) expect(await codesOf({ first })).toEqual(['INVALID_PAGE_SIZE']);
    // Where such a page is in another, the whole is too much already.
    expect(['INVALID_PAGE_SIZE', 'QUERY_TOO_COMPLEX']).toEqual(
      expect.arrayContaining(await codesOf({ first: 10 ** 9 })),
    );
    expect(await codesOf({ first: 10 ** 10 })).toEqual(['BAD_USER_INPUT']);
    const foreign = list === 'User.accounts' ? cursors.transfers : cursors.accounts;
    for (const after of ['', 'nonsense', foreign]) expect(await codesOf({ after })).toEqual(['INVALID_CURSOR']);
    expect(await codesOf({ first: 1 })).toEqual([]);
    expect(await codesOf({ first: 100 })).toEqual([]);
  });
});
