import type pg from 'pg';
import { until } from './until.ts';

/* How tests look at the jobs of payouts and make time pass for them; as deposit-jobs.ts. */

/** What would wait for its next attempt is due now, and the workers are told. */
export async function hurryJob(admin: pg.Pool, key: string): Promise<void> {
  const { rowCount } = await admin.query(
    `SELECT transfer_jobs.reschedule_jobs(array_agg(id), run_at => now()) FROM transfer_jobs.jobs
     WHERE key = $1 AND locked_at IS NULL AND run_at > now() HAVING count(*) > 0`,
    [key],
  );
  if (rowCount) await admin.query(`SELECT pg_notify('jobs:insert', '{"count":1}')`);
}

/** Resolves when the job is gone: it has nothing left to do. */
export async function payoutJobGone(admin: pg.Pool, transferId: string): Promise<void> {
  await until('the job is done', async () => {
    const { rowCount } = await admin.query('SELECT FROM transfer_jobs.jobs WHERE key = $1', [`payout:${transferId}`]);
    return rowCount === 0;
  });
}

/** Whether the job waits for its next attempt. */
export async function payoutJobWaits(admin: pg.Pool, transferId: string): Promise<boolean> {
  const { rowCount } = await admin.query(
    'SELECT FROM transfer_jobs.jobs WHERE key = $1 AND locked_at IS NULL AND run_at > now()',
    [`payout:${transferId}`],
  );
  return rowCount === 1;
}
