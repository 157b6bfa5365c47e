import type pg from 'pg';
import { sqlState, withTransaction, type Queryable } from './db.ts';
import { comparePositions, formatPosition, HELD_BACK, readEvent, readStretch } from './event-log.ts';
import type { Listener } from './event-listeners.ts';
import type { EventPosition, StoredEvent } from './events.ts';
import type { Logger } from './log.ts';

/*
 * One step of one listener, always one transaction: take the cursor's row lock, read on from it, handle, advance, commit.
 * A crash anywhere rolls back effect and cursor together, so the effect happens exactly once.
 *
 * When a batch fails, its events are handled one by one, each in its own transaction. One that fails alone
 * MAX_ATTEMPTS times is parked, and the cursor passes it. Faults of the database itself are nobody's poison: they are
 * tried again without being counted.
 */

export interface BatchState {
  pool: pg.Pool;
  listener: Listener;
  log: Logger;
  /** How often the event after the cursor has failed alone. */
  attempts: number;
  /** The end of a batch that failed: up to there events are handled one by one. */
  oneByOneUntil: EventPosition | null;
  /** The handler has appended events itself. */
  appended: boolean;
}

/**
 * more: there is probably more to do now. handled: caught up. idle: nothing was there. busy: another process works on it.
 * failed: nothing was committed; try again after a pause.
 */
export type BatchResult = 'more' | 'handled' | 'idle' | 'busy' | 'failed';

/** Rows of the log per transaction. */
const STRETCH = 250;
const MAX_ATTEMPTS = 3;

interface Progress {
  cursor: EventPosition;
  /** There are rows beyond the cursor and below the horizon. */
  rows: boolean;
  /** Some of the next stretch are of the listener's types. */
  wanted: boolean;
  /** The next stretch is a whole one. */
  full: boolean;
  /** There are rows above the horizon: they can be read when an older transaction has ended. */
  heldBack: boolean;
  retryRequested: boolean;
}

/** What lies beyond the stored cursor: one read without a lock or a transaction id. */
export async function readProgress(db: Queryable, listener: Listener): Promise<Progress> {
  const { rows } = await db.query<{
    xid: string;
    id: string;
    rows: string;
    wanted: string;
    held: boolean;
    retry: boolean;
  }>({
    name: 'platform-read-progress',
    text: `WITH place AS (
             SELECT coalesce(xid, '0') AS xid, coalesce(id, 0) AS id
             FROM (VALUES ($1)) AS asked (listener) LEFT JOIN platform.listener_cursor ON name = listener
           )
           SELECT place.xid, place.id, next.rows, next.wanted,
                  ${HELD_BACK} AS held,
                  EXISTS (SELECT FROM platform.parked_event WHERE listener = $1 AND retry_requested) AS retry
           FROM place, LATERAL (
             SELECT count(*) AS rows, count(*) FILTER (WHERE type = ANY ($2::text[])) AS wanted
             FROM (SELECT type FROM platform.event
                   WHERE (xid, id) > (place.xid, place.id) AND xid < pg_snapshot_xmin(pg_current_snapshot())
                   ORDER BY xid, id
                   LIMIT ${STRETCH}) AS stretch
           ) AS next`,
    values: [listener.name, listener.types],
  });
  const found = rows[0]!;
  return {
    cursor: { xid: found.xid, id: found.id },
    rows: found.rows !== '0',
    wanted: found.wanted !== '0',
    full: found.rows === String(STRETCH),
    heldBack: found.held,
    retryRequested: found.retry,
  };
}

/** Handles the next stretch, or after a failure the next event alone. */
export async function handleNext(state: BatchState): Promise<BatchResult> {
  const { pool, listener } = state;
  let end: EventPosition | null = null;
  try {
    return await withTransaction(pool, async (tx) => {
      // The cursor commits with the effect, so a commit lost in a crash of the server is simply done again; waiting for
      // the disk would buy nothing.
      await tx.query({ text: 'SET LOCAL synchronous_commit = off' });
      const cursor = await lockCursor(tx, listener.name);
      if (!cursor) return 'busy';
      if (state.oneByOneUntil && comparePositions(cursor, state.oneByOneUntil) >= 0) state.oneByOneUntil = null;
      const stretch = await readStretch(tx, { after: cursor, types: listener.types, limit: STRETCH });
      end = stretch.end;
      if (!end) return 'idle';
      if (state.oneByOneUntil && stretch.events[0]) return handleAlone(state, stretch.events[0], tx);
      if (stretch.events.length > 0) await handle(state, stretch.events, tx);
      await advanceCursor(tx, listener.name, end);
      return stretch.full ? 'more' : 'handled';
    });
  } catch (error) {
    // The database's own faults concern no event; the loop backs off and says so.
    if (isTransient(error)) throw error;
    if (!end || state.oneByOneUntil) throw error;
    state.log.warn({ err: error, listener: listener.name }, 'a batch of events failed; they are handled one by one');
    state.oneByOneUntil = end;
    state.attempts = 0;
    return 'more';
  }
}

function handle(state: Pick<BatchState, 'listener' | 'appended'>, events: StoredEvent[], tx: Queryable): Promise<void> {
  return state.listener.handle(events, tx, () => {
    state.appended = true;
  });
}

/** One event in its own transaction, behind a savepoint, so that parking it can share that transaction. */
async function handleAlone(state: BatchState, event: StoredEvent, tx: Queryable): Promise<BatchResult> {
  const failure = await tryOne(state, event, tx);
  if (failure) {
    state.attempts += 1;
    if (state.attempts < MAX_ATTEMPTS) return 'failed';
    await park(state, event, { error: failure, attempts: state.attempts }, tx);
  }
  state.attempts = 0;
  await advanceCursor(tx, state.listener.name, event.position);
  return 'more';
}

/** Handles one event; its error, when it is the event's or the handler's. Everything it wrote is undone then. */
async function tryOne(state: BatchState, event: StoredEvent, tx: Queryable): Promise<Error | null> {
  await tx.query({ text: 'SAVEPOINT alone' });
  try {
    await handle(state, [event], tx);
    // Deferred constraints would otherwise fail at COMMIT, where nobody could tell whose fault it was.
    await tx.query({ text: 'SET CONSTRAINTS ALL IMMEDIATE' });
    return null;
  } catch (error) {
    if (isTransient(error)) throw error;
    // Fails when the connection is what broke; then this is no verdict about the event.
    await tx.query({ text: 'ROLLBACK TO SAVEPOINT alone' });
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Tries one parked event again that somebody asked for. Newer events have been handled since: handlers go by version. */
export async function retryParked(state: BatchState): Promise<BatchResult> {
  const { pool, listener, log } = state;
  return withTransaction(pool, async (tx) => {
    const { rows } = await tx.query<{ xid: string; id: string; attempts: number }>({
      text: 'SELECT xid, id, attempts FROM platform.take_parked_event($1)',
      values: [listener.name],
    });
    const parked = rows[0];
    if (!parked) return 'busy';
    const event = await readEvent(tx, parked);
    if (!event) throw new Error(`parked event ${formatPosition(parked)} is not in the log`);
    const failure = await tryOne(state, event, tx);
    if (failure) await park({ listener, log }, event, { error: failure, attempts: parked.attempts + 1 }, tx);
    else log.info({ listener: listener.name, event: formatPosition(parked) }, 'a parked event was handled');
    return 'more';
  });
}

async function park(
  { listener, log }: Pick<BatchState, 'listener' | 'log'>,
  event: StoredEvent,
  { error, attempts }: { error: Error; attempts: number },
  tx: Queryable,
): Promise<void> {
  await tx.query({
    text: 'SELECT platform.park_event($1, $2::xid8, $3::bigint, $4, $5)',
    values: [listener.name, event.position.xid, event.position.id, error.message, attempts],
  });
  log.error(
    { err: error, listener: listener.name, event: formatPosition(event.position), type: event.type, attempts },
    'an event cannot be handled and was parked; see npm run events -- parked',
  );
}

async function lockCursor(tx: Queryable, name: string): Promise<EventPosition | null> {
  const { rows } = await tx.query<{ xid: string; id: string }>({
    name: 'platform-lock-cursor',
    text: 'SELECT xid, id FROM platform.lock_cursor($1)',
    values: [name],
  });
  return rows[0] ?? null;
}

async function advanceCursor(tx: Queryable, name: string, { xid, id }: EventPosition): Promise<void> {
  await tx.query({
    name: 'platform-advance-cursor',
    text: 'SELECT platform.advance_cursor($1, $2::xid8, $3::bigint)',
    values: [name, xid, id],
  });
}

/**
 * Connection lost (08), deadlock and serialization (40), resources (53), lock timeout (55P03), shutdown (57P); and a table,
 * column, function or right that is missing (42P01, 42703, 42883, 42501), as when code runs before its migration: parking
 * would put every event aside, waiting costs nothing but time and is said in the log.
 * A cancelled statement (57014) is not among them: an event that is too slow once is too slow again.
 */
function isTransient(error: unknown): boolean {
  return /^(08|40|53|57P|55P03|42P01|42703|42883|42501)/.test(sqlState(error) ?? '');
}
