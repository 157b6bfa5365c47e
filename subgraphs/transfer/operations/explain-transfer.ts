import type { Queryable } from '../../../platform/db.ts';
import type { TransferId } from '../../../platform/ids.ts';
import { JOBS_SCHEMA } from '../listeners.ts';

/*
 * Everything that is known about one transfer, for a person on call. It reads whole tables where there is no index by transfer, which takes a moment and
 * disturbs nobody.
 */

/** Rows as they are stored, by what they are about. */
export interface TransferStory {
  transfer: Row;
  timeline: Row[];
  attempts: Row[];
  holds: Row[];
  entries: (Row & { postings: Row[] })[];
  assessment: Row | null;
  jobs: Row[];
  letters: Row[];
  interventions: Row[];
  events: Row[];
}

export type Row = Record<string, unknown>;

const MOST = 200;

/** Null for a transfer that does not exist. `risk` reads what risk has found; `db` connects as transfer. */
export async function explainTransfer(
  db: Queryable,
  risk: Queryable,
  transferId: TransferId,
): Promise<TransferStory | null> {
  const one = async (text: string, from = db): Promise<Row[]> =>
    (await from.query<Row>({ text, values: [transferId] })).rows;
  const [row] = await one('SELECT * FROM transfer.transfer WHERE id = $1');
  if (!row) return null;
  const { timeline, ...transfer } = row;
  const holds = await one(
    `SELECT h.*, (SELECT json_agg(json_build_object('kind', c.kind, 'amount', c.amount::text, 'at', c.at) ORDER BY c.version, c.kind)
       FROM ledger.hold_change c WHERE c.hold_id = h.id) AS changes
     FROM ledger.hold h WHERE h.transfer_id = $1 ORDER BY h.placed_at`,
  );
  return {
    transfer,
    // Written as an array by the functions of the lifecycle.
    timeline: timeline as Row[],
    attempts: await one('SELECT * FROM transfer.provider_attempt WHERE transfer_id = $1 ORDER BY attempt'),
    holds,
    entries: await readEntries(db, transferId),
    assessment: (await one('SELECT * FROM risk.assessment WHERE transfer_id = $1', risk))[0] ?? null,
    jobs: await one(
      `SELECT key, task_identifier AS task, attempts, run_at, locked_at, last_error FROM ${JOBS_SCHEMA}.jobs
       WHERE key LIKE '%' || $1::text || '%' ORDER BY run_at`,
    ),
    letters: await one('SELECT * FROM transfer.dead_letter WHERE transfer_id = $1 ORDER BY recorded_at'),
    interventions: await one(
      `SELECT at, actor, action, subject, note FROM transfer.intervention
       WHERE subject = $1 OR note = $1 OR subject IN (SELECT id::text FROM transfer.dead_letter WHERE transfer_id = $1::uuid)
       ORDER BY number LIMIT ${MOST}`,
    ),
    events: await readEvents(db, transferId, row['created_at'] as Date),
  };
}

async function readEntries(db: Queryable, transferId: TransferId): Promise<TransferStory['entries']> {
  const { rows } = await db.query<Row & { postings: Row[] }>({
    text: `SELECT e.id, e.kind, e.at, e.description, c.position,
             (SELECT json_agg(json_build_object('account', p.account_id, 'of', a.kind || coalesce(' ' || nullif(a.provider, ''), ''),
                'currency', p.currency, 'amount', p.amount::text, 'line', p.line_type) ORDER BY p.id)
              FROM ledger.posting p JOIN ledger.account a ON a.id = p.account_id WHERE p.entry_id = e.id AND p.at = e.at) AS postings
           FROM ledger.entry e LEFT JOIN ledger.entry_chain c ON c.entry_id = e.id
           WHERE e.transfer_id = $1 ORDER BY e.at, e.id`,
    values: [transferId],
  });
  return rows;
}

/** Events of the transfer: none is older than it, and the log is in the order of its times but for transactions that took long. */
async function readEvents(db: Queryable, transferId: TransferId, createdAt: Date): Promise<Row[]> {
  const { rows } = await db.query<Row>({
    text: `SELECT xid || ':' || id AS position, type, at, payload ->> 'status' AS status FROM platform.event
           WHERE at >= $2::timestamptz - interval '5 minutes' AND (key = $1 OR payload ->> 'transferId' = $1)
           ORDER BY event.xid, event.id LIMIT ${MOST}`,
    values: [transferId, createdAt],
  });
  return rows;
}
