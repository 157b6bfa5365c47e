import { z } from 'zod';

/**
 * What may go wrong on the way to a provider, set by tests. WAIT_… holds a request until it is calmed (or for `delayMs`),
 * before or after the work is done and kept; DROP_… closes the connection without an answer; UNAVAILABLE (503) and
 * RATE_LIMITED (429) answer without doing anything; PROCESSING does the work, with the issuer's yes held back.
 */
export const Disturbance = z.strictObject({
  effect: z.enum([
    'WAIT_BEFORE',
    'WAIT_AFTER',
    'DROP_BEFORE',
    'DROP_AFTER',
    'UNAVAILABLE',
    'RATE_LIMITED',
    'PROCESSING',
  ]),
  /** Which requests: how "METHOD /path" begins, for example "POST /v1/payment_intents". All when not given. */
  on: z.string().default(''),
  /** How many of them; all until calmed when not given. */
  times: z.number().int().min(1).default(Number.MAX_SAFE_INTEGER),
  delayMs: z.number().int().min(0).max(600_000).optional(),
});
export type Disturbance = z.input<typeof Disturbance>;
export type Effect = z.output<typeof Disturbance>['effect'];

/** What is disturbed at the moment. */
export interface Disturbances {
  /** Adds one; several may be there at a time, and the first that fits a request acts on it. */
  add(disturbance: Disturbance): void;
  /** Takes all of them away and lets go of what waits. */
  calm(): void;
  /** The disturbance of one request, counted as used. */
  take(request: string): z.output<typeof Disturbance> | null;
  /** Resolves after the disturbance's time, or when all is calmed. */
  wait(delayMs: number | undefined): Promise<void>;
  /** How many requests wait. */
  readonly waiting: number;
}

/** Nothing is disturbed at first. */
export function createDisturbances(): Disturbances {
  let active: z.output<typeof Disturbance>[] = [];
  const releases = new Set<() => void>();
  return {
    add(disturbance) {
      active.push(Disturbance.parse(disturbance));
    },
    calm() {
      active = [];
      for (const release of releases) release();
    },
    take(request) {
      const found = active.find(({ on }) => request.startsWith(on));
      if (!found) return null;
      found.times--;
      if (found.times === 0) active = active.filter((each) => each !== found);
      return found;
    },
    wait(delayMs) {
      return new Promise((resolve) => {
        const timer = delayMs === undefined ? undefined : setTimeout(() => release(), delayMs);
        const release = () => {
          clearTimeout(timer);
          releases.delete(release);
          resolve();
        };
        releases.add(release);
      });
    },
    get waiting() {
      return releases.size;
    },
  };
}
