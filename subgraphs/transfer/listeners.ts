import type { Listener } from '../../platform/event-listeners.ts';
import { enqueueJobs, jobsSchema } from '../../platform/jobs.ts';
import { recordPaymentMethods } from './deposit-store.ts';
import { recordPayees } from './store.ts';

/** The name by which others wait for the payees to be caught up. */
export const PAYEES_LISTENER = 'transfer.payees';

/** Keeps whom an email means and what the other side of a transfer is called. */
export const payees: Listener<'UserRegistered'> = {
  name: PAYEES_LISTENER,
  types: ['UserRegistered'],
  handle: (events, tx) =>
    recordPayees(
      tx,
      // A user twice in one statement would be an error of ON CONFLICT; the later event counts.
      [...new Map(events.map(({ payload }) => [payload.userId, payload])).values()],
    ),
};

/** The name by which others wait for the payment methods to be caught up. */
export const PAYMENT_METHODS_LISTENER = 'transfer.payment-methods';

/** Keeps which payment methods a customer has and what the provider charges them by. */
export const paymentMethods: Listener<'PaymentMethodConnected' | 'PaymentMethodDisconnected'> = {
  name: PAYMENT_METHODS_LISTENER,
  types: ['PaymentMethodConnected', 'PaymentMethodDisconnected'],
  handle: (events, tx) => recordPaymentMethods(tx, events),
};

/** Where transfer's jobs are. */
export const JOBS_SCHEMA = jobsSchema('transfer');
/** The job that charges a deposit; its payload is ChargeDepositPayload. */
export const CHARGE_DEPOSIT = 'charge-deposit';

/**
 * Turns deposits that were started into jobs. The job commits with the cursor, under the deposit's own key: it is enqueued once,
 * and an event that is read again finds the job there, or makes one that sees a deposit that has ended.
 */
export const deposits: Listener<'DepositStarted'> = {
  name: 'transfer.deposits',
  types: ['DepositStarted'],
  handle: (events, tx) =>
    enqueueJobs(tx, {
      schema: JOBS_SCHEMA,
      task: CHARGE_DEPOSIT,
      jobs: events.map(({ payload: { transferId } }) => ({ key: `deposit:${transferId}`, payload: { transferId } })),
    }),
};
