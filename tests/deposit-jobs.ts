import type pg from 'pg';
import { until } from './until.ts';

/*
 * How tests look at the jobs of deposits and make time pass for them: an attempt that failed waits for seconds to minutes, and
 * that pause is the job's run_at. `admin` connects as the administrator.
 */

const keyOf = (transferId: string) => `deposit:${transferId}`;

/** What would wait for its next attempt is due now, and the workers are told. */
export async function hurry(admin: pg.Pool, transferId: string): Promise<void> {
  const { rowCount } = await admin.query(
    `SELECT transfer_jobs.reschedule_jobs(array_agg(id), run_at => now()) FROM transfer_jobs.jobs
     WHERE key = $1 AND locked_at IS NULL AND run_at > now() HAVING count(*) > 0`,
    [keyOf(transferId)],
  );
  if (rowCount) await admin.query(`SELECT pg_notify('jobs:insert', '{"count":1}')`);
}

/** Resolves when the job is gone: nothing will happen to the deposit any more. */
export async function jobGone(admin: pg.Pool, transferId: string): Promise<void> {
  await until('the job is done', async () => {
    const { rowCount } = await admin.query('SELECT FROM transfer_jobs.jobs WHERE key = $1', [keyOf(transferId)]);
    return rowCount === 0;
  });
}

/** Whether the job waits for its next attempt. */
export async function jobWaits(admin: pg.Pool, transferId: string): Promise<boolean> {
  const { rowCount } = await admin.query(
    'SELECT FROM transfer_jobs.jobs WHERE key = $1 AND locked_at IS NULL AND run_at > now()',
    [keyOf(transferId)],
  );
  return rowCount === 1;
}

/** Something that stands still until it is let go. */
export interface Held {
  letGo: () => Promise<void>;
  /** Lets go and takes back what the statement wrote. */
  undo: () => Promise<void>;
}

/** Keeps what a statement locks, as another process at work would; letting go twice is fine. */
export async function hold(admin: pg.Pool, sql: string, values: unknown[] = []): Promise<Held> {
  const client = await admin.connect();
  await client.query('BEGIN');
  await client.query(sql, values);
  let held = true;
  const end = (how: 'COMMIT' | 'ROLLBACK') => async (): Promise<void> => {
    if (!held) return;
    held = false;
    await client.query(how);
    client.release();
  };
  return { letGo: end('COMMIT'), undo: end('ROLLBACK') };
}

/**
 * Keeps started deposits from becoming jobs, and all other listeners of this database still. By a lock of the table and not of
 * the row: that would be a transaction with an id, behind which the event readers of every other test would wait, too.
 */
export function holdRelay(admin: pg.Pool): Promise<Held> {
  return hold(admin, 'LOCK TABLE platform.listener_cursor IN EXCLUSIVE MODE');
}

/** Waits until so many sessions of transfer stand before a lock with a statement like this; gives their process ids. */
export async function blocked(admin: pg.Pool, statement: string, sessions = 1): Promise<number[]> {
  const pids = await until(`transfer waits in ${statement}`, async () => {
    const { rows } = await admin.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'dwaybank_transfer' AND query LIKE $1`,
      [`%${statement}%`],
    );
    return rows.length >= sessions ? rows.map(({ pid }) => pid) : null;
  });
  return pids!;
}

/** A statement that was sent before a kill runs on in Postgres, unless it is ended: then it is as if it had not been sent. */
export async function endStatements(admin: pg.Pool, pids: number[]): Promise<void> {
  await admin.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [pids]);
}
