import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createLog } from '../platform/log.ts';
import type { ReceiveNoticeAnswer, ReceiveNoticeQuestion } from '../platform/questions/receive-notice.ts';
import { answerProviderWebhook } from './provider-webhooks.ts';

let server: Server;
let url: string;
let asked: ReceiveNoticeQuestion[];
let answer: () => Promise<ReceiveNoticeAnswer>;

beforeAll(async () => {
  const transfer = {
    ask: (question: string, body: unknown) => {
      expect(question).toBe('receive-notice');
      asked.push(body as ReceiveNoticeQuestion);
      return answer();
    },
  };
  server = createServer(
    (request, response) => void answerProviderWebhook({ transfer, log: createLog('silent') }, request, response),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
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
