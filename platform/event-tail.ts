import type pg from 'pg';
import { createAlarm } from './alarm.ts';
import { eventKeys } from './event-keys.ts';
import { comparePositions, readHead, readHorizon, readStretch } from './event-log.ts';
import type { EventPosition, EventType, StoredEvent } from './events.ts';
import type { Logger } from './log.ts';
import type { WakeUp } from './wake-up.ts';

export interface EventTailDeps {
  /** Any pool whose role may read the log. */
  pool: pg.Pool;
  wakeUp: WakeUp;
  log: Logger;
  /** How often to look without being woken. */
  pollMs?: number;
}

/**
 * The live end of the event log for this process: one reader for all live streams. A follower is told of every event that
 * commits after its registration, in the order of the log, over any loss of connection; so registering first and reading
 * the state second leaves no gap. It may also be told of an event that committed shortly before. Followers are called one
 * after the other and must not block; one that throws is logged and stays.
 */
export interface EventTail {
  /** Follows everything about one id: an account, user, session or transfer (see event-keys.ts). Returns how to stop. */
  follow(key: string, onEvent: (event: StoredEvent) => void): () => void;
  /** Follows everything of one type. Returns how to stop. */
  followType<Type extends EventType>(type: Type, onEvent: (event: StoredEvent<Type>) => void): () => void;
  /** Resolves when followers have been told of every event that was committed before this call. */
  caughtUp(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

type Follower = (event: StoredEvent) => void;

const POLL_MS = 250;
/** Events per read: the most that is ever in memory. */
const STRETCH = 500;
const IMPATIENT_POLL_MS = 10;
const BACKOFF_FIRST_MS = 50;
const BACKOFF_MAX_MS = 1_000;

/** Starts at the present end of the log. Await it before serving: its followers' promise holds from then on. */
export async function createEventTail(deps: EventTailDeps): Promise<EventTail> {
  const { pool, wakeUp, log, pollMs = POLL_MS } = deps;
  const byKey = new Map<string, Set<Follower>>();
  const byType = new Map<string, Set<Follower>>();
  const waiters = new Set<() => void>();
  const alarm = createAlarm();
  const stopAlarm = createAlarm();
  let position: EventPosition = await readHorizon(pool);
  let closed = false;

  /** Reads and tells the next stretch; true when there is probably more. */
  async function advance(): Promise<boolean> {
    if (byKey.size === 0 && byType.size === 0) {
      // Nobody listens, so nobody misses anything: go straight to the horizon. Whoever registers while this read is under
      // way loses nothing either, because what commits later lies beyond every horizon read earlier.
      position = await readHorizon(pool);
      return false;
    }
    const { events, end, full } = await readStretch(pool, { after: position, types: 'all', limit: STRETCH });
    for (const event of events) tell(event);
    // Only now: a read that failed half way is repeated whole, and nobody has been told anything by it.
    if (end) position = end;
    return full;
  }

  function tell(event: StoredEvent): void {
    const followers = new Set(byType.get(event.type));
    if (byKey.size > 0) {
      for (const key of eventKeys(event)) byKey.get(key)?.forEach((follower) => followers.add(follower));
    }
    for (const follower of followers) {
      try {
        follower(event);
      } catch (error) {
        log.error({ err: error, type: event.type }, 'a follower of the event tail failed');
      }
    }
  }

  async function loop(): Promise<void> {
    for (let failures = 0; !closed;) {
      try {
        const more = await advance();
        if (failures > 0) log.info('the event tail reads again');
        failures = 0;
        for (const check of waiters) check();
        if (!more && !closed) await alarm.sleep(waiters.size > 0 ? IMPATIENT_POLL_MS : pollMs);
      } catch (error) {
        if (failures === 0) log.warn({ err: error }, 'the event tail cannot read; it goes on from where it was');
        failures += 1;
        await stopAlarm.sleep(Math.min(BACKOFF_FIRST_MS * 2 ** (failures - 1), BACKOFF_MAX_MS));
      }
    }
  }

  const offSignal = wakeUp.onSignal(() => alarm.ring());
  const ended = loop();

  return {
    follow: (key, onEvent) => register(byKey, key, onEvent),
    followType(type, onEvent) {
      // The set it stands in is only ever told of events of this type.
      return register(byType, type, onEvent as Follower);
    },
    async caughtUp(signal) {
      signal.throwIfAborted();
      const head = await readHead(pool);
      await new Promise<void>((resolve, reject) => {
        const check = () => {
          // Everything below an empty stretch's horizon counts as told, also when the log itself ends earlier.
          if (comparePositions(position, head) >= 0) settle(resolve);
        };
        const onAbort = () => settle(() => reject(signal.reason as Error));
        function settle(done: () => void): void {
          waiters.delete(check);
          signal.removeEventListener('abort', onAbort);
          done();
        }
        waiters.add(check);
        signal.addEventListener('abort', onAbort);
        if (signal.aborted) onAbort();
        alarm.ring();
      });
    },
    async close() {
      closed = true;
      offSignal();
      alarm.ring();
      stopAlarm.ring();
      await ended;
      byKey.clear();
      byType.clear();
    },
  };
}

function register(followers: Map<string, Set<Follower>>, key: string, onEvent: Follower): () => void {
  // Wrapped, so that the same function registered twice is two registrations.
  const follower: Follower = (event) => onEvent(event);
  const group = followers.get(key) ?? new Set();
  followers.set(key, group.add(follower));
  return () => {
    group.delete(follower);
    // A group that has emptied and been replaced by a new one under the same key stays out of the new one's way.
    if (group.size === 0 && followers.get(key) === group) followers.delete(key);
  };
}
