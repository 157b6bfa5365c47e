import { createAlarm } from './alarm.ts';
import type { Logger } from './log.ts';

/*
 * Work that comes round: sweeping what has expired, starting what is due, proving the books. Every process that serves the owner runs
 * it, so the work itself makes sure that two at once do no harm (row locks with SKIP LOCKED, an advisory lock, a key).
 */

/** Something done again and again. */
export interface PeriodicTask {
  /** For the log, for example "transfer.expired-holds". */
  name: string;
  /** The pause between the end of one run and the next. */
  everyMs: number;
  /** One run. Says whether there is more to do at once. A throw is logged and tried again after the pause. */
  run(signal: AbortSignal): Promise<boolean>;
}

/** Running periodic tasks. */
export interface PeriodicRunner {
  /** Cuts the runs under way off by their signal, and resolves when they have ended. */
  stop(): Promise<void>;
}

/** Runs tasks side by side until stopped; the first run of each begins at once. */
export function runPeriodically(tasks: readonly PeriodicTask[], log: Logger): PeriodicRunner {
  const stopping = new AbortController();
  const running = tasks.map((task) => {
    const alarm = createAlarm();
    stopping.signal.addEventListener('abort', () => alarm.ring());
    return loop(task, alarm, stopping.signal, log);
  });
  return {
    async stop() {
      stopping.abort();
      await Promise.all(running);
    },
  };
}

async function loop(
  task: PeriodicTask,
  alarm: { sleep(ms: number): Promise<void> },
  signal: AbortSignal,
  log: Logger,
): Promise<void> {
  while (!signal.aborted) {
    let more = false;
    try {
      more = await task.run(signal);
    } catch (error) {
      if (!signal.aborted)
        log.warn({ err: error, task: task.name }, 'a periodic task failed; it runs again after its pause');
    }
    if (!more && !signal.aborted) await alarm.sleep(task.everyMs);
  }
}
