import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Logger } from '../../platform/log.ts';
import type { Rates } from '../../platform/rates.ts';
import { createPackageRates } from '../../providers/rates/package-rates.ts';
import type { RateSheet, RateSource } from '../../providers/rates/rate-source.ts';
import { createTestDatabase, type TestDatabase } from '../../tests/database.ts';
import { until } from '../../tests/until.ts';
import { startLoadingRates, type LoadRatesDeps } from './load-rates.ts';

const NOVEMBER = 'currency-api-2025-11-01';
/** The real day with BTC and ETH upside down and symbols missing. */
const CORRUPT = 'currency-api-2025-12-06';
const DECEMBER = 'currency-api-2025-12-07';

let database: TestDatabase;
let warnings: { source?: string; fault?: string }[];
let signals: number;

beforeEach(async () => {
  database = await createTestDatabase();
  warnings = [];
  signals = 0;
});
afterEach(() => database.drop());

function deps(rateSources: readonly RateSource[], more: Partial<LoadRatesDeps> = {}): LoadRatesDeps {
  const note = (entry: object) => void warnings.push(entry);
  return {
    pool: database.pool('dwaybank_portfolio'),
    wakeUp: { signal: () => void signals++, onSignal: () => () => {}, close: () => Promise.resolve() },
    clock: { now: () => new Date('2025-12-08T09:00:00.000Z') },
    // Of a log only what is called here.
    log: { warn: note, error: note } as unknown as Logger,
    rateSources,
    ...more,
  };
}

async function loadOnce(...sources: readonly (string | RateSource)[]): Promise<void> {
  const given = sources.map((source) => (typeof source === 'string' ? createPackageRates(source) : source));
  const stop = await startLoadingRates(deps(given));
  await stop();
}

async function read<Row extends object>(sql: string): Promise<Row[]> {
  const { rows } = await database.pool('postgres').query<Row>(sql);
  return rows;
}

const recordedEvents = () =>
  read<{ payload: Rates & { source: string } }>(
    `SELECT payload FROM platform.event WHERE type = 'RatesRecorded' ORDER BY xid, id`,
  );
const days = () =>
  read<{ date: string; source: string }>('SELECT date::text, source FROM portfolio.rate_day ORDER BY date');
const checks = () =>
  read<{ source: string; fault: string | null }>('SELECT source, fault FROM portfolio.rate_check ORDER BY source');

function failing(message: string): RateSource {
  return { name: 'failing', read: () => Promise.reject(new Error(message)) };
}

function fixed(sheet: RateSheet): RateSource {
  return { name: 'fixed', read: () => Promise.resolve(sheet) };
}

describe('loading rates', () => {
  test('records a good day with its source and tells the others, once however often it is loaded', async () => {
    await loadOnce(DECEMBER);
    await loadOnce(DECEMBER);
    expect(await days()).toEqual([{ date: '2025-12-07', source: DECEMBER }]);
    const events = await recordedEvents();
    expect(events).toHaveLength(1);
    const { date, perUsd, source } = events[0]!.payload;
    expect({ date, source, usd: perUsd['USD'], btc: perUsd['BTC'] }).toEqual({
      date: '2025-12-07',
      source: DECEMBER,
      usd: '1',
      btc: '0.000011188152',
    });
    expect(signals).toBe(1);
    expect(await checks()).toEqual([{ source: DECEMBER, fault: null }]);
  });

  test('keeps the last good day when the next one is corrupt, says why, and goes on with the one after it', async () => {
    await loadOnce(NOVEMBER);
    await loadOnce(CORRUPT);
    expect(await days()).toEqual([{ date: '2025-11-01', source: NOVEMBER }]);
    expect(await recordedEvents()).toHaveLength(1);
    const fault = warnings.find(({ source }) => source === CORRUPT)?.fault;
    expect(fault).toMatch(/BTC would be worth 0\.0257 USD; ETH would be worth 0\.0000201 USD.*SUI is missing/);
    expect(await checks()).toContainEqual({ source: CORRUPT, fault });
    await loadOnce(DECEMBER);
    expect((await days()).map(({ date }) => date)).toEqual(['2025-11-01', '2025-12-07']);
  });

  test('falls back on the day before when the newest is corrupt from the beginning', async () => {
    await loadOnce(NOVEMBER, CORRUPT);
    expect((await days()).map(({ date }) => date)).toEqual(['2025-11-01']);
    await loadOnce(NOVEMBER, CORRUPT);
    expect(await recordedEvents()).toHaveLength(1);
  });

  test('refuses a newest day that is older than what is in use, but not a fallback that is', async () => {
    await loadOnce(DECEMBER);
    await loadOnce(NOVEMBER, DECEMBER);
    expect(await checks()).toEqual([
      { source: NOVEMBER, fault: null },
      { source: DECEMBER, fault: null },
    ]);
    await loadOnce(DECEMBER, NOVEMBER);
    expect(await checks()).toContainEqual({
      source: NOVEMBER,
      fault: expect.stringContaining('2025-11-01 is older than the rates in use, of 2025-12-07'),
    });
  });

  test('never keeps the bank from starting', async () => {
    await loadOnce(failing('no such file\nand where it was looked for'), DECEMBER);
    expect((await days()).map(({ date }) => date)).toEqual(['2025-12-07']);
    expect(await checks()).toContainEqual({ source: 'failing', fault: 'it cannot be read: no such file' });
    await database.pool('postgres').query('ALTER TABLE portfolio.rate_check RENAME TO away');
    await loadOnce(NOVEMBER, DECEMBER);
    await database.pool('postgres').query('ALTER TABLE portfolio.away RENAME TO rate_check');
  });

  test('in many processes at once records each day once', async () => {
    await Promise.all(Array.from({ length: 8 }, () => loadOnce(NOVEMBER, DECEMBER)));
    expect(await days()).toHaveLength(2);
    expect((await recordedEvents()).map(({ payload }) => payload.date)).toEqual(['2025-11-01', '2025-12-07']);
    expect(warnings.filter((warning) => 'err' in warning)).toEqual([]);
  });

  test('leaves no day without its event when something fails between them', async () => {
    await database
      .pool('postgres')
      .query('REVOKE EXECUTE ON FUNCTION platform.append_events(text[], text[], jsonb[]) FROM dwaybank_portfolio');
    await loadOnce(DECEMBER);
    expect(await days()).toEqual([]);
    await database
      .pool('postgres')
      .query('GRANT EXECUTE ON FUNCTION platform.append_events(text[], text[], jsonb[]) TO dwaybank_portfolio');
    await loadOnce(DECEMBER);
    expect(await days()).toHaveLength(1);
    expect(await recordedEvents()).toHaveLength(1);
  });

  test('sets a rate aside that few believe, keeps it out of the event, and believes it when the next day agrees', async () => {
    // The source of November had another thing under the ticker of Mongolia's currency.
    await loadOnce(NOVEMBER);
    await loadOnce(DECEMBER);
    const [, december] = await recordedEvents();
    expect(december!.payload.perUsd).not.toHaveProperty('MNT');
    expect(await read(`SELECT currency, doubtful FROM portfolio.rate WHERE doubtful IS NOT NULL`)).toEqual([
      { currency: 'MNT', doubtful: 'changed by a factor of 5.12e+3 since 2025-11-01' },
    ]);
    const sheet = await createPackageRates(DECEMBER).read();
    await loadOnce(fixed({ ...sheet, date: '2025-12-08' }));
    const [, , next] = await recordedEvents();
    expect(next!.payload.perUsd).toMatchObject({ MNT: '3549.39414101' });
  });

  test('counts what changes, for live portfolios, and not what it finds as it was', async () => {
    const changes = async () => {
      const [row] = await read<{ changes: string }>('SELECT sum(changes) AS changes FROM portfolio.rate_check');
      return Number(row!.changes);
    };
    const offered = (source: string) => ({ ...createPackageRates(source), name: 'installed' });
    await loadOnce(offered(NOVEMBER));
    expect(await changes()).toBe(1);
    await loadOnce(offered(NOVEMBER));
    expect(await changes()).toBe(1);
    await loadOnce(offered(CORRUPT));
    expect(await changes()).toBe(2);
    await loadOnce(offered(CORRUPT));
    expect(await changes()).toBe(2);
    await loadOnce(offered(DECEMBER));
    expect(await changes()).toBe(3);
  });

  test('looks again while it runs, says the same fault only once, and ends when it is stopped', async () => {
    let reads = 0;
    let current = createPackageRates(CORRUPT);
    const source: RateSource = { name: 'updated beneath us', read: () => (reads++, current.read()) };
    const stop = await startLoadingRates(deps([source], { recheckMs: 5 }));
    await until('several looks', () => reads > 3);
    expect(warnings.filter(({ fault }) => fault)).toHaveLength(1);
    current = createPackageRates(DECEMBER);
    await until('the good day', async () => (await days()).length === 1);
    await stop();
    const after = reads;
    await database.pool('postgres').query('SELECT pg_sleep(0.05)');
    expect(reads).toBe(after);
  });
});
