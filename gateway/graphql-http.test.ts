import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { getIntrospectionQuery } from 'graphql';
import { startSmallBank, type SmallBank } from '../tests/small-bank.ts';

let bank: SmallBank;
let token: string;

beforeAll(async () => {
  bank = await startSmallBank({ config: { deadlineMs: 300 } });
  token = await bank.sign();
});
afterAll(() => bank.stop());

const codes = ({ errors = [] }: { errors?: { extensions: { code: string } }[] }) =>
  errors.map(({ extensions }) => extensions.code);

async function post(body: string, headers: Record<string, string> = { 'content-type': 'application/json' }) {
  const response = await fetch(`${bank.url}/graphql`, { method: 'POST', headers, body });
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    answer: (await response.json()) as unknown,
  };
}

describe('a query', () => {
  test('is answered across subgraphs, with aliases, fragments, variables and conditions', async () => {
    const { status, data, errors } = await bank.query(
      `query Home($id: ID!, $with: Boolean!) {
        first: account(id: $id) { ...named }
        second: account(id: "2") { ...named owner @include(if: $with) { riskLevel } }
        none: account(id: "none") { id }
        me { displayName score: riskScore(scale: 5) }
      }
      fragment named on Account { id name who: owner { ... on User { label: displayName riskLevel @skip(if: $with) } } }`,
      { token, variables: { id: '1', with: true } },
    );
    expect(errors).toBeUndefined();
    expect(status).toBe(200);
    const label = expect.stringMatching(/^User /);
    expect(data).toEqual({
      first: { id: '1', name: 'Account 1', who: { label } },
      second: { id: '2', name: 'Account 2', who: { label }, owner: { riskLevel: 'LOW' } },
      none: null,
      me: { displayName: label, score: 5 },
    });
  });

  test('starts in every subgraph at once when it starts from me', async () => {
    bank.asked.length = 0;
    await bank.query('{ me { id displayName riskLevel } }', { token, headers: { 'x-request-id': 'parallel-me' } });
    const asked = bank.asked.filter(({ requestId }) => requestId === 'parallel-me').map(({ subgraph }) => subgraph);
    expect(asked.sort()).toEqual(['risk', 'user']);
  });

  test('reaches the subgraph with viewer, address and device', async () => {
    const { data } = await bank.query('{ whoAsks }', { token, headers: { 'x-device-id': 'phone-1' } });
    expect(JSON.parse(data!['whoAsks'] as string)).toEqual({
      viewer: expect.objectContaining({ roles: ['CUSTOMER'], expiresAtMs: expect.any(Number) }),
      origin: { ip: '127.0.0.1', deviceId: 'phone-1' },
    });
  });

  test('loses only what fails, and says where without saying how', async () => {
    const answer = await bank.query('{ account(id: "1") { id broken refused } accounts { id refused } }', { token });
    expect(answer.status).toBe(200);
    expect(answer.data).toEqual({
      account: { id: '1', broken: null, refused: null },
      accounts: [
        { id: '0', refused: null },
        { id: '1', refused: null },
      ],
    });
    const requestId = answer.headers.get('x-request-id');
    const told = answer.errors!.map(({ path, extensions, ...rest }) => ({
      path: path!.join('.'),
      ...extensions,
      ...rest,
    }));
    const refused = { code: 'NOT_TODAY', message: 'Come back tomorrow.', requestId };
    expect(told).toHaveLength(4);
    expect(told).toEqual(
      expect.arrayContaining([
        { path: 'account.broken', code: 'INTERNAL', message: expect.not.stringContaining('SELECT'), requestId },
        { path: 'account.refused', ...refused },
        { path: 'accounts.0.refused', ...refused },
        { path: 'accounts.1.refused', ...refused },
      ]),
    );
    // Whoever runs the bank finds by the id what clients are not told.
    expect(bank.logged.filter((line) => line.includes('secret_table') && line.includes(requestId!))).toHaveLength(1);
    expect(JSON.stringify(answer.errors)).not.toMatch(/secret_table|10\.0\.0\.1|wallet|stack|serviceName/);
  });

  test('ends at its deadline with what is there by then', async () => {
    const answer = await bank.query('{ me { displayName } account(id: "1") { slow } }', { token });
    expect(codes(answer)).toEqual(['DEADLINE_EXCEEDED']);
    expect(answer.data).toEqual({ me: { displayName: expect.any(String) }, account: null });
  });
});

describe('bad input', () => {
  test.each([
    [
      'a number for a Decimal in a variable',
      'query ($a: Decimal) { account(id: "1") { echo(amount: $a) } }',
      { a: 12.5 },
    ],
    ['a number for a Decimal in the text', '{ account(id: "1") { echo(amount: 12.5) } }', {}],
    ['a 65-character Decimal', 'query ($a: Decimal) { account(id: "1") { echo(amount: $a) } }', { a: '1'.repeat(65) }],
    [
      'a moment that does not exist in a variable',
      'query ($t: DateTime) { account(id: "1") { echo(at: $t) } }',
      { t: '2026-02-31T00:00:00Z' },
    ],
    ['a moment that does not exist in the text', '{ account(id: "1") { echo(at: "yesterday") } }', {}],
    ['a missing variable', 'query ($id: ID!) { account(id: $id) { id } }', {}],
  ])('%s is BAD_USER_INPUT', async (_, query, variables) => {
    bank.asked.length = 0;
    const answer = await bank.query(query, { token, variables });
    expect(codes(answer)).toEqual(['BAD_USER_INPUT']);
    expect(answer.status).toBe(400);
    expect(answer.data).toBeUndefined();
    expect(bank.asked).toEqual([]);
  });

  test('strings that are no amounts are left to the domain', async () => {
    const query =
      'query ($a: Decimal) { account(id: "1") { variable: echo(amount: $a) literal: echo(amount: "1e3") } }';
    const { data } = await bank.query(query, { token, variables: { a: '-5' } });
    expect(data).toEqual({ account: { variable: '-5', literal: '1e3' } });
  });

  test.each([
    ['{ nothing }', 'GRAPHQL_VALIDATION_FAILED'],
    ['{ me { id', 'GRAPHQL_PARSE_FAILED'],
    ['query A { me { id } } query B { me { id } }', 'OPERATION_RESOLUTION_FAILURE'],
    ['subscription { ticked }', 'BAD_REQUEST'],
  ])('%s is refused as %s', async (query, code) => {
    const answer = await bank.query(query, { token });
    expect(codes(answer)).toEqual([code]);
    expect(answer.status).toBe(400);
  });
});

describe('the HTTP door', () => {
  const refusal = (code: string) => ({
    errors: [{ message: expect.any(String), extensions: { code, requestId: expect.any(String) } }],
  });

  test.each([
    ['malformed JSON', '{"query": "{ me', 400, 'BAD_REQUEST'],
    ['a list of operations', '[{"query":"{ signedIn }"}]', 400, 'BAD_REQUEST'],
    ['a bare string', '"{ signedIn }"', 400, 'BAD_REQUEST'],
    ['an empty object', '{}', 400, 'BAD_REQUEST'],
    ['an empty body', '', 400, 'BAD_REQUEST'],
    ['variables as text', '{"query":"{ signedIn }","variables":"{}"}', 400, 'BAD_REQUEST'],
    ['a number as query', '{"query":5}', 400, 'BAD_REQUEST'],
    ['an empty query', '{"query":""}', 400, 'BAD_REQUEST'],
    [
      'a hash that does not fit',
      '{"query":"{ signedIn }","extensions":{"persistedQuery":{"version":1,"sha256Hash":"00"}}}',
      400,
      'BAD_REQUEST',
    ],
  ])('refuses %s as JSON', async (_, body, status, code) => {
    const answer = await post(body);
    expect(answer).toEqual({ status, type: expect.stringContaining('json'), answer: refusal(code) });
  });

  test('refuses more than a mebibyte before it parses, and takes what is just below', async () => {
    const filled = (bytes: number) => {
      const empty = JSON.stringify({ query: '{ signedIn }', extensions: { filler: '' } });
      return empty.replace('"filler":""', `"filler":"${'x'.repeat(bytes - empty.length)}"`);
    };
    expect(await post(filled(1024 * 1024 + 1))).toEqual({
      status: 413,
      type: expect.stringContaining('json'),
      answer: refusal('PAYLOAD_TOO_LARGE'),
    });
    expect(await post(filled(1024 * 1024))).toMatchObject({ status: 200, answer: { data: { signedIn: false } } });
  });

  test('counts a body that does not say its length', async () => {
    const status = await new Promise((resolve, reject) => {
      const request = httpRequest(`${bank.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
      });
      request.on('response', (response) => resolve(response.resume().statusCode));
      request.on('error', reject);
      for (let chunk = 0; chunk < 20; chunk++) request.write(' '.repeat(100 * 1024));
      request.end();
    });
    expect(status).toBe(413);
  });

  test.each([
    ['text/plain', 415],
    ['application/x-www-form-urlencoded', 415],
    ['multipart/form-data; boundary=x', 415],
  ])('refuses a body of type %s, which a foreign page could send', async (type, status) => {
    const answer = await post('{"query":"mutation { logout }"}', { 'content-type': type });
    expect(answer).toMatchObject({ status, answer: refusal('UNSUPPORTED_MEDIA_TYPE') });
  });

  test('refuses other methods', async () => {
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const response = await fetch(`${bank.url}/graphql`, { method });
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, POST']);
      expect(await response.json()).toEqual(refusal('METHOD_NOT_ALLOWED'));
    }
  });

  test('answers GET for queries that a foreign page could not send, and no mutation', async () => {
    const get = async (query: string, headers: Record<string, string> = {}) => {
      const response = await fetch(`${bank.url}/graphql?query=${encodeURIComponent(query)}`, { headers });
      return { status: response.status, answer: (await response.json()) as unknown };
    };
    const preflighted = { 'apollo-require-preflight': 'true' };
    expect(await get('{ signedIn }', preflighted)).toEqual({ status: 200, answer: { data: { signedIn: false } } });
    expect(await get('{ signedIn }')).toEqual({ status: 400, answer: refusal('BAD_REQUEST') });
    expect(await get('mutation { logout }', preflighted)).toEqual({ status: 405, answer: refusal('BAD_REQUEST') });
    expect(await get('!'.repeat(4100), preflighted)).toEqual({
      status: 400,
      answer: refusal('QUERY_TOO_LARGE'),
    });
  });

  test('tells in JSON that a request line is too long', async () => {
    const response = await fetch(`${bank.url}/graphql?query=${'x'.repeat(20_000)}`);
    expect(response.status).toBe(431);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
  });

  test('answers an unknown path as JSON', async () => {
    const response = await fetch(`${bank.url}/nothing`);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'NOT_FOUND' } }] });
  });

  test('takes a sane request id of the client and makes one otherwise', async () => {
    const idFor = async (given: string) => {
      const { headers } = await bank.query('{ signedIn }', { headers: { 'x-request-id': given } });
      return headers.get('x-request-id');
    };
    expect(await idFor('client-0001')).toBe('client-0001');
    for (const bad of ['short', 'with space in it', '<script>alert(1)</script>', 'x'.repeat(65)]) {
      expect(await idFor(bad)).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  test('persists operations by hash, once they have been sent whole', async () => {
    const query = `{ signedIn # ${Math.random()}\n }`;
    const sha256Hash = createHash('sha256').update(query).digest('hex');
    const extensions = { persistedQuery: { version: 1, sha256Hash } };
    const ask = (body: object) => post(JSON.stringify(body));
    expect(await ask({ extensions })).toMatchObject({
      answer: { errors: [{ extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }] },
    });
    expect(await ask({ query, extensions })).toMatchObject({ status: 200, answer: { data: { signedIn: false } } });
    expect(await ask({ extensions })).toMatchObject({ status: 200, answer: { data: { signedIn: false } } });
  });

  test('persists nothing that is too large', async () => {
    const query = `{ ${'me { id } '.repeat(200)} }`;
    const extensions = { persistedQuery: { version: 1, sha256Hash: createHash('sha256').update(query).digest('hex') } };
    const ask = (body: object) => post(JSON.stringify(body));
    expect(await ask({ query, extensions })).toMatchObject({ status: 400, answer: refusal('QUERY_TOO_COMPLEX') });
    expect(await ask({ extensions })).toMatchObject({ answer: refusal('PERSISTED_QUERY_NOT_FOUND') });
  });
});

describe('beside /graphql', () => {
  test('introspection and the playground are there while developing', async () => {
    expect((await bank.query(getIntrospectionQuery())).errors).toBeUndefined();
    const page = await fetch(`${bank.url}/playground`);
    expect([page.status, page.headers.get('content-encoding')]).toEqual([200, 'gzip']);
    const html = await page.text();
    expect(html).toContain('YogaGraphiQL.renderYogaGraphiQL');
    expect(html).not.toMatch(/<(script|link|img)[^>]+(src|href)="https?:/);
  });

  test('health, readiness and the public keys answer', async () => {
    const get = async (path: string) => (await (await fetch(`${bank.url}${path}`)).json()) as unknown;
    expect(await get('/health')).toEqual({ status: 'ok' });
    expect(await get('/ready')).toEqual({ status: 'ready' });
    expect(await get('/.well-known/jwks.json')).toEqual({
      keys: [expect.objectContaining({ kid: 'first', kty: 'OKP' })],
    });
  });
});
