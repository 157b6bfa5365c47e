import { duePayouts, stepPayout } from './payouts.ts';
import type { Store } from './store.ts';

/** Payouts that move on by themselves. */
export interface RunningPayouts {
  /** What becomes of a payout, at once. False when there is no such payout. */
  settle(id: string, succeeds: boolean): Promise<boolean>;
  close(): Promise<void>;
}

const LOOK_EVERY_MS = 20;

/** Takes each payout's steps when they are due, also those that were left when the process was killed. */
export function startPayouts(store: Store, payoutStepMs: number): RunningPayouts {
  let running: Promise<void> = Promise.resolve();
  const look = () => {
    const due = duePayouts(store.moving(), Date.now(), payoutStepMs);
    if (due.length > 0) running = store.commit(due).catch(() => {});
  };
  const timer = setInterval(look, LOOK_EVERY_MS).unref();
  return {
    async settle(id, succeeds) {
      const payout = store.get('payout', id);
      if (!payout) return false;
      const step = succeeds
        ? ({ status: 'paid' } as const)
        : ({ status: 'failed', code: 'could_not_process', message: 'The bank could not process this.' } as const);
      await store.commit([{ ...stepPayout(payout, step), next: null }]);
      return true;
    },
    async close() {
      clearInterval(timer);
      await running;
    },
  };
}
