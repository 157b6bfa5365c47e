import type { PaymentIntent, Payout } from './store.ts';

/** A payment intent in Stripe's form. */
export function shownIntent(intent: PaymentIntent): unknown {
  return {
    ...intent,
    client_secret: `${intent.id}_secret`,
    livemode: false,
    payment_method_types: ['card'],
    capture_method: 'automatic',
  };
}

/** A payout in Stripe's form. */
export function shownPayout({ next: _next, ...payout }: Payout): unknown {
  return { ...payout, balance_transaction: null, livemode: false, source_type: 'card', type: 'card' };
}
