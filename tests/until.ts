import { setTimeout as delay } from 'node:timers/promises';

/**
 * Only what is broken waits so long. More than the 10 s that a lock of some other test may hold back the event readers of the whole server, on a
 * machine that is busy with much else.
 */
const DEADLINE_MS = 60_000;
const STEP_MS = 10;

/** Waits until `condition` holds (returns something truthy) and returns that; fails with `what` after a deadline. */
export async function until<Value>(
  what: string,
  condition: () => Value | Promise<Value>,
  deadlineMs: number = DEADLINE_MS,
): Promise<Value> {
  const endsAt = performance.now() + deadlineMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > endsAt) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await delay(STEP_MS);
  }
}
