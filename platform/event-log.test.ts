import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../tests/database.ts';
import { until } from '../tests/until.ts';
import { withTransaction } from './db.ts';
import { appendEvents, isHeldBack, readLastSettled } from './event-log.ts';
import { newId, type AccountId, type UserId } from './ids.ts';
import { readProgress } from './listener-batch.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** A log that Postgres has no statistics of yet, as in the first minute of a bank. */
async function fillLog(): Promise<void> {
  const at = new Date().toISOString();
  for (let round = 0; round < 10; round++) {
    await appendEvents(
      database.pool('dwaybank_wallet', { max: 1 }),
      Array.from({ length: 500 }, () => {
        const accountId = newId<AccountId>();
        const payload = { accountId, ownerId: newId<UserId>(), currency: 'USD', kind: 'PERSONAL' as const, at };
        return { type: 'AccountOpened' as const, key: accountId, payload };
      }),
    );
  }
}

test('looking for news reads the end of the log, however long it is', async () => {
  const pool = database.pool('dwaybank_wallet');
  const listener = { name: 'wallet.nothing' as const, types: ['SessionEnded' as const], handle: async () => {} };
  const readRows = () =>
    withTransaction(pool, async (tx) => {
      await isHeldBack(tx);
      await readLastSettled(tx);
      await readProgress(tx, listener);
      const { rows } = await tx.query<{ scanned: string }>({
        text: `SELECT pg_stat_get_xact_tuples_returned('platform.event'::regclass) AS scanned`,
      });
      return Number(rows[0]!.scanned);
    });
  await readRows();
  await fillLog();
  // Of whole scans of the table; what is found by its index is not among them.
  expect(await readRows()).toBeLessThan(500);
});

test('events are held back while an older transaction that writes is open, and only then', async () => {
  const pool = database.pool('dwaybank_wallet');
  const older = await pool.connect();
  try {
    await older.query('BEGIN');
    await older.query('SELECT pg_current_xact_id()');
    await fillLog();
    expect(await isHeldBack(pool)).toBe(true);
  } finally {
    await older.query('ROLLBACK');
    older.release();
  }
  // Transactions in other databases of the server hold them back as well, for as long as those last.
  await until('nothing is held back any more', async () => !(await isHeldBack(pool)));
});
