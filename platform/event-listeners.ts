import type pg from 'pg';
import type { Queryable } from './db.ts';
import type { EventType, StoredEvent } from './events.ts';
import type { Logger } from './log.ts';
import type { WakeUp } from './wake-up.ts';

/** A reaction to events, with a cursor of its own in the database. */
export interface Listener<Type extends EventType = EventType> {
  /** `<owner>.<what it keeps>`, for example "transfer.known-users". The database lets only that owner move its cursor. */
  name: `${string}.${string}`;
  types: readonly Type[];
  /**
   * Gets events in the order of the log, in one transaction with the cursor: whatever it writes through `tx` happens exactly
   * once. A throw rolls back; an event that fails three times alone is parked and the stream goes on. No network here.
   */
  handle(events: StoredEvent<Type>[], tx: Queryable): Promise<void>;
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
   * Resolves when the listener has handled every event that was committed before this call; rejects with the signal's
   * reason when that takes too long.
   */
  caughtUp(name: string, signal: AbortSignal): Promise<void>;
}

/** Starts listeners. Any number of processes may run the same ones: the cursor's row lock lets one work at a time. */
export function runListeners(_deps: ListenerDeps, _listeners: readonly Listener[]): ListenerRunner {
  throw new Error('not yet');
}
