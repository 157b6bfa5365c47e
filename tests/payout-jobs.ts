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

/**
 * What was sent was sent long ago: a provider that does not have it may now say "not here". Not while the job is under way, which may be just
 * before sending, and sends nothing that it has held back for so long.
 */
export async function ageAttempts(admin: pg.Pool, transferId: string): Promise<void> {
  await admin.query(
    `UPDATE transfer.provider_attempt SET sent_at = sent_at - interval '2 minutes'
     WHERE transfer_id = $1 AND outcome IS NULL AND sent_at > now() - interval '2 minutes'
       AND NOT EXISTS (SELECT FROM transfer_jobs.jobs WHERE key = 'payout:' || $1::text AND locked_at IS NOT NULL)`,
    [transferId],
  );
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
