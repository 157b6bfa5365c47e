import type { Queryable } from '../../platform/db.ts';
import type { EventTail } from '../../platform/event-tail.ts';
import { notFound } from '../../platform/graph-errors.ts';
import { parseId, type AlertId, type UserId } from '../../platform/ids.ts';
import { createPullStream } from '../../platform/pull-stream.ts';
import type { SourceEvent } from '../../platform/subgraph.ts';
import type { Viewer } from '../../platform/viewer.ts';
import { readAlertNumber, readAlertsAfter, type StoredAlert } from './alert-store.ts';

/*
 * One subscriber's view of their alerts, each once, in the order of their numbers. The tail of the event log only says that
 * there is something new; what it is is read from the table, from the last number that was sent on, when the subscriber asks
 * for it. So nothing is missed however slow the subscriber is, and at most one page is in memory.
 */

/** Alerts read at once. */
const PAGE = 100;

export interface RiskAlertRaisedDeps {
  pool: Queryable;
  tail: EventTail;
  /** Streams that are open, by how to end them. */
  openStreams: Set<() => void>;
}

type Alerts = AsyncIterableIterator<SourceEvent<StoredAlert>, undefined>;
type Result = IteratorResult<SourceEvent<StoredAlert>, undefined>;

/** The viewer's alerts from now on, or all after one they know; NOT_FOUND for an `afterId` that is none of theirs. */
export async function riskAlertRaised(
  { pool, tail, openStreams }: RiskAlertRaisedDeps,
  { userId }: Viewer,
  { afterId, signal }: { afterId: string | null; signal: AbortSignal },
): Promise<Alerts> {
  const id = afterId === null ? null : parseId<AlertId>(afterId);
  if (afterId !== null && !id) throw notFound();
  // Followed first and read second: what commits in between is then heard of.
  const feed = followAlerts({ pool, tail }, userId, () => {
    openStreams.delete(feed.close);
    signal.removeEventListener('abort', feed.close);
  });
  openStreams.add(feed.close);
  signal.addEventListener('abort', feed.close, { once: true });
  try {
    const number = await readAlertNumber(pool, { userId, id });
    if (number === null) throw notFound();
    feed.startAfter(number);
    // Aborted while it was read: then nobody would call return().
    if (signal.aborted) feed.close();
    return feed.alerts;
  } catch (error) {
    feed.close();
    throw error;
  }
}

function followAlerts({ pool, tail }: Omit<RiskAlertRaisedDeps, 'openStreams'>, userId: UserId, onClose: () => void) {
  let sent = '0';
  let ready: StoredAlert[] = [];
  /** There may be alerts above `sent` that are not in `ready`. */
  let more = true;
  let closed = false;
  let wake = () => {};

  const unfollow = tail.follow(userId, ({ type }) => {
    if (type !== 'RiskAlertRaised') return;
    more = true;
    wake();
  });

  function close(): void {
    if (closed) return;
    closed = true;
    ready = [];
    unfollow();
    wake();
    onClose();
  }

  async function readOn(): Promise<void> {
    // Before the reading: who is told meanwhile of a newer one reads again.
    more = false;
    ready = await readAlertsAfter(pool, { userId, after: sent, limit: PAGE });
    if (ready.length === PAGE) more = true;
  }

  async function pull(): Promise<Result> {
    try {
      while (!closed) {
        const alert = ready.shift();
        if (alert) {
          sent = alert.number;
          return { value: { value: alert, position: Number(sent) }, done: false };
        }
        if (more) await readOn();
        else await new Promise<void>((resolve) => (wake = resolve));
      }
      return { value: undefined, done: true };
    } catch (error) {
      close();
      throw error;
    }
  }

  return {
    startAfter(number: string) {
      sent = number;
    },
    alerts: createPullStream(pull, close),
    close,
  };
}
