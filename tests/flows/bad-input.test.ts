import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { openWorld, type Person, type World } from '../world.ts';

let world: World;
let ada: Person;
let from: string;
let to: string;
let before: unknown;

beforeAll(async () => {
  world = await openWorld();
  ada = await world.register('Ada');
  from = await world.openAccount(ada, 'USD', '100.00');
  to = await world.openAccount(await world.register('Bob'));
});
afterAll(() => world.close());

/** Whatever is sent here leaves everything as it was. */
async function stored(): Promise<unknown> {
  const { rows } = await world.admin.query(
    `SELECT (SELECT count(*) FROM ledger.entry) AS entries, (SELECT count(*) FROM transfer.transfer) AS transfers,
       (SELECT count(*) FROM transfer.idempotency_key) AS keys, (SELECT count(*) FROM platform.event) AS events,
       (SELECT count(*) FROM risk.assessment) AS assessments, (SELECT sum(version) FROM ledger.account) AS versions`,
  );
  return rows[0];
}
beforeEach(async () => {
  before = await stored();
});
afterEach(async () => {
  expect(await stored()).toEqual(before);
});

const CREATE = `mutation ($input: CreateTransferInput!) {
  createTransfer(input: $input) { transfer { id } replayed userErrors { code field } } }`;

const input = (change: Record<string, unknown> = {}) => ({
  idempotencyKey: 'key',
  source: { accountId: from },
  destination: { accountId: to },
  amount: { amount: '1', currency: 'USD' },
  ...change,
});

/** The code of the refusal or of the error, whichever it is. */
async function codeOf(query: string, variables: Record<string, unknown> = {}): Promise<unknown> {
  const { data, errors } = await world.send(query, variables, { as: ada });
  const payload = data?.['createTransfer'] as { transfer: null; userErrors: { code: string }[] } | null | undefined;
  expect(payload?.transfer ?? null).toBeNull();
  return errors?.[0]?.extensions.code ?? payload?.userErrors[0]?.code;
}

/** The same mutation with the values written into its text. */
const literal = (amount: string, currency = '"USD"', key = '"key"') => `mutation {
  createTransfer(input: { idempotencyKey: ${key}, source: { accountId: "${from}" }, destination: { accountId: "${to}" },
    amount: { amount: ${amount}, currency: ${currency} } }) { transfer { id } replayed userErrors { code } } }`;

describe('an amount', () => {
  test.each([
    ['-5', 'AMOUNT_NOT_POSITIVE'],
    ['0', 'AMOUNT_NOT_POSITIVE'],
    ['1e3', 'INVALID_AMOUNT'],
    ['', 'INVALID_AMOUNT'],
    [' 1', 'INVALID_AMOUNT'],
    ['NaN', 'INVALID_AMOUNT'],
    ['+1', 'INVALID_AMOUNT'],
    ['.5', 'INVALID_AMOUNT'],
    ['1.001', 'TOO_MANY_DECIMALS'],
    [`1${'0'.repeat(40)}`, 'AMOUNT_TOO_LARGE'],
  ])('of "%s" is %s, as a variable and as a literal', async (amount, code) => {
    expect(await codeOf(CREATE, { input: input({ amount: { amount, currency: 'USD' } }) })).toBe(code);
    expect(await codeOf(literal(JSON.stringify(amount)))).toBe(code);
  });

  test('that is no string, or too long a one, is BAD_USER_INPUT', async () => {
    for (const amount of [5, 1.5, true, ['1'], '1'.repeat(65)]) {
      expect(await codeOf(CREATE, { input: input({ amount: { amount, currency: 'USD' } }) })).toBe('BAD_USER_INPUT');
    }
    expect(['BAD_USER_INPUT', 'GRAPHQL_VALIDATION_FAILED']).toContain(await codeOf(literal('5')));
  });

  test('in a currency nobody knows is UNSUPPORTED_CURRENCY', async () => {
    for (const currency of ['XXX', 'usd', '', '$']) {
      expect(await codeOf(CREATE, { input: input({ amount: { amount: '1', currency } }) })).toBe(
        'UNSUPPORTED_CURRENCY',
      );
      expect(await codeOf(literal('"1"', JSON.stringify(currency)))).toBe('UNSUPPORTED_CURRENCY');
    }
  });
});

describe('a key, an id, a page', () => {
  test('an empty, too long or unprintable key is INVALID_IDEMPOTENCY_KEY', async () => {
    for (const idempotencyKey of ['', 'x'.repeat(65), '\u0000\u0001\u00ff', 'a\nb']) {
      expect(await codeOf(CREATE, { input: input({ idempotencyKey }) })).toBe('INVALID_IDEMPOTENCY_KEY');
      expect(await codeOf(literal('"1"', '"USD"', JSON.stringify(idempotencyKey)))).toBe('INVALID_IDEMPOTENCY_KEY');
    }
  });

  test('a malformed id is like a missing one', async () => {
    for (const id of ['no id', '', '0', `${from}x`, "' OR 1=1 --", '01890a5d-ac96-774b-bcce-b302099a8057']) {
      expect(await codeOf(CREATE, { input: input({ source: { accountId: id } }) })).toBe('ACCOUNT_NOT_FOUND');
      expect(await codeOf(CREATE, { input: input({ destination: { accountId: id } }) })).toBe('ACCOUNT_NOT_FOUND');
      const read = 'query ($id: ID!) { account(id: $id) { id } transfer(id: $id) { id } }';
      expect(await world.ask(read, { id }, { as: ada })).toEqual({ account: null, transfer: null });
    }
  });

  test('a page of 0 or 100000 is INVALID_PAGE_SIZE, and a cursor of another list INVALID_CURSOR', async () => {
    for (const first of [0, 100_000, -1]) {
      expect(
        await codeOf('query ($first: Int) { me { transfers(first: $first) { edges { cursor } } } }', { first }),
      ).toBe('INVALID_PAGE_SIZE');
      expect(
        await codeOf('query ($first: Int) { me { accounts(first: $first) { edges { cursor } } } }', { first }),
      ).toBe('INVALID_PAGE_SIZE');
    }
    const { me } = await world.ask<{ me: { accounts: { pageInfo: { endCursor: string } } } }>(
      '{ me { accounts(first: 1) { pageInfo { endCursor } } } }',
      {},
      { as: ada },
    );
    for (const after of [me.accounts.pageInfo.endCursor, '', 'nonsense']) {
      expect(
        await codeOf('query ($after: String) { me { transfers(after: $after) { edges { cursor } } } }', { after }),
      ).toBe('INVALID_CURSOR');
    }
  });
});

describe('a request', () => {
  test.each(['{', '', '[]', 'null', '"query"', '{"query": 5}', '{"query": "{ me { id } }", "variables": 5}'])(
    'whose body is %p is a 400 in JSON',
    async (body) => {
      const response = await world.post(body, { as: ada });
      expect(response.status).toBe(400);
      const { errors } = (await response.json()) as { errors: { extensions: { code: string } }[] };
      expect(errors[0]!.extensions.code).toEqual(expect.stringMatching(/^[A-Z_]+$/));
    },
  );

  test('for pages within pages within pages is refused, whether the lengths are written or given', async () => {
    const page = (inner: string) =>
      `transactions(first: $n) { edges { node { transfer { source { account { ${inner} } } } } } }`;
    const query = `query ($id: ID!, $n: Int!) { account(id: $id) { ${page(page(page('id')))} } }`;
    const variables = { id: from, n: 100 };
    const response = await world.post(JSON.stringify({ query, variables }), { as: ada });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'QUERY_TOO_COMPLEX' } }] });
    expect(await codeOf(query.replaceAll('$n', '100').replace(', 100: Int!', ''), { id: from })).toBe(
      'QUERY_TOO_COMPLEX',
    );
    expect(await codeOf(query, { id: from, n: 2 })).toBeUndefined();
  });

  test('with a moment in the year 0 is BAD_USER_INPUT', async () => {
    const query = 'query ($from: DateTime) { me { transfers(filter: { from: $from }) { edges { node { id } } } } }';
    expect(await codeOf(query, { from: '0000-01-01T00:00:00Z' })).toBe('BAD_USER_INPUT');
  });

  test('with a tampered, unsigned or expired token is UNAUTHENTICATED and does nothing', async () => {
    const [header, claims, signature] = ada.accessToken.split('.') as [string, string, string];
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const decoded = JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')) as Record<string, unknown>;
    const bad = {
      'alg: none': `${encode({ alg: 'none', typ: 'at+jwt' })}.${claims}.`,
      'alg: none with the signature': `${encode({ alg: 'none', typ: 'at+jwt' })}.${claims}.${signature}`,
      'another subject': `${header}.${encode({ ...decoded, sub: '01890a5d-ac96-774b-bcce-b302099a8057' })}.${signature}`,
      'a longer life': `${header}.${encode({ ...decoded, exp: 4_000_000_000 })}.${signature}`,
      'no signature': `${header}.${claims}.`,
      nonsense: 'nonsense',
    };
    for (const [what, accessToken] of Object.entries(bad)) {
      const { errors, data } = await world.send(CREATE, { input: input() }, { as: { accessToken } });
      expect([what, errors?.[0]?.extensions.code, data ?? null]).toEqual([what, 'UNAUTHENTICATED', null]);
    }
    const late = await (async () => {
      world.clock.offsetMs = 16 * 60_000;
      return world.send(CREATE, { input: input() }, { as: ada });
    })().finally(() => (world.clock.offsetMs = 0));
    expect(late.errors?.[0]?.extensions.code).toBe('UNAUTHENTICATED');
    const nobody = await world.send(CREATE, { input: input() });
    expect(nobody.errors?.[0]?.extensions.code).toBe('UNAUTHENTICATED');
  });
});
