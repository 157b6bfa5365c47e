import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { ProviderOutcomeUnknownError } from './card-provider.ts';
import { ProviderUnreachableError } from './payout-provider.ts';
import { connectProvider, type ProviderConnection } from './provider-connection.ts';

const SECRET = 'sk_test_connection';
let server: Server;
let connection: ProviderConnection;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let requests = 0;

beforeAll(async () => {
  server = createServer((request, response) => {
    requests++;
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  connection = connectProvider({ title: 'Somebody', url: urlOf(server), secretKey: SECRET });
});
afterEach(() => {
  requests = 0;
});
afterAll(async () => {
  await connection.close();
  server.close();
  server.closeAllConnections();
});

function urlOf(listening: Server): string {
  // An address of TCP, since it listens on a host and a port.
  return `http://127.0.0.1:${(listening.address() as { port: number }).port}`;
}

const soon = (ms = 120_000) => AbortSignal.timeout(ms);
const call = (signal = soon()) => connection.call('POST', '/pay', signal, '{"amount":1}');
const say = (status: number, body: string, headers: Record<string, string> = {}) => {
  answer = (_request, response) => void response.writeHead(status, headers).end(body);
};

describe('a call to a provider', () => {
  test('shows the key and sends the body as it was written', async () => {
    let seen: unknown;
    answer = (request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const { authorization, 'content-type': type } = request.headers;
        seen = { method: request.method, url: request.url, authorization, type, body };
        response.end('{"status":true}');
      });
    };
    const exact = '{"amount":0.10,"x":1}';
    const signal = soon();
    expect(await connection.call('POST', '/pay', signal, exact)).toEqual({ status: 200, body: { status: true } });
    const authorization = `Bearer ${SECRET}`;
    expect(seen).toEqual({ method: 'POST', url: '/pay', authorization, type: 'application/json', body: exact });
  });

  test.each([200, 201, 202, 400, 404, 422])('hands on what status %d says', async (status) => {
    say(status, '{"message":"x"}');
    expect(await call()).toEqual({ status, body: { message: 'x' } });
  });

  test.each([401, 403, 429])('was turned away with %d: nothing was done', async (status) => {
    say(status, '<html>');
    await expect(call()).rejects.toBeInstanceOf(ProviderUnreachableError);
  });

  test.each([301, 302, 307, 408, 409, 418, 500, 502, 503, 504])('with %d may have been done', async (status) => {
    say(status, '{"status":false,"message":"no"}', { location: 'http://127.0.0.1:1/' });
    await expect(call()).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    expect(requests).toBe(1);
  });

  test.each([
    ['nothing', 200, ''],
    ['no JSON', 200, '<html>'],
    ['half of it', 200, '{"status":true'],
    ['a list', 200, '[]'],
    ['a word', 400, '"no"'],
    ['no object', 400, 'null'],
  ])('that is answered with %s may have been done', async (_what, status, body) => {
    say(status, body);
    await expect(call()).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
  });

  test('whose connection breaks may have been done, and is not sent again by itself', async () => {
    answer = (request) => void request.socket.destroy();
    await expect(call()).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    answer = (request, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"status"');
      setImmediate(() => request.socket.destroy());
    };
    await expect(call()).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    expect(requests).toBe(2);
  });

  test('that is answered too late, or with too much, may have been done', async () => {
    answer = () => {};
    await expect(call(soon(100))).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    say(200, JSON.stringify({ much: 'x'.repeat(2 * 1024 * 1024) }));
    await expect(call()).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
  });

  test('without time left asks nobody', async () => {
    await expect(call(AbortSignal.abort())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    expect(requests).toBe(0);
  });

  test('to where nobody listens, or to a name that is none, never left', async () => {
    const gone = createServer();
    gone.listen(0, '127.0.0.1');
    await once(gone, 'listening');
    const url = urlOf(gone);
    gone.close();
    await once(gone, 'close');
    const { port } = new URL(url);
    // A name with several addresses is tried at all of them.
    for (const place of [url, `http://localhost:${port}`, 'http://no-such-host.invalid']) {
      const nowhere = connectProvider({ title: 'Nobody', url: place, secretKey: SECRET });
      const lost = nowhere.call('POST', '/pay', soon(), '{}');
      await expect(lost).rejects.toBeInstanceOf(ProviderUnreachableError);
      await nowhere.close();
    }
  });

  test('tells neither the key nor the body in what went wrong', async () => {
    answer = (request) => void request.socket.destroy();
    const body = '{"account_number":"0123456789"}';
    const error: unknown = await connection.call('POST', '/pay', soon(), body).catch((caught: unknown) => caught);
    const told = JSON.stringify(error, Object.getOwnPropertyNames(error)) + String(error);
    expect(told).not.toContain(SECRET);
    expect(told).not.toContain('0123456789');
  });
});
