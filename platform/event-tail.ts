import type pg from 'pg';
import type { EventType, StoredEvent } from './events.ts';
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
 * the state second leaves no gap. It may also be told of an event that committed shortly before.
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

/** Starts at the present end of the log. Await it before serving: its followers' promise holds from then on. */
export async function createEventTail(_deps: EventTailDeps): Promise<EventTail> {
  throw new Error('not yet');
}
