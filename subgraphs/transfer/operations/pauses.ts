import { PROVIDER_IDS } from '../../../platform/config.ts';
import { withTransaction, type Queryable } from '../../../platform/db.ts';
import { isCurrency } from '../../../platform/money.ts';
import { newId } from '../../../platform/ids.ts';
import type pg from 'pg';
import { parseReason, recordIntervention } from './intervention-store.ts';
import { refuse } from './refusals.ts';

/** What must not leave the bank for now. */
export interface Pauses {
  all: boolean;
  currencies: ReadonlySet<string>;
  providers: ReadonlySet<string>;
}

/** One thing that can be paused; the subject is the provider or the currency, and empty for ALL. */
export interface PauseScope {
  scope: 'ALL' | 'PROVIDER' | 'CURRENCY';
  subject: string;
}

/** A pause that has not ended. */
export interface StoredPause extends PauseScope {
  reason: string;
  pausedBy: string;
  pausedAt: Date;
}

/** Whom this bank can work with, whether it has a key of theirs now or not. A switch for a name that is misspelt would pause nothing. */
const PROVIDERS: ReadonlySet<string> = new Set(PROVIDER_IDS);

/** Read it right before money goes out, each time: that is how a pause holds at once in every process. */
export async function readPauses(db: Queryable): Promise<Pauses> {
  const pauses = await listPauses(db);
  const subjects = (scope: string) =>
    new Set(pauses.filter((pause) => pause.scope === scope).map(({ subject }) => subject));
  return { all: subjects('ALL').size > 0, currencies: subjects('CURRENCY'), providers: subjects('PROVIDER') };
}

/** All pauses that have not ended, the newest first. */
export async function listPauses(db: Queryable): Promise<StoredPause[]> {
  const { rows } = await db.query<StoredPause>({
    name: 'transfer-list-pauses',
    text: `SELECT scope, subject, reason, paused_by AS "pausedBy", paused_at AS "pausedAt"
           FROM transfer.outgoing_pause WHERE resumed_at IS NULL ORDER BY paused_at DESC, id DESC`,
  });
  return rows;
}

/** Exactly one thing, and one that there is. */
export function parseScope(given: {
  all?: boolean | null;
  provider?: string | null;
  currency?: string | null;
}): PauseScope {
  const { all, provider, currency } = given;
  const chosen = [all === true, typeof provider === 'string', typeof currency === 'string'].filter(Boolean).length;
  if (chosen !== 1) throw refuse('EXACTLY_ONE_SCOPE', ['scope']);
  if (typeof provider === 'string') {
    if (!PROVIDERS.has(provider)) throw refuse('UNKNOWN_PROVIDER', ['scope', 'provider']);
    return { scope: 'PROVIDER', subject: provider };
  }
  if (typeof currency === 'string') {
    if (!isCurrency(currency)) throw refuse('UNSUPPORTED_CURRENCY', ['scope', 'currency']);
    return { scope: 'CURRENCY', subject: currency };
  }
  return { scope: 'ALL', subject: '' };
}

/** Pauses from the commit on; what is paused already stays as it was paused. */
export async function pauseOutgoing(
  pool: pg.Pool,
  { scope, subject }: PauseScope,
  { actor, reason: reasonText }: { actor: string; reason: string },
): Promise<StoredPause[]> {
  const reason = parseReason(reasonText);
  return withTransaction(pool, async (tx) => {
    const { rowCount } = await tx.query({
      text: `INSERT INTO transfer.outgoing_pause (id, scope, subject, reason, paused_by) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (scope, subject) WHERE resumed_at IS NULL DO NOTHING`,
      values: [newId(), scope, subject, reason, actor],
    });
    if (rowCount) {
      await recordIntervention(tx, { actor, action: 'OUTGOING_PAUSED', subject: subject || scope, note: reason });
    }
    return listPauses(tx);
  });
}

/** Ends a pause; what is not paused stays so. */
export async function resumeOutgoing(
  pool: pg.Pool,
  { scope, subject }: PauseScope,
  actor: string,
): Promise<StoredPause[]> {
  return withTransaction(pool, async (tx) => {
    const { rowCount } = await tx.query({
      text: `UPDATE transfer.outgoing_pause SET resumed_by = $3, resumed_at = clock_timestamp()
             WHERE scope = $1 AND subject = $2 AND resumed_at IS NULL`,
      values: [scope, subject, actor],
    });
    if (rowCount)
      await recordIntervention(tx, { actor, action: 'OUTGOING_RESUMED', subject: subject || scope, note: null });
    return listPauses(tx);
  });
}
