import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Logger } from '../../platform/log.ts';
import { createEcbFileRates } from '../../providers/rates/ecb-rates.ts';
import { createHttpRates } from '../../providers/rates/http-rates.ts';
import { createPackageRates } from '../../providers/rates/package-rates.ts';
import type { RateSource } from '../../providers/rates/rate-source.ts';
import { createTestDatabase, type TestDatabase } from '../../tests/database.ts';
import { until } from '../../tests/until.ts';
import { checkRates } from './check-rates.ts';
import { startLoadingRates } from './load-rates.ts';

/* Sources of newer rates, on the checks and tables that all sources go through. */

const NOVEMBER = createPackageRates('currency-api-2025-11-01');
const require = createRequire(import.meta.url);

let database: TestDatabase;
let server: Server;
let baseUrl: string;
/** The package whose files the server serves; null: it answers 500. */
let served: string | null;
let warnings: { source?: string; fault?: string }[];
const folder = mkdtempSync(path.join(tmpdir(), 'rates-'));
const file = path.join(folder, 'eurofxref-hist.csv');

beforeAll(async () => {
  server = createServer((request, response) => {
    if (served === null) return void response.writeHead(500).end();
    response.end(readFileSync(require.resolve(`${served}${request.url!}`)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
});
beforeEach(async () => {
  database = await createTestDatabase();
  warnings = [];
});
afterEach(() => database.drop());
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

/** Loads until stopped, looking again every few milliseconds. */
function start(sources: readonly RateSource[]): Promise<() => Promise<void>> {
  const note = (entry: object) => void warnings.push(entry);
  return startLoadingRates({
    pool: database.pool('dwaybank_portfolio'),
    wakeUp: { signal: () => {}, onSignal: () => () => {}, close: () => Promise.resolve() },
    clock: { now: () => new Date('2025-12-08T09:00:00.000Z') },
    // Of a log only what is called here.
    log: { warn: note, error: note } as unknown as Logger,
    rateSources: sources,
    recheckMs: 10,
  });
}

async function days(): Promise<{ date: string; source: string }[]> {
  const sql = 'SELECT date::text, source FROM portfolio.rate_day ORDER BY date';
  return (await database.pool('postgres').query<{ date: string; source: string }>(sql)).rows;
}

async function faultOf(source: string): Promise<string | null> {
  const sql = 'SELECT fault FROM portfolio.rate_check WHERE source = $1';
  return (await database.pool('postgres').query<{ fault: string | null }>(sql, [source])).rows[0]!.fault;
}

describe('rates from a server', () => {
  test('are looked for again and again; a bad day leaves the last good one and says why', async () => {
    const source = createHttpRates(baseUrl, { retries: { most: 0, firstDelayMs: 1, longestDelayMs: 1 } });
    served = null;
    const stop = await start([NOVEMBER, source]);
    try {
      expect(await faultOf(source.name)).toMatch(/^it cannot be read: .*answered 500$/);
      // The real day that had bitcoin upside down.
      served = 'currency-api-2025-12-06';
      await until('the bad day was refused', async () => (await faultOf(source.name))!.includes('BTC would be worth'));
      expect((await days()).map(({ date }) => date)).toEqual(['2025-11-01']);
      served = 'currency-api-2025-12-07';
      await until('the good day is in use', async () => (await days()).length === 2);
      expect((await days())[1]).toEqual({ date: '2025-12-07', source: source.name });
      expect(await faultOf(source.name)).toBeNull();
      // An older day than the one in use.
      served = 'currency-api-2025-11-01';
      await until('it says that it is stale', async () => (await faultOf(source.name)) !== null);
      expect(await faultOf(source.name)).toContain('2025-11-01 is older than the rates in use, of 2025-12-07');
    } finally {
      await stop();
    }
    expect(warnings.map(({ source: of }) => of)).toContain(source.name);
  });

  test('that does not answer do not hold up the end of the bank, and nothing is said of it then', async () => {
    served = 'currency-api-2025-12-07';
    const hanging = createServer(() => {});
    await new Promise<void>((resolve) => hanging.listen(0, '127.0.0.1', resolve));
    const at = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}`;
    const asked = new Promise((resolve) => hanging.once('request', resolve));
    let calls = 0;
    const patient = { timeoutMs: 60_000, deadlineMs: 60_000 };
    const [good, silent] = [createHttpRates(baseUrl), createHttpRates(at, patient)];
    const source: RateSource = { name: 'a', read: (signal) => (calls++ === 0 ? good : silent).read(signal) };
    const stop = await start([source]);
    await asked;
    const startMs = performance.now();
    await stop();
    expect(performance.now() - startMs).toBeLessThan(20_000);
    expect(await faultOf('a')).toBeNull();
    hanging.closeAllConnections();
    await new Promise((resolve) => hanging.close(resolve));
  });
});

const HEADER =
  'Date,USD,JPY,BGN,CZK,DKK,GBP,HUF,PLN,RON,SEK,CHF,ISK,NOK,TRY,AUD,BRL,CAD,CNY,HKD,IDR,ILS,INR,KRW,MXN,MYR,NZD,PHP,SGD,THB,ZAR,';
const row = (date: string, { jpy = '181.17' } = {}) =>
  `${date},1.1624,${jpy},1.9558,24.195,7.4688,0.8739,382.9,4.2348,5.0916,10.9455,0.9368,148.2,11.7655,49.5,1.7558,6.2,1.6094,8.22,9.05,19402,3.76,104.6,1712,21.2,4.77,2.02,68.6,1.5078,37.1,19.7,`;

describe('rates from a file of the ECB', () => {
  test('are a day of the currencies that it has: the others are not missing', async () => {
    writeFileSync(file, [HEADER, row('2025-12-05')].join('\n'));
    const stop = await start([NOVEMBER, createEcbFileRates(file)]);
    await stop();
    expect(await days()).toEqual([
      { date: '2025-11-01', source: NOVEMBER.name },
      { date: '2025-12-05', source: 'ECB eurofxref-hist.csv' },
    ]);
    const { rows } = await database
      .pool('postgres')
      .query<{ currency: string; doubtful: string | null }>(
        `SELECT currency, doubtful FROM portfolio.rate WHERE date = '2025-12-05' ORDER BY currency`,
      );
    expect(rows).toHaveLength(31);
    expect(rows.filter(({ doubtful }) => doubtful !== null)).toEqual([]);
  });

  test('are refused with a jump, or without one that it should have; the file may be mended under a running bank', async () => {
    const source = createEcbFileRates(file);
    writeFileSync(file, [HEADER, row('2025-12-05', { jpy: '18117' })].join('\n'));
    const stop = await start([NOVEMBER, source]);
    try {
      expect(await faultOf(source.name)).toMatch(/JPY changed by a factor of/);
      writeFileSync(file, [HEADER, row('2025-12-05', { jpy: 'N/A' })].join('\n'));
      await until('the missing rate is told', async () => (await faultOf(source.name)) === 'JPY is missing');
      expect((await days()).map(({ date }) => date)).toEqual(['2025-11-01']);
      writeFileSync(file, [HEADER, row('2025-12-05')].join('\n'));
      await until('the mended file is in use', async () => (await days()).length === 2);
    } finally {
      await stop();
    }
  });
});

test('what a source does not mean to have is judged all the same where it has it', () => {
  const sheet = { date: '2025-12-05', perUsd: { USD: '1', EUR: '0.86', USDC: '7' }, crosses: {} };
  const covers = new Set(['USD', 'EUR']);
  const verdict = checkRates(sheet, { last: null, today: '2025-12-08', covers });
  expect(verdict).toMatchObject({ outcome: 'GOOD' });
  expect(verdict).toHaveProperty('doubtful', new Map([['USDC', 'is 7, far from a dollar']]));
  expect(checkRates(sheet, { last: null, today: '2025-12-08' })).toMatchObject({ outcome: 'REFUSED' });
});
