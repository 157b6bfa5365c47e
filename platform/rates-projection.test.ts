import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../tests/database.ts';
import { quietLog } from '../tests/event-log-world.ts';
import { until } from '../tests/until.ts';
import type { Queryable } from './db.ts';
import { runListeners } from './event-listeners.ts';
import { appendEvents, type NewEvent } from './event-log.ts';
import { createRatesListener, createRatesReader } from './rates-projection.ts';
import { createLocalWakeUp } from './wake-up.ts';

let database: TestDatabase;
let portfolio: pg.Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  portfolio = database.pool('dwaybank_portfolio');
});
afterAll(() => database.drop());

function recorded(date: string, eur: string): NewEvent<'RatesRecorded'> {
  return { type: 'RatesRecorded', key: date, payload: { date, perUsd: { USD: '1', EUR: eur }, source: 'test' } };
}

/** Passes statements on and counts them. */
function counted(db: Queryable): Queryable & { statements: number } {
  const counting: Queryable & { statements: number } = {
    statements: 0,
    query: (sql) => {
      counting.statements++;
      return db.query(sql);
    },
  };
  return counting;
}

describe.each(['risk', 'transfer', 'insights'] as const)('the rates of %s', (owner) => {
  test('are those that portfolio recorded, the newest day for now, each day once', async () => {
    const pool = database.pool(`dwaybank_${owner}`);
    const wakeUp = createLocalWakeUp(quietLog);
    const listener = createRatesListener(owner);
    const listeners = runListeners({ pool, wakeUp, log: quietLog, pollMs: 20 }, [listener]);
    await appendEvents(portfolio, [recorded('2026-01-02', '0.9'), recorded('2026-01-01', '0.8')]);
    await listeners.caughtUp(listener.name, AbortSignal.timeout(10_000));
    expect(await createRatesReader(pool, owner).newest()).toEqual({
      date: '2026-01-02',
      perUsd: { USD: '1', EUR: '0.9' },
    });
    // Told again, nothing is there twice.
    await appendEvents(portfolio, [recorded('2026-01-02', '0.9')]);
    await listeners.caughtUp(listener.name, AbortSignal.timeout(10_000));
    const { rows } = await pool.query('SELECT date::text FROM rates ORDER BY date');
    expect(rows).toEqual([{ date: '2026-01-01' }, { date: '2026-01-02' }]);
    await listeners.stop();
    await wakeUp.close();
  });
});

describe('a reader of rates', () => {
  test('values with the last rate of a currency that the newest day lacks, and does not trade at it', async () => {
    const own = await createTestDatabase();
    const pool = own.pool('dwaybank_risk');
    const wakeUp = createLocalWakeUp(quietLog);
    const listener = createRatesListener('risk');
    const listeners = runListeners({ pool, wakeUp, log: quietLog, pollMs: 20 }, [listener]);
    const payload = { date: '2026-01-02', perUsd: { USD: '1' }, source: 'test' };
    await appendEvents(pool, [recorded('2026-01-01', '0.9'), { type: 'RatesRecorded', key: '2026-01-02', payload }]);
    await listeners.caughtUp(listener.name, AbortSignal.timeout(10_000));
    const reader = createRatesReader(pool, 'risk');
    expect(await reader.newest()).toEqual({ date: '2026-01-02', perUsd: { USD: '1', EUR: '0.9' } });
    expect(await reader.newestDay()).toEqual({ date: '2026-01-02', perUsd: { USD: '1' } });
    await listeners.stop();
    await wakeUp.close();
    await own.drop();
  });

  test('finds the first ones as soon as they are there, then reads at most once a second', async () => {
    const own = await createTestDatabase();
    const pool = counted(own.pool('dwaybank_risk'));
    const reader = createRatesReader(pool, 'risk');
    expect(await reader.newest()).toBeNull();
    const write = (date: string, eur: string) =>
      own.pool('postgres').query('INSERT INTO risk.rates VALUES ($1, $2, $2)', [date, { USD: '1', EUR: eur }]);
    await write('2026-01-01', '0.8');
    expect((await reader.newest())?.date).toBe('2026-01-01');
    const { statements } = pool;
    await Promise.all(Array.from({ length: 50 }, () => reader.newest()));
    expect(pool.statements).toBe(statements);
    await write('2026-01-02', '0.9');
    await until('the next day', async () => (await reader.newest())?.date === '2026-01-02');
    await own.drop();
  });

  test('asks once for all who wait, and again after a failure', async () => {
    let asked = 0;
    let answer: () => Promise<{ rows: never[]; rowCount: number }> = () =>
      Promise.reject(new Error('the database is away'));
    const reader = createRatesReader({ query: () => (asked++, answer()) }, 'risk');
    const failed = await Promise.allSettled([reader.newest(), reader.newest(), reader.newest()]);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(asked).toBe(1);
    answer = () => Promise.resolve({ rows: [], rowCount: 0 });
    expect(await reader.newest()).toBeNull();
  });
});
