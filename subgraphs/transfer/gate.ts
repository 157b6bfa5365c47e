import { refuse } from './refusals.ts';

/**
 * Lets so many transfers be planned and assessed at the same time; the others wait here, first come first served. Without it a
 * thousand at once would all stand in line for risk, and most of them longer than risk's deadline.
 */
export interface Gate {
  /**
   * Runs `work` when it is its turn. Refuses with POSTER_BUSY when too many wait, or when the caller stops waiting first:
   * then nothing has begun.
   */
  run<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result>;
}

/** `atOnce` run at the same time, and at most `mostWaiting` wait. */
export function createGate({ atOnce, mostWaiting }: { atOnce: number; mostWaiting: number }): Gate {
  // In the order of arrival: a Set keeps it, and lets anybody leave without a search.
  const waiting = new Set<() => void>();
  let running = 0;

  async function enter(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw refuse('POSTER_BUSY');
    if (running < atOnce) {
      running++;
      return;
    }
    if (waiting.size >= mostWaiting) throw refuse('POSTER_BUSY');
    await new Promise<void>((resolve, reject) => {
      const enterNow = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        waiting.delete(enterNow);
        reject(refuse('POSTER_BUSY'));
      };
      waiting.add(enterNow);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** Hands the place on to whoever waits longest, so that nobody who comes meanwhile can take it. */
  function leave(): void {
    const [next] = waiting;
    if (!next) {
      running--;
      return;
    }
    waiting.delete(next);
    next();
  }

  return {
    async run(work, signal) {
      await enter(signal);
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}
