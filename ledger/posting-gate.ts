import { sqlState, type Queryable } from '../platform/db.ts';

/** Since when and why nothing is posted or held. */
export interface PostingStop {
  reason: string;
  at: Date;
}

/** What post_batch and place_hold raise while posting is stopped. */
const STOPPED = 'DW010';

/** True for the error of a posting, or of a hold, while posting is stopped: nothing was done. */
export function isPostingStopped(error: unknown): boolean {
  return sqlState(error) === STOPPED;
}

/** Lets nothing be posted or held from the commit on. False when it was stopped before: then reason and time stay. */
export async function stopPosting(tx: Queryable, reason: string): Promise<boolean> {
  const { rows } = await tx.query<{ done: boolean }>({
    name: 'ledger-stop-posting',
    text: 'SELECT ledger.stop_posting($1) AS done',
    values: [reason],
  });
  return rows[0]!.done;
}

/** Lets the books move again. False when they were not stopped. */
export async function resumePosting(tx: Queryable): Promise<boolean> {
  const { rows } = await tx.query<{ done: boolean }>({
    name: 'ledger-resume-posting',
    text: 'SELECT ledger.resume_posting() AS done',
  });
  return rows[0]!.done;
}

/** Null while the books move. */
export async function readPostingStop(db: Queryable): Promise<PostingStop | null> {
  const { rows } = await db.query<PostingStop>({
    name: 'ledger-read-posting-stop',
    text: 'SELECT reason, stopped_at AS at FROM ledger.posting_gate WHERE stopped_at IS NOT NULL',
  });
  return rows[0] ?? null;
}
