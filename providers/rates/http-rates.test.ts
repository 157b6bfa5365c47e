import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createHttpRates, type HttpRatesOptions } from './http-rates.ts';

let server: Server;
let baseUrl: string;
let asked: string[];
/** What the server does; nothing by default, which is to hang. */
let answer: RequestListener;

const base = (code: string, rates: object, date = '2026-01-31') => JSON.stringify({ date, [code]: rates });
const FILES: Record<string, string> = {
  '/v1/currencies/usd.json': base('usd', { eur: 0.9, btc: 1e-7 }),
  '/v1/currencies/eur.json': base('eur', { usd: 1.1 }),
  '/v1/currencies/btc.json': base('btc', { usd: 10000000 }),
};
const serve: RequestListener = (request, response) => void response.end(FILES[request.url!]);

const failing =
  (status: number): RequestListener =>
  (_request, response) =>
    void response.writeHead(status).end();

beforeEach(async () => {
  asked = [];
  answer = serve;
  server = createServer((request, response) => {
    asked.push(request.url!);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const QUICK: Partial<HttpRatesOptions> = { retries: { most: 2, firstDelayMs: 1, longestDelayMs: 2 } };
const read = (options: Partial<HttpRatesOptions> = {}, at = baseUrl) =>
  createHttpRates(at, { ...QUICK, ...options }).read();

describe('rates over HTTP', () => {
  test('are a day in the format of the currency-api, from wherever its files lie', async () => {
    const sheet = {
      date: '2026-01-31',
      perUsd: { EUR: '0.9', BTC: '0.0000001' },
      crosses: { EUR: { USD: '1.1' }, BTC: { USD: '10000000' } },
    };
    expect(await read()).toEqual(sheet);
    expect(await read({}, `${baseUrl}/`)).toEqual(sheet);
    expect([...asked].sort()).toEqual([...Object.keys(FILES), ...Object.keys(FILES)].sort());
  });

  test('are from a place that is told without what may be secret in it', () => {
    expect(createHttpRates('https://user:hunter2@rates.example/v1/?key=hunter3').name).toBe('rates.example/v1');
  });

  test.each([500, 503, 429, 408])('are asked for again after %i', async (status) => {
    let failures = 2;
    answer = (request, response) => (failures-- > 0 ? failing(status) : serve)(request, response);
    expect(await read()).toMatchObject({ date: '2026-01-31' });
    expect(asked).toHaveLength(5);
  });

  test('are asked for again when the connection breaks', async () => {
    let failures = 2;
    answer = (request, response) => (failures-- > 0 ? request.socket.destroy() : serve(request, response));
    expect(await read()).toMatchObject({ date: '2026-01-31' });
  });

  test('are given up after some tries', async () => {
    answer = failing(502);
    await expect(read()).rejects.toThrow(/\/v1\/currencies\/\w+\.json answered 502/);
    expect(asked.length).toBeLessThanOrEqual(9);
  });

  test.each([404, 403, 301])('are not asked for again after %i', async (status) => {
    answer = failing(status);
    await expect(read()).rejects.toThrow(`answered ${status}`);
    expect(new Set(asked).size).toBe(asked.length);
  });

  test('that do not come in time are none', async () => {
    answer = () => {};
    await expect(read({ timeoutMs: 50 })).rejects.toThrow('did not answer in time');
    // However many tries there might be: a day is read within a time of its own.
    const startMs = performance.now();
    const patient = { timeoutMs: 20_000, deadlineMs: 50, retries: { ...QUICK.retries!, most: 1_000 } };
    await expect(read(patient)).rejects.toThrow('did not answer in time');
    expect(performance.now() - startMs).toBeLessThan(15_000);
  });

  test('that stop half way are none', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': 1_000 });
      response.write('{"date": ');
    };
    await expect(read({ timeoutMs: 20 })).rejects.toThrow('did not answer in time');
  });

  test('are read up to a size and no further, whatever is said of it', async () => {
    answer = (_request, response) => {
      const more = () => {
        while (response.write(' '.repeat(10_000)));
        response.once('drain', more);
      };
      more();
    };
    await expect(read({ maxBytes: 100_000 })).rejects.toThrow(/is larger than 100000 bytes/);
    expect(new Set(asked).size).toBe(asked.length);
  });

  test.each([
    ['is no JSON', '<html>', /JSON/],
    ['has another form', '[]', /\/v1\/currencies\/\w+\.json has not the form/],
  ])('in a file that %s are none', async (_, text, message) => {
    answer = (_request, response) => void response.end(text);
    await expect(read()).rejects.toThrow(message);
  });

  test('of a server that is not there are none, and it is told why', async () => {
    await expect(read({}, 'http://127.0.0.1:1/v1')).rejects.toThrow(/127\.0\.0\.1:1\/v1.* cannot be reached: /);
  });
});
