import { duePayouts, stepPayout } from './payouts.ts';
import { stepRefund } from './refunds.ts';
import type { Refund, Store, StripeObject } from './store.ts';

/** Payouts and refunds that move on by themselves. */
export interface RunningPayouts {
  /** What becomes of a payout, at once. False when there is no such payout. */
  settle(id: string, succeeds: boolean): Promise<boolean>;
  /** The same of a refund. */
  settleRefund(id: string, succeeds: boolean): Promise<boolean>;
  close(): Promise<void>;
}

const LOOK_EVERY_MS = 20;

/** Takes each payout's steps when they are due, also those that were left when the process was killed. */
export function startPayouts(store: Store, payoutStepMs: number): RunningPayouts {
  let running: Promise<void> = Promise.resolve();
  const look = () => {
    const now = Date.now();
    const moving = store.moving();
    const payouts = moving.filter((object) => object.object === 'payout');
    const refunds = moving.filter((object) => object.object === 'refund');
    const due = [...duePayouts(payouts, now, payoutStepMs), ...refunds.flatMap((each) => dueRefund(store, each, now))];
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
    async settleRefund(id, succeeds) {
      const refund = store.get('refund', id);
      if (!refund) return false;
      const step = succeeds ? ({ status: 'succeeded' } as const) : ({ status: 'failed', reason: 'unknown' } as const);
      const [stepped, charge] = stepRefund(refund, store.get('charge', refund.charge)!, step);
      await store.commit([{ ...stepped, next: null }, charge]);
      return true;
    },
    async close() {
      clearInterval(timer);
      await running;
    },
  };
}

/** A refund takes one step by itself at most. */
function dueRefund(store: Store, refund: Refund, now: number): StripeObject[] {
  const [step] = refund.next?.steps ?? [];
  if (!step || refund.next!.at > now) return [];
  const [stepped, charge] = stepRefund(refund, store.get('charge', refund.charge)!, step);
  return [{ ...stepped, next: null }, charge];
}
