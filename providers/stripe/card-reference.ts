/**
 * What names a card in charges: Stripe's customer, Stripe's payment method, and whether Stripe has it set up for charges
 * without the customer. All of it is in the reference, so that the same charge is always asked with the same parameters:
 * Stripe refuses an idempotency key that comes with others.
 */
export interface CardReference {
  customer: string;
  paymentMethod: string;
  /** False for a card whose issuer said no, or asked for more, when it was to be set up. */
  ready: boolean;
}

const NOT_READY = 'unready';

/** "cus_…/pm_…" of a card that is set up, "cus_…/pm_…/unready" of one that is not. */
export function formatCardReference({ customer, paymentMethod, ready }: CardReference): string {
  return ready ? `${customer}/${paymentMethod}` : `${customer}/${paymentMethod}/${NOT_READY}`;
}

/** The reading of a reference that this adapter gave out; anything else is a bug. */
export function parseCardReference(reference: string): CardReference {
  const [customer, paymentMethod, mark, ...rest] = reference.split('/');
  if (!customer || !paymentMethod || rest.length > 0 || (mark !== undefined && mark !== NOT_READY)) {
    throw new Error('not a reference to a card at Stripe');
  }
  return { customer, paymentMethod, ready: mark === undefined };
}
