import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openEventLogWorld, effects, type EventLogWorld } from '../tests/event-log-world.ts';
import { until } from '../tests/until.ts';
import { isDatabaseLost, withTransaction, type Queryable } from './db.ts';

let world: EventLogWorld;

beforeAll(async () => {
  world = await openEventLogWorld();
});

afterAll(() => world.close());

const note = (tx: Queryable, name: string) =>
  tx.query({ text: 'INSERT INTO transfer.effect (name) VALUES ($1)', values: [name] });

describe('a transaction', () => {
  test('commits what it returns and rolls back what it throws', async () => {
    await expect(withTransaction(world.pool, async (tx) => (await note(tx, 'kept')).rowCount)).resolves.toBe(1);
    const failing = withTransaction(world.pool, async (tx) => {
      await note(tx, 'undone');
      throw new Error('a bug');
    });
    await expect(failing).rejects.toThrow('a bug');
    expect(await effects(world)).toEqual(['kept']);
  });

  test('says so when it was rolled back because a failed statement was passed over', async () => {
    const hiding = withTransaction(world.pool, async (tx) => {
      await note(tx, 'lost');
      await tx.query({ text: 'SELECT 1 / 0' }).catch(() => {});
      return 'done';
    });
    await expect(hiding).rejects.toThrow('rolled back');
    expect(await effects(world)).not.toContain('lost');
    await expect(withTransaction(world.pool, async () => 'the connection is good')).resolves.toBeDefined();
  });

  test.each(['while a statement runs', 'between two statements'])('survives its connection, lost %s', async (when) => {
    const lost = withTransaction(world.pool, async (tx) => {
      const { rows } = await tx.query<{ pid: number }>({ text: 'SELECT pg_backend_pid() AS pid' });
      await note(tx, 'lost');
      const statement = when.startsWith('while') ? tx.query({ text: 'SELECT pg_sleep(10)' }) : null;
      await Promise.all([statement, world.admin.query('SELECT pg_terminate_backend($1)', [rows[0]!.pid])]);
      // The loss arrives by itself before the next statement is sent.
      await until('the session is gone', async () => {
        const { rowCount } = await world.admin.query('SELECT FROM pg_stat_activity WHERE pid = $1', [rows[0]!.pid]);
        return rowCount === 0;
      });
      await note(tx, 'lost');
    });
    expect(isDatabaseLost(await lost.catch((error: unknown) => error))).toBe(true);
    expect(await effects(world)).not.toContain('lost');
    await expect(withTransaction(world.pool, async () => 'the pool is good')).resolves.toBeDefined();
  });
});
