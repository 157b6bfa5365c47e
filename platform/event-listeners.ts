import type pg from 'pg';
import { createAlarm } from './alarm.ts';
import type { Queryable } from './db.ts';
import { heldBackPauseMs, readHead } from './event-log.ts';
import type { EventType, StoredEvent } from './events.ts';
import { handleNext, readProgress, retryParked, type BatchResult, type BatchState } from './listener-batch.ts';
import type { Logger } from './log.ts';
import { createPositionWaiters } from './position-waiters.ts';
import type { WakeUp } from './wake-up.ts';

/** A reaction to events, with a cursor of its own in the database. */
export interface Listener<Type extends EventType = EventType> {
  /** `<owner>.<what it keeps>`, for example "transfer.payees". The database lets only that owner move its cursor. */
  name: `${string}.${string}`;
  types: readonly Type[];
  /**
   * Gets events in the order of the log, in one transaction with the cursor: whatever it writes through `tx` happens exactly
   * once. A throw rolls back; an event that fails three times alone is parked and the stream goes on. No network here.
   * Who appends events itself calls `appended`: their readers are woken after the commit.
   */
  handle(events: StoredEvent<Type>[], tx: Queryable, appended: () => void): Promise<void>;
}

export interface ListenerDeps {
  /** The pool of the subgraph's own role. */
  pool: pg.Pool;
  wakeUp: WakeUp;
  log: Logger;
  /** How often to look without being woken. */
  pollMs?: number;
}

/** Running listeners. */
export interface ListenerRunner {
  /** Ends after the batch under way. */
  stop(): Promise<void>;
  /**
   * Resolves when the listener has handled (or parked) every event that was committed before this call; rejects with the
   * signal's reason when that takes too long.
   */
  caughtUp(name: string, signal: AbortSignal): Promise<void>;
}

const POLL_MS = 500;
/** While somebody waits for a listener, or another process holds its cursor, it looks this often. */
const IMPATIENT_POLL_MS = 25;
/** Signals come with every commit; looking only so often lets many commits become one look and one transaction. */
const LOOK_PAUSE_MS = 50;
/** Events of foreign types move the stored cursor only this often, since that write tells nobody anything new. */
const IDLE_ADVANCE_MS = 1_000;
const BACKOFF_FIRST_MS = 50;
const BACKOFF_MAX_MS = 5_000;

/** Starts listeners. Any number of processes may run the same ones: the cursor's row lock lets one work at a time. */
export function runListeners(deps: ListenerDeps, listeners: readonly Listener[]): ListenerRunner {
  const running = new Map(listeners.map((listener) => [listener.name as string, run(deps, listener)]));
  if (running.size < listeners.length) throw new Error('two listeners have the same name');
  return {
    async stop() {
      await Promise.all([...running.values()].map((listener) => listener.stop()));
    },
    async caughtUp(name, signal) {
      const listener = running.get(name);
      if (!listener) throw new Error(`no listener ${name} runs here`);
      await listener.caughtUp(signal);
    },
  };
}

/**
 * One listener's loop:
 *   look (one cheap read, no lock) -> nothing for it -> sleep until woken or the poll is due
 *                                  -> something      -> one batch under the cursor's lock -> look again
 *   another process has the lock   -> sleep shortly
 *   the database fails             -> back off, then look again; nothing is lost, the cursor is in the database
 */
function run(deps: ListenerDeps, listener: Listener) {
  const { pool, wakeUp, log, pollMs = POLL_MS } = deps;
  const alarm = createAlarm();
  const pauseAlarm = createAlarm();
  const waiters = createPositionWaiters();
  const state: BatchState = { pool, listener, log, attempts: 0, oneByOneUntil: null, appended: false };
  let failures = 0;
  let heldBackRounds = 0;
  let stopped = false;
  let advancedAtMs = 0;

  async function look(): Promise<BatchResult> {
    const { cursor, rows, wanted, full, heldBack, retryRequested } = await readProgress(pool, listener);
    waiters.reached(cursor);
    heldBackRounds = heldBack ? heldBackRounds + 1 : 0;
    if (retryRequested) return wakingReaders(await retryParked(state));
    const idleAdvanceDue = rows && (waiters.anybody() || performance.now() - advancedAtMs > IDLE_ADVANCE_MS);
    if (!wanted && !full && !idleAdvanceDue) return 'idle';
    const result = wakingReaders(await handleNext(state));
    if (result === 'handled' || result === 'more') advancedAtMs = performance.now();
    return result;
  }

  /** After a batch: what it appended is committed now (or was rolled back, and then the signal costs a look). */
  function wakingReaders(result: BatchResult): BatchResult {
    if (state.appended) wakeUp.signal();
    state.appended = false;
    return result;
  }

  function idlePauseMs(): number {
    if (waiters.anybody()) return Math.min(IMPATIENT_POLL_MS, pollMs);
    return heldBackRounds > 0 ? heldBackPauseMs(heldBackRounds, pollMs) : pollMs;
  }

  /** What is left of the pause between two looks; nobody is made to wait for it. */
  async function restSince(lookedAtMs: number): Promise<void> {
    const restMs = LOOK_PAUSE_MS - (performance.now() - lookedAtMs);
    if (restMs > 0 && !waiters.anybody() && !stopped) await pauseAlarm.sleep(restMs);
  }

  async function loop(): Promise<void> {
    while (!stopped) {
      const lookedAtMs = performance.now();
      try {
        const result = await look();
        if (result === 'failed') {
          await pauseAlarm.sleep(backoffMs(++failures));
          continue;
        }
        failures = 0;
        if (result === 'more') continue;
        if (result === 'busy') await pauseAlarm.sleep(IMPATIENT_POLL_MS);
        if (result === 'idle') await alarm.sleep(idlePauseMs());
        await restSince(lookedAtMs);
      } catch (error) {
        const pauseMs = backoffMs(++failures);
        log.warn({ err: error, listener: listener.name, pauseMs }, 'a listener cannot work; it tries again');
        await pauseAlarm.sleep(pauseMs);
      }
    }
  }

  const offSignal = wakeUp.onSignal(() => alarm.ring());
  const ended = loop();

  return {
    async stop() {
      stopped = true;
      offSignal();
      alarm.ring();
      pauseAlarm.ring();
      await ended;
      waiters.fail(new Error(`listener ${listener.name} was stopped`));
    },
    async caughtUp(signal: AbortSignal) {
      signal.throwIfAborted();
      const waiting = waiters.wait(await readHead(pool), signal);
      alarm.ring();
      pauseAlarm.ring();
      await waiting;
    },
  };
}

function backoffMs(failures: number): number {
  return Math.min(BACKOFF_FIRST_MS * 2 ** (failures - 1), BACKOFF_MAX_MS);
}
