import type { Charge, PaymentIntent, Payout, Refund } from './store.ts';

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

/** A charge in Stripe's form. */
export function shownCharge(charge: Charge): unknown {
  // Written by an older simulator, which knew no refunds, it says nothing of them.
  const { amount_refunded: refunded = 0 } = charge as Partial<Charge>;
  return { ...charge, amount_refunded: refunded, refunded: refunded >= charge.amount, livemode: false };
}

/** A refund in Stripe's form. */
export function shownRefund({ next: _next, ...refund }: Refund): unknown {
  return { ...refund, balance_transaction: null, receipt_number: null, source_transfer_reversal: null };
}
