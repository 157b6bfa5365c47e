import type Stripe from 'stripe';
import { idTime } from '../../platform/ids.ts';
import type { Charge, ChargeRequest } from '../card-provider.ts';
import { parseCardReference, type CardReference } from './card-reference.ts';
import { chargeOfError, chargeOfIntent } from './charge-outcome.ts';
import { findCharge } from './find-charge.ts';
import { toStripeAmount } from './stripe-amount.ts';
import { callStripe, KEY_LIFE_MS, TRANSFER_ID } from './stripe-call.ts';

/** Charges a card once, whatever happens on the way: a PaymentIntent that is made and confirmed in one request. */
export async function chargeCard(stripe: Stripe, request: ChargeRequest, signal: AbortSignal): Promise<Charge> {
  const { key, transferId, reference, amountMinor, currency } = request;
  const asked = toStripeAmount(amountMinor, currency);
  if (asked.refusal) return { outcome: 'DECLINED', chargeId: null, ...asked.refusal };
  const card = parseCardReference(reference);
  if (Date.now() - idTime(transferId) > KEY_LIFE_MS) {
    // No key protects so late a repetition any more: what was charged before is found by its metadata.
    const earlier = await findCharge(stripe, transferId, signal);
    if (earlier) return earlier;
  }
  let intent: Stripe.PaymentIntent;
  try {
    intent = await callStripe(
      () =>
        stripe.paymentIntents.create(
          {
            amount: asked.amount,
            currency: asked.currency,
            customer: card.customer,
            payment_method: card.paymentMethod,
            automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
            confirm: true,
            metadata: { [TRANSFER_ID]: transferId },
            ...presence(card),
          },
          // Whether and when to ask again is the caller's to decide, who has it on record.
          { idempotencyKey: key, maxNetworkRetries: 0 },
        ),
      signal,
    );
  } catch (error) {
    return chargeOfError(stripe, error, signal);
  }
  return chargeOfIntent(stripe, intent, signal);
}

/**
 * A card that is set up is charged without the customer (off session). One that is not yet can only be charged as if the
 * customer were there; when that succeeds Stripe keeps it, and later charges of it go the same way.
 */
function presence({ ready }: CardReference): Partial<Stripe.PaymentIntentCreateParams> {
  return ready ? { off_session: true } : { setup_future_usage: 'off_session', error_on_requires_action: true };
}
