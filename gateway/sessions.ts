import type { Clock } from '../platform/clock.ts';
import { ACCESS_TOKEN_LIFETIME_SECONDS } from '../platform/access-token.ts';
import type { Queryable } from '../platform/db.ts';
import type { EventTail } from '../platform/event-tail.ts';
import type { SessionId } from '../platform/ids.ts';

/**
 * Which sessions have ended. A token is believed for its 15 minutes unless its session is known here, so a gateway follows
 * the SessionEnded events, and begins with those of the last 15 minutes: what ended earlier has no token that is still good.
 */
export interface Sessions {
  readonly hasEnded: (sessionId: SessionId) => boolean;
  /** Calls back once when the session ends, at once if it has. Returns how to stop waiting. */
  onEnd(sessionId: SessionId, ended: () => void): () => void;
  /** Resolves when every end that was committed before this call is known here. */
  caughtUp(signal: AbortSignal): Promise<void>;
  close(): void;
}

export interface SessionsDeps {
  /** The gateway's own role: it reads the event log and nothing else. */
  pool: Queryable;
  tail: EventTail;
  clock: Clock;
}

/** A little more than a token lives, for clocks that differ. */
const REMEMBERED_MS = (ACCESS_TOKEN_LIFETIME_SECONDS + 60) * 1000;
const FORGET_INTERVAL_MS = 60_000;

export async function followSessions({ pool, tail, clock }: SessionsDeps): Promise<Sessions> {
  const endedAtMs = new Map<SessionId, number>();
  const waiting = new Map<SessionId, Set<() => void>>();

  const remember = (sessionId: SessionId, atMs: number): void => {
    endedAtMs.set(sessionId, atMs);
    const callbacks = waiting.get(sessionId);
    waiting.delete(sessionId);
    for (const callback of callbacks ?? []) callback();
  };
  // Following begins before the past is read, so that nothing falls between the two.
  const unfollow = tail.followType('SessionEnded', ({ payload, at }) => remember(payload.sessionId, at.getTime()));
  const { rows } = await pool.query<{ session_id: SessionId; at: Date }>({
    name: 'gateway-ended-sessions',
    text: `SELECT payload ->> 'sessionId' AS session_id, at FROM platform.event
           WHERE type = 'SessionEnded' AND at > now() - make_interval(secs => $1)`,
    values: [REMEMBERED_MS / 1000],
  });
  for (const row of rows) remember(row.session_id, row.at.getTime());

  const forgetting = setInterval(() => {
    const limit = clock.now().getTime() - REMEMBERED_MS;
    for (const [sessionId, atMs] of endedAtMs) if (atMs < limit) endedAtMs.delete(sessionId);
  }, FORGET_INTERVAL_MS);
  forgetting.unref();

  return {
    hasEnded: (sessionId) => endedAtMs.has(sessionId),
    onEnd: (sessionId, ended) => {
      if (endedAtMs.has(sessionId)) {
        ended();
        return () => {};
      }
      const callbacks = waiting.get(sessionId) ?? new Set();
      waiting.set(sessionId, callbacks.add(ended));
      return () => {
        callbacks.delete(ended);
        if (callbacks.size === 0 && waiting.get(sessionId) === callbacks) waiting.delete(sessionId);
      };
    },
    caughtUp: (signal) => tail.caughtUp(signal),
    close: () => {
      clearInterval(forgetting);
      unfollow();
    },
  };
}
