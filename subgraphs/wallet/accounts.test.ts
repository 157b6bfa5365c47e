import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type AccountId, type UserId } from '../../platform/ids.ts';
import type { UserError } from '../../platform/refusal.ts';
import type { Viewer } from '../../platform/viewer.ts';
import { viewerFor } from '../../tests/one-subgraph.ts';
import { startWalletWorld, type WalletWorld } from '../../tests/wallet-world.ts';
import { MAX_ACCOUNTS } from './domain.ts';

let world: WalletWorld;
beforeAll(async () => {
  world = await startWalletWorld();
});
afterAll(() => world.close());

const OPEN = `mutation ($input: OpenAccountInput!) { openAccount(input: $input) {
  account { id name kind status currency owner { id } createdAt balance { posted { amount currency } available { amount } held { amount } version asOf } }
  userErrors { code field retryable } } }`;

interface Opened {
  openAccount: {
    account: { id: AccountId; createdAt: string; balance: { asOf: string } } | null;
    userErrors: UserError[];
  };
}

async function openAs(viewer: Viewer, input: object) {
  const { data, errors } = await world.execute<Opened>(OPEN, { viewer, variables: { input } });
  expect(errors).toEqual([]);
  return data.openAccount;
}

const sql = async (text: string, ...values: unknown[]) =>
  (await world.database.pool('postgres').query<Record<string, unknown>>(text, values)).rows;

describe('openAccount', () => {
  test('opens an account at zero, in wallet and ledger together', async () => {
    const viewer = viewerFor();
    const { account, userErrors } = await openAs(viewer, { currency: 'KWD', name: '  Rainy days ', kind: 'SAVINGS' });
    expect(userErrors).toEqual([]);
    expect(account).toEqual({
      id: expect.any(String),
      name: 'Rainy days',
      kind: 'SAVINGS',
      status: 'ACTIVE',
      currency: 'KWD',
      owner: { id: viewer.userId },
      createdAt: expect.any(String),
      balance: {
        posted: { amount: '0.000', currency: 'KWD' },
        available: { amount: '0.000' },
        held: { amount: '0.000' },
        version: 0,
        asOf: account!.createdAt,
      },
    });
    const payload = await sql(
      `SELECT payload FROM platform.event WHERE type = 'AccountOpened' AND key = $1`,
      account!.id,
    );
    expect(payload).toMatchObject([
      { payload: { accountId: account!.id, ownerId: viewer.userId, currency: 'KWD', kind: 'SAVINGS' } },
    ]);
  });

  test.each([undefined, null, 'PERSONAL', 'BUSINESS', 'JOINT'])('takes the kind %s', async (kind) => {
    const { account } = await openAs(viewerFor(), { currency: 'USD', name: 'x', ...(kind !== undefined && { kind }) });
    expect(account).toMatchObject({ kind: kind ?? 'PERSONAL' });
  });

  test.each([
    [{ currency: 'XXX' }, 'UNSUPPORTED_CURRENCY', ['currency']],
    [{ currency: 'usd' }, 'UNSUPPORTED_CURRENCY', ['currency']],
    [{ currency: '' }, 'UNSUPPORTED_CURRENCY', ['currency']],
    [{ currency: 'constructor' }, 'UNSUPPORTED_CURRENCY', ['currency']],
    [{ name: '' }, 'INVALID_ACCOUNT_NAME', ['name']],
    [{ name: ' \n ' }, 'INVALID_ACCOUNT_NAME', ['name']],
    [{ name: 'x'.repeat(81) }, 'INVALID_ACCOUNT_NAME', ['name']],
    [{ name: 'a\u0000b' }, 'INVALID_ACCOUNT_NAME', ['name']],
  ])('refuses %j with %s and opens nothing', async (input, code, field) => {
    const viewer = viewerFor();
    const { account, userErrors } = await openAs(viewer, { currency: 'USD', name: 'x', ...input });
    expect(account).toBeNull();
    expect(userErrors).toMatchObject([{ code, field, retryable: false }]);
    expect(await sql('SELECT id FROM ledger.account WHERE owner_id = $1', viewer.userId)).toEqual([]);
    expect(await sql('SELECT * FROM wallet.account_holder WHERE owner_id = $1', viewer.userId)).toEqual([]);
  });

  test('opens no more than a hundred, not even when the last are asked for at once', async () => {
    const viewer = viewerFor();
    const before = MAX_ACCOUNTS - 3;
    for (let n = 0; n < before; n++) await world.open(viewer.userId);
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => openAs(viewer, { currency: 'USD', name: 'One more' })),
    );
    expect(answers.filter(({ account }) => account !== null)).toHaveLength(3);
    expect(answers.flatMap(({ userErrors }) => userErrors.map(({ code }) => code))).toEqual(
      Array(5).fill('TOO_MANY_ACCOUNTS'),
    );
    expect(await sql('SELECT id FROM ledger.account WHERE owner_id = $1', viewer.userId)).toHaveLength(MAX_ACCOUNTS);
    expect(await sql('SELECT id FROM wallet.account WHERE owner_id = $1', viewer.userId)).toHaveLength(MAX_ACCOUNTS);
    // Somebody else is not concerned.
    expect((await openAs(viewerFor(), { currency: 'USD', name: 'First' })).account).not.toBeNull();
  });

  test('is for who is logged in', async () => {
    const input = { currency: 'USD', name: 'x' };
    expect(await world.execute<unknown>(OPEN, { variables: { input } })).toMatchObject({
      data: null,
      errors: [{ code: 'UNAUTHENTICATED' }],
    });
  });
});

describe('an account', () => {
  const ACCOUNT = 'query ($id: ID!) { account(id: $id) { id name } }';

  test('is seen by its owner and by nobody else, staff and the bank’s own accounts included', async () => {
    const owner = viewerFor();
    const id = await world.open(owner.userId);
    await world.post({ accountId: id, amountMinor: 100n });
    const [settlement] = await sql(`SELECT id FROM ledger.account WHERE kind = 'SETTLEMENT' AND currency = 'USD'`);
    const ask = async (viewer: Viewer | null, asked: unknown) =>
      world.execute<unknown>(ACCOUNT, { viewer, variables: { id: asked } });
    expect(await ask(owner, id)).toEqual({ data: { account: { id, name: 'My USD' } }, errors: [] });
    expect(await ask(owner, id.toUpperCase())).toMatchObject({ data: { account: { id } } });
    const missing = { data: { account: null }, errors: [] };
    expect(await ask(viewerFor(), id)).toEqual(missing);
    expect(await ask(viewerFor(newId<UserId>(), ['ADMIN']), id)).toEqual(missing);
    expect(await ask(null, id)).toEqual(missing);
    expect(await ask(owner, newId<AccountId>())).toEqual(missing);
    expect(await ask(owner, 'no id')).toEqual(missing);
    expect(await ask(owner, settlement!['id'])).toEqual(missing);
  });

  test('had at each moment the balance it had then', async () => {
    const viewer = viewerFor();
    const accountId = await world.open(viewer.userId);
    for (const amountMinor of [1000n, -250n, 75n]) await world.post({ accountId, amountMinor });
    const changes = await sql(
      'SELECT at, posted, version FROM ledger.balance_changes WHERE account_id = $1 ORDER BY version',
      accountId,
    );
    const QUERY =
      'query ($id: ID!, $at: DateTime) { account(id: $id) { balance(asOf: $at) { version posted { amount } } } }';
    const at = async (moment: Date | null) => {
      const { data } = await world.execute<{ account: { balance: { version: number } } }>(QUERY, {
        viewer,
        variables: { id: accountId, at: moment?.toISOString() ?? null },
      });
      return data.account.balance;
    };
    const first = changes[0]!['at'] as Date;
    expect(await at(new Date(first.getTime() - 1))).toEqual({ version: 0, posted: { amount: '0.00' } });
    const last = changes.at(-1)!['at'] as Date;
    expect(await at(last)).toEqual({ version: 3, posted: { amount: '8.25' } });
    expect(await at(null)).toEqual({ version: 3, posted: { amount: '8.25' } });
    expect(await at(new Date('1970-01-01T00:00:00Z'))).toMatchObject({ version: 0 });
    // Two postings within one millisecond have one moment; the last of it is what it led to.
    for (const change of changes) {
      const newest = changes.findLast((other) => (other['at'] as Date).getTime() === (change['at'] as Date).getTime());
      expect(await at(change['at'] as Date)).toMatchObject({ version: Number(newest!['version']) });
    }
  });
});

describe('a user’s accounts', () => {
  const LIST = `query ($first: Int, $after: String) { me { accounts(first: $first, after: $after) {
    edges { cursor node { id name } } pageInfo { hasNextPage hasPreviousPage endCursor } } } }`;
  interface Listed {
    me: {
      accounts: {
        edges: { cursor: string; node: { id: AccountId } }[];
        pageInfo: { hasNextPage: boolean; endCursor: string | null };
      } | null;
    };
  }

  test('come oldest first in pages, while more are opened', async () => {
    const viewer = viewerFor();
    const ids: AccountId[] = [];
    for (let n = 0; n < 7; n++) ids.push(await world.open(viewer.userId));
    const pageAfter = async (after: string | null) => {
      const { data } = await world.execute<Listed>(LIST, { viewer, variables: { first: 3, after } });
      return data.me.accounts!;
    };
    const seen: AccountId[] = [];
    for (let after: string | null = null; ;) {
      const { edges, pageInfo } = await pageAfter(after);
      expect(edges.length).toBeLessThanOrEqual(3);
      seen.push(...edges.map(({ node }) => node.id));
      if (after === null) ids.push(await world.open(viewer.userId));
      if (!pageInfo.hasNextPage) break;
      after = pageInfo.endCursor;
    }
    expect(seen).toEqual(ids);
  });

  test.each([0, -1, 101, 100_000])('refuse a page of %s', async (first) => {
    const { data, errors } = await world.execute<Listed>(LIST, { viewer: viewerFor(), variables: { first } });
    expect(errors).toMatchObject([{ code: 'INVALID_PAGE_SIZE' }]);
    expect(data.me.accounts).toBeNull();
  });

  test('refuse a cursor that is another’s or none', async () => {
    const [mine, other] = [viewerFor(), viewerFor()];
    await world.open(other.userId);
    const { data } = await world.execute<Listed>(LIST, { viewer: other });
    for (const after of [data.me.accounts!.pageInfo.endCursor, 'no cursor', '']) {
      const { errors } = await world.execute<Listed>(LIST, { viewer: mine, variables: { after } });
      expect(errors).toMatchObject([{ code: 'INVALID_CURSOR' }]);
    }
  });

  test('are nobody else’s to see', async () => {
    const owner = viewerFor();
    await world.open(owner.userId);
    const query = `query ($users: [_Any!]!) { _entities(representations: $users) { ... on User { id accounts { edges { node { id } } } paymentMethods { edges { cursor } } } } }`;
    const variables = { users: [{ __typename: 'User', id: owner.userId }] };
    const asOther = await world.execute<unknown>(query, { viewer: viewerFor(), variables });
    expect(asOther).toEqual({
      data: { _entities: [{ id: owner.userId, accounts: null, paymentMethods: null }] },
      errors: [],
    });
    const asOwner = await world.execute<unknown>(query, { viewer: owner, variables });
    expect(asOwner).toMatchObject({
      data: { _entities: [{ accounts: { edges: [{}] }, paymentMethods: { edges: [] } }] },
    });
  });
});

describe('entities', () => {
  const ENTITIES = `query ($of: [_Any!]!) { _entities(representations: $of) { ... on Account { id name balance { version } }
    ... on Transaction { id amount { amount } balanceAfter { amount } } ... on PaymentMethod { id } ... on ExternalTransaction { id } } }`;
  const postingsOf = async (id: AccountId) =>
    (await sql('SELECT posting_id FROM ledger.balance_changes WHERE account_id = $1 ORDER BY version', id)).map(
      (row) => row['posting_id'],
    );

  test('are read in as many statements for many as for one, and only the viewer’s own are there', async () => {
    const [viewer, other] = [viewerFor(), viewerFor()];
    const mine = await Promise.all(Array.from({ length: 6 }, () => world.open(viewer.userId)));
    const theirs = await world.open(other.userId);
    await world.post(
      ...[...mine, theirs].flatMap((accountId) => [1n, 2n].map((amountMinor) => ({ accountId, amountMinor }))),
    );
    const lines = (await Promise.all(mine.map(postingsOf))).flat();
    const ask = async (accounts: unknown[], transactions: unknown[]) => {
      const of = [
        ...accounts.map((id) => ({ __typename: 'Account', id })),
        ...transactions.map((id) => ({ __typename: 'Transaction', id })),
        { __typename: 'PaymentMethod', id: newId<AccountId>() },
        { __typename: 'ExternalTransaction', id: newId<AccountId>() },
      ];
      const before = world.statements();
      const { data, errors } = await world.execute<{ _entities: unknown[] }>(ENTITIES, { viewer, variables: { of } });
      expect(errors).toEqual([]);
      return { entities: data._entities, statements: world.statements() - before };
    };
    const few = await ask([mine[0]], [lines[0]]);
    const many = await ask(
      [...mine, theirs, 'no id', newId()],
      [...lines, ...(await postingsOf(theirs)), 'no id', newId()],
    );
    expect(many.statements).toBe(few.statements);
    // Accounts, balances, lines, their accounts, payment methods, outside lines.
    expect(few.statements).toBeLessThanOrEqual(6);
    expect(many.entities).toEqual([
      ...mine.map((id) => ({ id, name: 'My USD', balance: { version: 2 } })),
      ...[null, null, null],
      ...mine.flatMap((_, n) => [
        { id: lines[2 * n], amount: { amount: '0.01' }, balanceAfter: { amount: '0.01' } },
        { id: lines[2 * n + 1], amount: { amount: '0.02' }, balanceAfter: { amount: '0.03' } },
      ]),
      ...[null, null, null, null],
      ...[null, null],
    ]);
  });

  test('of the bank’s side of an entry are nobody’s', async () => {
    const viewer = viewerFor();
    const accountId = await world.open(viewer.userId);
    await world.post({ accountId, amountMinor: 5n });
    const [line] = await postingsOf(accountId);
    const [other] = await sql(
      'SELECT id FROM ledger.posting WHERE id <> $1 AND entry_id = (SELECT entry_id FROM ledger.posting WHERE id = $1)',
      line,
    );
    const of = [{ __typename: 'Transaction', id: other!['id'] }];
    const answer = await world.execute<unknown>(ENTITIES, { viewer, variables: { of } });
    expect(answer).toEqual({ data: { _entities: [null] }, errors: [] });
  });
});
