import { comparePositions } from './event-log.ts';
import type { EventPosition } from './events.ts';

/** Those who wait until a reader of the log has come to a position. */
export interface PositionWaiters {
  /** Resolves when the reader has reached `position`; rejects with the signal's reason when that takes too long. */
  wait(position: EventPosition, signal: AbortSignal): Promise<void>;
  /** The reader has come this far. */
  reached(position: EventPosition): void;
  /** The reader has ended: nobody waits in vain. */
  fail(error: Error): void;
  anybody(): boolean;
}

export function createPositionWaiters(): PositionWaiters {
  const waiters = new Set<{ position: EventPosition; resolve: () => void; reject: (error: Error) => void }>();
  return {
    wait(position, signal) {
      return new Promise((resolve, reject) => {
        const settled = () => {
          waiters.delete(waiter);
          signal.removeEventListener('abort', onAbort);
        };
        const waiter = {
          position,
          resolve: () => {
            settled();
            resolve();
          },
          reject: (error: Error) => {
            settled();
            reject(error);
          },
        };
        // Whoever aborts with something else than an Error gets that.
        const onAbort = () => waiter.reject(signal.reason as Error);
        waiters.add(waiter);
        signal.addEventListener('abort', onAbort);
        if (signal.aborted) onAbort();
      });
    },
    reached(position) {
      for (const waiter of waiters) if (comparePositions(position, waiter.position) >= 0) waiter.resolve();
    },
    fail(error) {
      for (const waiter of waiters) waiter.reject(error);
    },
    anybody: () => waiters.size > 0,
  };
}
