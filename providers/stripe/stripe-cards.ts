import type { CardProvider } from '../card-provider.ts';
import { chargeCard } from './charge-card.ts';
import { connectStripe, type StripeOptions } from './connect-stripe.ts';
import { findCharge } from './find-charge.ts';
import { findCard, removeCard, saveCard } from './save-card.ts';

/** Cards charged by Stripe through its own SDK. */
export function createStripeCards(options: StripeOptions): CardProvider {
  const stripe = connectStripe(options);
  return {
    name: 'stripe',
    saveCard: (token, ownerId, signal) => saveCard(stripe, token, ownerId, signal),
    findCard: (reference, signal) => findCard(stripe, reference, signal),
    removeCard: (reference, signal) => removeCard(stripe, reference, signal),
    charge: (request, signal) => chargeCard(stripe, request, signal),
    findCharge: (transferId, signal) => findCharge(stripe, transferId, signal),
  };
}
