import { createServer, request as open, type ClientRequest, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createLog } from '../platform/log.ts';
import type { ReceiveNoticeAnswer, ReceiveNoticeQuestion } from '../platform/questions/receive-notice.ts';
import { codedError } from '../platform/graph-errors.ts';
import { createRateLimits, RATE_LIMITS, type RateLimits } from '../platform/rate-limits.ts';
import { createProviderWebhooks } from './provider-webhooks.ts';

let server: Server;
let url: string;
let asked: ReceiveNoticeQuestion[];
let answer: () => Promise<ReceiveNoticeAnswer>;
let limits: RateLimits;

beforeAll(async () => {
  const transfer = {
    ask: (question: string, body: unknown) => {
      expect(question).toBe('receive-notice');
      asked.push(body as ReceiveNoticeQuestion);
      return answer();
    },
  };
  const log = createLog('silent');
  // Limits of each test's own.
  const own: Pick<RateLimits, 'consume' | 'check' | 'penalize'> = {
    consume: (...args) => limits.consume(...args),
    check: (...args) => limits.check(...args),
    penalize: (...args) => limits.penalize(...args),
  };
  const webhooks = createProviderWebhooks({ transfer, limits: own, trustedProxies: 1, log, bodyDeadlineMs: 300 });
  server = createServer((request, response) => void webhooks(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  limits = createRateLimits({ redisUrl: null, log: createLog('silent') });
  asked = [];
  answer = () => Promise.resolve({ outcome: 'STORED' });
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

async function post(path: string, body: BodyInit, headers: Record<string, string> = {}) {
  const response = await fetch(url + path, { method: 'POST', body, headers });
  return { status: response.status, body: (await response.json()) as unknown };
}

describe('what comes to /webhooks/<provider>', () => {
  test('is handed on byte for byte, with the headers that prove it and none of the bank’s own', async () => {
    // Not UTF-8: what signatures are over must not be read as text on the way.
    const bytes = Buffer.from([0x7b, 0xff, 0xfe, 0x00, 0x7d]);
    const headers = {
      'Stripe-Signature': 't=1,v1=ab',
      authorization: 'Bearer x',
      cookie: 'a=b',
      'x-device-id': 'd',
    };
    expect(await post('/webhooks/stripe?attempt=2', bytes, headers)).toEqual({ status: 200, body: { received: true } });
    expect(asked).toHaveLength(1);
    expect(Buffer.from(asked[0]!.body, 'base64')).toEqual(bytes);
    expect(asked[0]!.provider).toBe('stripe');
    expect(asked[0]!.headers['stripe-signature']).toBe('t=1,v1=ab');
    for (const own of ['authorization', 'cookie', 'x-device-id']) expect(asked[0]!.headers).not.toHaveProperty(own);
  });

  test.each([
    ['UNKNOWN_PROVIDER', 404, 'NOT_FOUND'],
    ['BAD_SIGNATURE', 401, 'BAD_SIGNATURE'],
    ['MALFORMED', 400, 'BAD_REQUEST'],
  ] as const)('that is %s is answered with %d', async (outcome, status, code) => {
    answer = () => Promise.resolve({ outcome });
    expect(await post('/webhooks/paystack', '{}')).toMatchObject({
      status,
      body: { errors: [{ extensions: { code, requestId: expect.any(String) } }] },
    });
  });

  test('is to be sent again when it could not be stored', async () => {
    answer = () => Promise.reject(new Error('transfer is away'));
    const refused = await post('/webhooks/paystack', '{}');
    expect(refused.status).toBe(503);
    expect(JSON.stringify(refused.body)).not.toContain('away');
  });

  test.each(['/webhooks/', '/webhooks/../graphql', '/webhooks/Stripe', '/webhooks/stripe/x', '/webhooks/%2e%2e'])(
    'is nobody’s at %s',
    async (path) => {
      expect((await post(path, '{}')).status).toBe(404);
      expect(asked).toEqual([]);
    },
  );

  test('is posted, and at most 256 KiB', async () => {
    const got = await fetch(`${url}/webhooks/stripe`);
    expect([got.status, got.headers.get('allow')]).toEqual([405, 'POST']);
    expect((await post('/webhooks/stripe', 'x'.repeat(256 * 1024))).status).toBe(200);
    expect((await post('/webhooks/stripe', 'x'.repeat(256 * 1024 + 1))).status).toBe(413);
    expect(asked).toHaveLength(1);
  });
});

const code = (body: unknown) => (body as { errors: { extensions: { code: string } }[] }).errors[0]!.extensions.code;
const FROM = (address: string) => ({ 'x-forwarded-for': address });

/** Begins to post a body and never ends it. */
function begin(address: string, path = '/webhooks/stripe'): { request: ClientRequest; status: Promise<number> } {
  const headers = { ...FROM(address), 'content-length': '100', 'content-type': 'application/json' };
  const request = open(url + path, { method: 'POST', headers });
  const status = new Promise<number>((resolve, reject) => {
    request.once('response', (response) => resolve(response.resume().statusCode!));
    request.once('error', reject);
  });
  request.write('{');
  return { request, status };
}

describe('who sends too much to /webhooks/<provider>', () => {
  test('of what is refused is not listened to for a while, at that provider and from that address alone', async () => {
    answer = () => Promise.resolve({ outcome: 'BAD_SIGNATURE' });
    const { points } = RATE_LIMITS['provider-webhook-failure'];
    for (let n = 0; n < points; n++)
      expect((await post('/webhooks/stripe', '{}', FROM('203.0.113.1'))).status).toBe(401);
    answer = () => Promise.resolve({ outcome: 'STORED' });
    asked = [];
    const refused = await post('/webhooks/stripe', '{}', FROM('203.0.113.1'));
    expect([refused.status, code(refused.body)]).toEqual([429, 'RATE_LIMITED']);
    // Nothing of it reaches transfer, so that nothing can be stored.
    expect(asked).toEqual([]);
    expect((await post('/webhooks/paystack', '{}', FROM('203.0.113.1'))).status).toBe(200);
    expect((await post('/webhooks/stripe', '{}', FROM('203.0.113.2'))).status).toBe(200);
  });

  test('at all is told to come back later', async () => {
    limits.consume = (name) => {
      if (name === 'provider-webhook') throw codedError('RATE_LIMITED', 'Too many attempts.');
      return Promise.resolve();
    };
    const response = await fetch(`${url}/webhooks/stripe`, { method: 'POST', body: '{}' });
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '60']);
    expect(asked).toEqual([]);
  });

  test('counts what is stored against nobody’s failures', async () => {
    const { points } = RATE_LIMITS['provider-webhook-failure'];
    for (let n = 0; n <= points; n++) expect((await post('/webhooks/stripe', '{}')).status).toBe(200);
  });
});

describe('a body that does not come', () => {
  test('is waited for a while, and then told so; transfer hears nothing of it', async () => {
    const slow = begin('203.0.113.3');
    expect(await slow.status).toBe(408);
    expect(asked).toEqual([]);
    slow.request.destroy();
  });

  test('may be one of a few of one address, and those of others come through', async () => {
    const slow = Array.from({ length: 40 }, () => begin('203.0.113.4'));
    const statuses = Promise.all(slow.map(({ status }) => status));
    expect((await post('/webhooks/stripe', '{}', FROM('203.0.113.5'))).status).toBe(200);
    const counted = await statuses;
    // Those beyond the bound are not waited for at all.
    expect(new Set(counted)).toEqual(new Set([408, 429]));
    expect(counted.filter((status) => status === 429).length).toBeGreaterThanOrEqual(1);
    // When they have ended there is room again.
    expect((await post('/webhooks/stripe', '{}', FROM('203.0.113.4'))).status).toBe(200);
    for (const { request } of slow) request.destroy();
    expect(asked).toHaveLength(2);
  });

  test('counts as a failure of its sender', async () => {
    const { points } = RATE_LIMITS['provider-webhook-failure'];
    const sender = 'stripe 203.0.113.6';
    for (let n = 1; n < points; n++) await limits.penalize('provider-webhook-failure', sender);
    const slow = begin('203.0.113.6');
    expect(await slow.status).toBe(408);
    expect((await post('/webhooks/stripe', '{}', FROM('203.0.113.6'))).status).toBe(429);
  });
});
