import type { Logger } from '../../platform/log.ts';
import type { UserStore } from './store.ts';

const EVERY_MS = 10 * 60 * 1000;
/** Rows of each kind in one statement, and statements in one go: cleaning never takes the database for long. */
const BATCH = 500;
const MAX_BATCHES = 20;

/** Removes expired sessions and refresh tokens, at most so many at once; what is left waits for the next time. */
export async function removeExpiredSessions(store: UserStore, now: Date, batch = BATCH): Promise<number> {
  let removed = 0;
  for (let round = 0; round < MAX_BATCHES; round++) {
    const count = await store.deleteExpired(now, batch);
    removed += count;
    if (count < batch) break;
  }
  return removed;
}

/** Does so from time to time; returns how to stop, which waits for a run under way. */
export function keepRemovingExpiredSessions(store: UserStore, now: () => Date, log: Logger): () => Promise<void> {
  let running: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    running = removeExpiredSessions(store, now()).catch((error: unknown) =>
      log.error({ err: error }, 'expired sessions could not be removed'),
    );
  }, EVERY_MS);
  // Nothing but cleaning: it must not keep a process alive.
  timer.unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}
