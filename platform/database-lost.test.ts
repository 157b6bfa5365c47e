import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { PrismaClient } from '../prisma/wallet/client/client.ts';
import { createTestDatabase, type TestDatabase } from '../tests/database.ts';
import { createPool, isDatabaseLost, prismaAdapter, withRetry } from './db.ts';
import { maskError } from './graph-errors.ts';

let database: TestDatabase;
/** Nothing listens here. */
let deadUrl: string;

beforeAll(async () => {
  database = await createTestDatabase();
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  deadUrl = `postgres://127.0.0.1:${(probe.address() as { port: number }).port}/dwaybank`;
  await once(probe.close(), 'close');
});

afterAll(() => database.drop());

async function failureOf(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

const codeFor = (error: unknown) => maskError(error, () => {}).extensions!['code'];

describe('a database that cannot be reached', () => {
  test('is told as such by pg and by Prisma, not as a fault of ours', async () => {
    const pool = createPool({
      url: deadUrl,
      role: 'dwaybank_wallet',
      password: 'x',
      schema: 'wallet',
      max: 1,
      onError: () => {},
    });
    const prisma = new PrismaClient({ adapter: prismaAdapter(pool, 'wallet') });
    try {
      expect(codeFor(await failureOf(() => pool.query('SELECT 1')))).toBe('DATABASE_UNAVAILABLE');
      expect(codeFor(await failureOf(() => prisma.account.findMany()))).toBe('DATABASE_UNAVAILABLE');
    } finally {
      await prisma.$disconnect();
      if (!pool.ended) await pool.end();
    }
  });

  test.each([
    { code: 'P2010', message: 'Raw query failed. Code: `57P03`. Message: `the database system is in recovery mode`' },
    { code: 'P2039', message: 'Invalid invocation', meta: { driverAdapterError: { cause: { code: '57P01' } } } },
    {
      message:
        'Invalid `prisma.transfer.findMany()` invocation: Database error. Code: `53300`. Message: too many clients',
    },
  ])('is told as such however Prisma wraps it: %j', (error) => {
    expect(isDatabaseLost(error)).toBe(true);
  });

  test('is not what a statement of ours does wrong', () => {
    expect(isDatabaseLost({ code: 'P2010', message: 'Raw query failed. Code: `23505`. Message: duplicate key' })).toBe(
      false,
    );
  });

  test('is told as such when it goes in the middle of a statement', async () => {
    const pool = database.pool('dwaybank_wallet', { max: 1 });
    const { rows } = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const sleeping = failureOf(() => pool.query('SELECT pg_sleep(10)'));
    const admin = database.pool('postgres', { max: 1 });
    await admin.query('SELECT pg_terminate_backend($1)', [rows[0]!.pid]);
    expect(codeFor(await sleeping)).toBe('DATABASE_UNAVAILABLE');
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  test('is not what a wrong statement means', async () => {
    const pool = database.pool('dwaybank_wallet', { max: 1 });
    const error = await failureOf(() => pool.query('SELECT nonsense'));
    expect(isDatabaseLost(error)).toBe(false);
    expect(codeFor(error)).toBe('INTERNAL');
  });
});

describe('a deadlock', () => {
  test('is tried again, and given up after five attempts', async () => {
    let attempts = 0;
    const victim = Object.assign(new pg.DatabaseError('deadlock detected', 0, 'error'), { code: '40P01' });
    const work = async () => {
      if (++attempts < 3) throw victim;
      return attempts;
    };
    expect(await withRetry(work)).toBe(3);
    attempts = -100;
    await expect(withRetry(work)).rejects.toBe(victim);
    expect(attempts).toBe(-95);
  });
});
