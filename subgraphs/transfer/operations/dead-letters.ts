import type { Queryable } from '../../../platform/db.ts';
import { parseId, type DeadLetterId, type TransferId } from '../../../platform/ids.ts';
import { parsePage, positionOfForm, toConnection, type Connection } from '../../../platform/pagination.ts';
import type { DeadLetterClass, Severity } from './dead-letter-store.ts';
import { parseReason } from './intervention-store.ts';
import { refuse } from './refusals.ts';

export type DeadLetterState = 'OPEN' | 'RETRYING' | 'AWAITING_APPROVAL' | 'RESOLVED';

/** A dead letter as it is stored. */
export interface StoredDeadLetter {
  id: DeadLetterId;
  transferId: TransferId | null;
  kind: string;
  class: DeadLetterClass;
  severity: Severity;
  reason: string;
  details: object;
  state: DeadLetterState;
  recordedAt: Date;
  lastSeenAt: Date;
  seen: number;
  retries: number;
  resolution: string | null;
  resolvedAt: Date | null;
}

const COLUMNS = `id, transfer_id AS "transferId", kind, class, severity, reason, details, state, recorded_at AS "recordedAt",
  last_seen_at AS "lastSeenAt", seen, retries, resolution, resolved_at AS "resolvedAt"`;

const isPosition = positionOfForm(/^\d{1,15}$/, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);

/** What staff asks for. */
export interface DeadLettersArgs {
  first?: number | null;
  after?: string | null;
  state?: DeadLetterState | null;
  class?: DeadLetterClass | null;
}

/** Dead letters, the newest first. */
export async function listDeadLetters(db: Queryable, args: DeadLettersArgs): Promise<Connection<StoredDeadLetter>> {
  const filter = { state: args.state ?? null, class: args.class ?? null };
  const page = parsePage(args, 'deadLetters', filter, isPosition);
  const [afterMs, afterId] = page.after ?? [null, null];
  const { rows } = await db.query<StoredDeadLetter>({
    name: 'transfer-list-dead-letters',
    text: `SELECT ${COLUMNS} FROM transfer.dead_letter
           WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR class = $2)
             AND ($3::bigint IS NULL OR (recorded_at, id) < (to_timestamp($3 / 1000.0), $4::uuid))
           ORDER BY recorded_at DESC, id DESC LIMIT $5`,
    values: [filter.state, filter.class, afterMs, afterId, page.limit + 1],
  });
  return toConnection(
    rows,
    page,
    ({ recordedAt, id }) => [String(recordedAt.getTime()), id],
    (row) => row,
  );
}

/** Has a letter tried again: whoever works on its kind hears of it by DeadLetterRetried. A PERMANENT one is only opened again. */
export async function retryDeadLetter(db: Queryable, actor: string, idText: string): Promise<StoredDeadLetter> {
  const id = parseLetterId(idText);
  await requireAnothers(db, actor, id);
  const { rows } = await db.query<{ retried: boolean }>({
    name: 'transfer-retry-dead-letter',
    text: 'SELECT transfer.retry_dead_letter($1, $2) AS retried',
    values: [id, actor],
  });
  const letter = await readDeadLetter(db, id);
  if (!letter) throw refuse('DEAD_LETTER_NOT_FOUND', ['id']);
  if (!rows[0]!.retried) throw refuse('DEAD_LETTER_RESOLVED', ['id']);
  return letter;
}

type ResolveVerdict =
  | 'PROPOSED'
  | 'RESOLVED'
  | 'PROPOSAL_CHANGED'
  | 'SECOND_PERSON_REQUIRED'
  | 'DEAD_LETTER_NOT_FOUND'
  | 'DEAD_LETTER_RESOLVED';

/**
 * Says how a letter ended. The first person proposes, a second one agrees by the same call; the same person twice is refused, and so is who
 * agrees to something that is not what is proposed now.
 */
export async function resolveDeadLetter(
  db: Queryable,
  actor: string,
  { id: idText, resolution: resolutionText, agreesTo }: { id: string; resolution: string; agreesTo: string | null },
): Promise<StoredDeadLetter> {
  const id = parseLetterId(idText);
  const resolution = parseReason(resolutionText, 'resolution');
  await requireAnothers(db, actor, id);
  const { rows } = await db.query<{ verdict: ResolveVerdict }>({
    name: 'transfer-resolve-dead-letter',
    text: 'SELECT transfer.resolve_dead_letter($1, $2, $3, $4) AS verdict',
    values: [id, actor, resolution, agreesTo === null ? null : parseReason(agreesTo, 'agreesTo')],
  });
  const { verdict } = rows[0]!;
  if (verdict !== 'PROPOSED' && verdict !== 'RESOLVED')
    throw refuse(verdict, [verdict === 'PROPOSAL_CHANGED' ? 'agreesTo' : 'id']);
  return (await readDeadLetter(db, id))!;
}

/** Nobody decides about their own money. The ends of a transfer never change, so that this need not be asked under a lock. */
async function requireAnothers(db: Queryable, actor: string, id: DeadLetterId): Promise<void> {
  const { rowCount } = await db.query({
    name: 'transfer-letter-of-own-transfer',
    text: `SELECT FROM transfer.dead_letter l JOIN transfer.transfer t ON t.id = l.transfer_id
           WHERE l.id = $1 AND $2 IN (t.user_id::text, t.source_owner_id::text, t.destination_owner_id::text)`,
    values: [id, actor],
  });
  if (rowCount) throw refuse('OWN_TRANSFER', ['id']);
}

async function readDeadLetter(db: Queryable, id: DeadLetterId): Promise<StoredDeadLetter | null> {
  const { rows } = await db.query<StoredDeadLetter>({
    name: 'transfer-read-dead-letter',
    text: `SELECT ${COLUMNS} FROM transfer.dead_letter WHERE id = $1`,
    values: [id],
  });
  return rows[0] ?? null;
}

function parseLetterId(text: string): DeadLetterId {
  const id = parseId<DeadLetterId>(text);
  if (!id) throw refuse('DEAD_LETTER_NOT_FOUND', ['id']);
  return id;
}
