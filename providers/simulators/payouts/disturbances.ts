import { z } from 'zod';

/**
 * What may go wrong on the way to a provider, set by tests. WAIT_… holds a request until it is calmed (or for `delayMs`), before or
 * after the work is done and kept; DROP_… closes the connection without an answer; ERROR_… answers 500, and GARBLED with no
 * JSON after the work was done; UNAVAILABLE (503) and RATE_LIMITED (429) answer without doing anything.
 */
export const Disturbance = z.strictObject({
  effect: z.enum([
    'WAIT_BEFORE',
    'WAIT_AFTER',
    'DROP_BEFORE',
    'DROP_AFTER',
    'ERROR_BEFORE',
    'ERROR_AFTER',
    'GARBLED',
    'UNAVAILABLE',
    'RATE_LIMITED',
  ]),
  /** Which requests: how "METHOD /path" begins, in whole parts: "POST /transfer" is not "/transferrecipient". All when not given. */
  on: z.string().default(''),
  /** How many of them; all until calmed when not given. */
  times: z.number().int().min(1).default(Number.MAX_SAFE_INTEGER),
  delayMs: z.number().int().min(0).max(600_000).optional(),
});
export type Disturbance = z.input<typeof Disturbance>;
type Active = z.output<typeof Disturbance>;

/** What is disturbed at the moment. */
export interface Disturbances {
  /** Adds one; several may be there at a time, and the first that fits a request acts on it. */
  add(disturbance: Disturbance): void;
  /** Takes all of them away and lets go of what waits. */
  calm(): void;
  /** The disturbance of one request, counted as used. */
  take(request: string): Active | null;
  /** Resolves after the time, or when all is calmed. */
  wait(delayMs?: number): Promise<void>;
  /** How many requests wait. */
  readonly waiting: number;
}

/** Nothing is disturbed at first. */
export function createDisturbances(): Disturbances {
  let active: Active[] = [];
  const releases = new Set<() => void>();
  return {
    add: (disturbance) => void active.push(Disturbance.parse(disturbance)),
    calm() {
      active = [];
      for (const release of [...releases]) release();
    },
    take(request) {
      const found = active.find(({ on }) => begins(request, on));
      if (!found) return null;
      found.times--;
      if (found.times === 0) active = active.filter((each) => each !== found);
      return found;
    },
    wait(delayMs) {
      return new Promise((resolve) => {
        const release = () => {
          clearTimeout(timer);
          releases.delete(release);
          resolve();
        };
        const timer = delayMs === undefined ? undefined : setTimeout(release, delayMs);
        releases.add(release);
      });
    },
    get waiting() {
      return releases.size;
    },
  };
}

function begins(request: string, on: string): boolean {
  return request.startsWith(on) && (on === '' || /^(?:$|[ /])/.test(request.slice(on.length)) || on.endsWith('/'));
}
