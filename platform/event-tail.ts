import type pg from 'pg';
import { createAlarm } from './alarm.ts';
import { createEventFollowers } from './event-followers.ts';
import { heldBackPauseMs, isHeldBack, readHead, readLastSettled, readStretch } from './event-log.ts';
import type { EventPosition, EventType, StoredEvent } from './events.ts';
import type { Logger } from './log.ts';
import { createPositionWaiters } from './position-waiters.ts';
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

const POLL_MS = 250;
/** Events per read: the most that is ever in memory. */
const STRETCH = 500;
const IMPATIENT_POLL_MS = 10;
/** Signals come with every commit; reading only so often lets many commits become one read. */
const READ_PAUSE_MS = 5;
const BACKOFF_FIRST_MS = 50;
const BACKOFF_MAX_MS = 1_000;

/** Starts at the present end of the log. Await it before serving: its followers' promise holds from then on. */
export async function createEventTail(deps: EventTailDeps): Promise<EventTail> {
  const { pool, wakeUp, log, pollMs = POLL_MS } = deps;
  const followers = createEventFollowers(log);
  const waiters = createPositionWaiters();
  const alarm = createAlarm();
  const stopAlarm = createAlarm();
  let position: EventPosition = await readLastSettled(pool);
  let heldBackRounds = 0;
  let closed = false;

  /** Reads and tells the next stretch; true when there is probably more. */
  async function advance(): Promise<boolean> {
    if (!followers.anybody()) {
      // Nobody listens, so nobody misses anything: go straight to the last settled event. But whoever registered while this read was
      // under way may wait for an event that the server had committed before it read: then the position stays.
      const settled = await readLastSettled(pool);
      if (followers.anybody()) return true;
      position = settled;
      return false;
    }
    const { events, end, full } = await readStretch(pool, { after: position, types: 'all', limit: STRETCH });
    for (const event of events) followers.tell(event);
    // A read that failed has told nobody anything and is repeated whole.
    if (end) position = end;
    heldBackRounds = !end && (await isHeldBack(pool)) ? heldBackRounds + 1 : 0;
    return full;
  }

  function pauseMs(): number {
    if (waiters.anybody()) return Math.min(IMPATIENT_POLL_MS, pollMs);
    return heldBackRounds > 0 ? heldBackPauseMs(heldBackRounds, pollMs) : pollMs;
  }

  async function loop(): Promise<void> {
    for (let failures = 0; !closed;) {
      const readAtMs = performance.now();
      try {
        const more = await advance();
        if (failures > 0) log.info('the event tail reads again');
        failures = 0;
        waiters.reached(position);
        if (more || closed) continue;
        await alarm.sleep(pauseMs());
        const restMs = READ_PAUSE_MS - (performance.now() - readAtMs);
        if (restMs > 0) await stopAlarm.sleep(restMs);
      } catch (error) {
        if (failures === 0) log.warn({ err: error }, 'the event tail cannot read; it goes on from where it was');
        failures += 1;
        await stopAlarm.sleep(Math.min(BACKOFF_FIRST_MS * 2 ** (failures - 1), BACKOFF_MAX_MS));
      }
    }
  }

  // While nobody listens, the polls alone move the position on.
  const offSignal = wakeUp.onSignal(() => {
    if (followers.anybody() || waiters.anybody()) alarm.ring();
  });
  const ended = loop();

  return {
    follow: (key, onEvent) => followers.follow(key, onEvent),
    followType: (type, onEvent) => followers.followType(type, onEvent),
    async caughtUp(signal) {
      signal.throwIfAborted();
      const waiting = waiters.wait(await readHead(pool), signal);
      alarm.ring();
      await waiting;
    },
    async close() {
      closed = true;
      offSignal();
      alarm.ring();
      stopAlarm.ring();
      await ended;
      waiters.fail(new Error('the event tail was closed'));
    },
  };
}
