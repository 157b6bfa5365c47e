import type { Queryable } from './db.ts';
import type { EventPosition } from './events.ts';

/** What people ask and do about the event log, as the role `dwaybank_platform` (npm run events). */

/** How far one listener has come. */
export interface ListenerLag {
  listener: string;
  position: EventPosition;
  /** Events between its position and the end of the log, counted up to LAG_LIMIT. */
  behind: number;
  /** Age of the oldest event it has not handled, in whole seconds; null when it has handled all. */
  oldestSeconds: number | null;
  parked: number;
}

export interface ParkedEvent {
  listener: string;
  position: EventPosition;
  type: string;
  key: string;
  error: string;
  attempts: number;
  parkedAt: Date;
}

/** Counting stops here: whether a listener is 10,000 or 10,000,000 events behind, the answer is the same. */
export const LAG_LIMIT = 10_000;
/** Most parked events listed at once. */
export const PARKED_LIMIT = 100;

/** Every listener that has ever run, by name. */
export async function listLag(db: Queryable): Promise<ListenerLag[]> {
  const { rows } = await db.query<{
    listener: string;
    xid: string;
    id: string;
    behind: string;
    oldest: string | null;
    parked: string;
  }>({
    text: `SELECT place.name AS listener, place.xid, place.id, beyond.behind, beyond.oldest,
                  (SELECT count(*) FROM platform.parked_event WHERE listener = place.name) AS parked
           FROM platform.listener_cursor AS place, LATERAL (
             SELECT count(*) AS behind, floor(extract(epoch FROM clock_timestamp() - min(at)))::bigint AS oldest
             FROM (SELECT at FROM platform.event WHERE (xid, id) > (place.xid, place.id) ORDER BY xid, id LIMIT $1) AS next
           ) AS beyond
           ORDER BY place.name`,
    values: [LAG_LIMIT],
  });
  return rows.map(({ listener, xid, id, behind, oldest, parked }) => ({
    listener,
    position: { xid, id },
    behind: Number(behind),
    oldestSeconds: oldest === null ? null : Number(oldest),
    parked: Number(parked),
  }));
}

/** Parked events, oldest first. */
export async function listParked(db: Queryable): Promise<ParkedEvent[]> {
  const { rows } = await db.query<Omit<ParkedEvent, 'position' | 'parkedAt'> & EventPosition & { parked_at: Date }>({
    text: `SELECT parked.listener, parked.xid, parked.id, event.type, event.key, parked.error, parked.attempts, parked.parked_at
           FROM platform.parked_event AS parked JOIN platform.event USING (xid, id)
           ORDER BY parked.parked_at, parked.xid, parked.id
           LIMIT $1`,
    values: [PARKED_LIMIT],
  });
  return rows.map(({ xid, id, parked_at, ...parked }) => ({ ...parked, position: { xid, id }, parkedAt: parked_at }));
}

/** Asks for parked events to be tried again, all or one listener's; says how many. The running listeners do it. */
export async function retryParked(db: Queryable, listener: string | null): Promise<number> {
  const { rows } = await db.query<{ count: string }>({
    text: 'SELECT platform.retry_parked_events($1) AS count',
    values: [listener],
  });
  return Number(rows[0]!.count);
}

/**
 * Lets a listener read again, beginning with the event at `from`; false when it has not come that far or does not exist.
 * What it does must be safe to do twice.
 */
export async function replay(db: Queryable, listener: string, from: EventPosition): Promise<boolean> {
  const { rows } = await db.query<{ found: boolean }>({
    text: 'SELECT platform.replay_listener($1, $2::xid8, $3::bigint) AS found',
    values: [listener, from.xid, from.id],
  });
  return rows[0]!.found;
}
