import type { Queryable } from '../../../platform/db.ts';
import { refuse } from './refusals.ts';

/** Something that was done, by whom. */
export interface Intervention {
  at: Date;
  /** A person's id, who sat at the command line, or "bank" when no person did it. */
  actor: string;
  action: string;
  /** Why, or with what words. */
  note: string | null;
}

/** The actor when no person did it. */
export const THE_BANK = 'bank';
/** The subject of what is done to all of the books. */
export const THE_BOOKS = 'ledger';

const MOST = 100;
const LONGEST_REASON = 500;

/** Puts on record what somebody did, in the transaction of doing it. */
export async function recordIntervention(
  tx: Queryable,
  { actor, action, subject, note }: { actor: string; action: string; subject: string; note: string | null },
): Promise<void> {
  await tx.query({
    name: 'transfer-record-intervention',
    text: 'INSERT INTO transfer.intervention (actor, action, subject, note) VALUES ($1, $2, $3, $4)',
    values: [actor, action, subject, note],
  });
}

/** What was done to one thing, oldest first; the newest MOST. */
export async function listInterventions(db: Queryable, subject: string): Promise<Intervention[]> {
  const { rows } = await db.query<Intervention>({
    name: 'transfer-list-interventions',
    text: `SELECT at, actor, action, note FROM transfer.intervention WHERE subject = $1 ORDER BY number DESC LIMIT $2`,
    values: [subject, MOST],
  });
  return rows.reverse();
}

/** A reason as it goes on record. */
export function parseReason(text: string, field = 'reason'): string {
  const reason = text.trim();
  if (reason === '' || reason.length > LONGEST_REASON || /\p{Cc}/u.test(reason.replaceAll(/[\n\t]/g, ' '))) {
    throw refuse('INVALID_REASON', [field]);
  }
  return reason;
}
