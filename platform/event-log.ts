import type { EventPayloads, EventPosition, EventType, StoredEvent } from './events.ts';
import type { Queryable } from './db.ts';

/*
 * The permanent event log, `platform.event`. A position is (xid, id): the writing transaction, and the row. Ids alone would
 * not do: a transaction that started earlier may commit later, with lower ids than a reader has already passed. So nobody
 * reads past the oldest transaction still open (`pg_snapshot_xmin`): everything below that horizon is finished, and what is
 * read there once never gains a row. The price: a transaction that writes and stays open, in any database of the server,
 * holds all readers back until it ends (`npm run events -- lag` shows it); our own end after 15 s (platform/db.ts).
 */

/** An event to be appended. */
export type NewEvent<Type extends EventType = EventType> = {
  [T in Type]: {
    type: T;
    /** What it is about, for example the account or user id. */
    key: string;
    payload: EventPayloads[T];
  };
}[Type];

/** Before the first event. */
export const LOG_START: EventPosition = { xid: '0', id: '0' };

/**
 * Appends events within the transaction that makes them true. Signal the wake-up after its COMMIT, so that readers do not
 * wait for their next poll.
 */
export async function appendEvents(tx: Queryable, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  await tx.query({
    name: 'platform-append-events',
    text: 'SELECT platform.append_events($1::text[], $2::text[], $3::jsonb[])',
    values: [
      events.map(({ type }) => type),
      events.map(({ key }) => key),
      events.map(({ payload }) => JSON.stringify(payload)),
    ],
  });
}

/** A stretch of the log: the events of the types asked for, and how far it was read. */
export interface EventStretch {
  events: StoredEvent[];
  /** The last position that was looked at, of whatever type; null when nothing lies beyond `after`. */
  end: EventPosition | null;
  /** True when the stretch was cut by `limit`: there is probably more. */
  full: boolean;
}

/**
 * Reads the next `limit` rows after a position and below the horizon. Rows of other types count for the limit but carry
 * nothing, so that one read costs the same however rare the types are, and the reader still gets past them.
 */
export async function readStretch(
  db: Queryable,
  { after, types, limit }: { after: EventPosition; types: readonly EventType[] | 'all'; limit: number },
): Promise<EventStretch> {
  const { rows } = await db.query<EventRow>({
    name: 'platform-read-stretch',
    text: `SELECT xid, id, wanted, type, version, key, at, CASE WHEN wanted THEN payload END AS payload
           FROM (SELECT *, $3::text[] IS NULL OR type = ANY ($3::text[]) AS wanted
                 FROM platform.event
                 WHERE (xid, id) > ($1::xid8, $2::bigint) AND xid < pg_snapshot_xmin(pg_current_snapshot())
                 ORDER BY xid, id
                 LIMIT $4) AS stretch
           ORDER BY xid, id`,
    values: [after.xid, after.id, types === 'all' ? null : types, limit],
  });
  const last = rows.at(-1);
  return {
    events: rows.filter(({ wanted }) => wanted).map(toStoredEvent),
    end: last ? { xid: last.xid, id: last.id } : null,
    full: rows.length === limit,
  };
}

interface EventRow {
  xid: string;
  id: string;
  wanted: boolean;
  type: EventType;
  version: number;
  key: string;
  payload: unknown;
  at: Date;
}

function toStoredEvent({ xid, id, type, version, key, payload, at }: EventRow): StoredEvent {
  // Whoever appends goes through NewEvent or the owner's own SQL function, so the payload has the shape of its type.
  return { position: { xid, id }, type, version, key, payload, at } as StoredEvent;
}

/** One event of the log, or null. */
export async function readEvent(db: Queryable, { xid, id }: EventPosition): Promise<StoredEvent | null> {
  const { rows } = await db.query<EventRow>({
    name: 'platform-read-event',
    text: `SELECT xid, id, true AS wanted, type, version, key, payload, at
           FROM platform.event WHERE xid = $1::xid8 AND id = $2::bigint`,
    values: [xid, id],
  });
  return rows[0] ? toStoredEvent(rows[0]) : null;
}

/** The newest position that is visible now, also above the horizon; LOG_START in an empty log. */
export async function readHead(db: Queryable): Promise<EventPosition> {
  const { rows } = await db.query<{ xid: string; id: string }>({
    name: 'platform-read-head',
    text: 'SELECT xid, id FROM platform.event ORDER BY xid DESC, id DESC LIMIT 1',
  });
  return rows[0] ?? LOG_START;
}

/**
 * The newest event below the horizon: every event that commits from now on lies beyond it. An event and not the horizon
 * itself, because after a crash of Postgres transaction ids that were never flushed are given out again: a reader that
 * remembered one of them would pass over the events of its second life.
 */
export async function readLastSettled(db: Queryable): Promise<EventPosition> {
  const { rows } = await db.query<{ xid: string; id: string }>({
    name: 'platform-read-last-settled',
    text: `SELECT xid, id FROM platform.event WHERE xid < pg_snapshot_xmin(pg_current_snapshot())
           ORDER BY xid DESC, id DESC LIMIT 1`,
  });
  return rows[0] ?? LOG_START;
}

/**
 * SQL: whether there are events above the horizon. It asks for the newest one: asked whether there is any, Postgres would
 * read a log that it has no statistics of from its beginning.
 */
export const HELD_BACK = `coalesce(
  (SELECT xid FROM platform.event ORDER BY xid DESC, id DESC LIMIT 1) >= pg_snapshot_xmin(pg_current_snapshot()), false)`;

/**
 * True while there are events above the horizon: some transaction that is older than theirs is still open. Nobody signals
 * its end, so a reader looks again soon.
 */
export async function isHeldBack(db: Queryable): Promise<boolean> {
  const { rows } = await db.query<{ held: boolean }>({
    name: 'platform-is-held-back',
    text: `SELECT ${HELD_BACK} AS held`,
  });
  return rows[0]!.held;
}

/** How long to sleep while events are held back: shortly at first, then as long as between any two polls. */
export function heldBackPauseMs(rounds: number, pollMs: number): number {
  return Math.min(HELD_BACK_FIRST_MS * 2 ** rounds, pollMs);
}

const HELD_BACK_FIRST_MS = 5;

/** Below zero when `left` comes before `right` in the log. */
export function comparePositions(left: EventPosition, right: EventPosition): number {
  const difference = BigInt(left.xid) - BigInt(right.xid) || BigInt(left.id) - BigInt(right.id);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** "XID:ID", as people write and read positions. */
export function formatPosition({ xid, id }: EventPosition): string {
  return `${xid}:${id}`;
}

/** The position in "XID:ID", or null. */
export function parsePosition(text: string): EventPosition | null {
  const match = /^(\d{1,19}):(\d{1,18})$/.exec(text);
  return match ? { xid: match[1]!, id: match[2]! } : null;
}
