import type pg from 'pg';
import { readPostingStop, resumePosting, stopPosting, type PostingStop } from '../../../ledger/posting-gate.ts';
import { withTransaction, type Queryable } from '../../../platform/db.ts';
import { parseReason, recordIntervention, THE_BOOKS } from './intervention-store.ts';

/** Makes the books read-only, on record. Stopped twice, they stay stopped for the first reason. */
export async function stopPostingOnRecord(
  tx: Queryable,
  { actor, reason }: { actor: string; reason: string },
): Promise<PostingStop | null> {
  if (await stopPosting(tx, reason)) {
    await recordIntervention(tx, { actor, action: 'POSTING_STOPPED', subject: THE_BOOKS, note: reason });
  }
  return readPostingStop(tx);
}

/** By a person. */
export async function stopPostingFor(
  pool: pg.Pool,
  { actor, reason }: { actor: string; reason: string },
): Promise<PostingStop | null> {
  const parsed = parseReason(reason);
  return withTransaction(pool, (tx) => stopPostingOnRecord(tx, { actor, reason: parsed }));
}

/** Lets the books move again, on record. */
export async function resumePostingFor(pool: pg.Pool, actor: string): Promise<PostingStop | null> {
  return withTransaction(pool, async (tx) => {
    if (await resumePosting(tx)) {
      await recordIntervention(tx, { actor, action: 'POSTING_RESUMED', subject: THE_BOOKS, note: null });
    }
    return readPostingStop(tx);
  });
}
