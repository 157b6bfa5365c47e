import { offerOf } from '../fee-table.ts';
import type { Offer, PayoutProvider } from '../payout-provider.ts';
import { connectStripe, type StripeOptions } from './connect-stripe.ts';
import { findPayout } from './find-payout.ts';
import { findRefund } from './find-refund.ts';
import { refundCharge } from './refund-charge.ts';
import { sendPayout } from './send-payout.ts';
import { toStripeAmount } from './stripe-amount.ts';
import { callStripe, unknownOutcome } from './stripe-call.ts';

/*
 * Payouts to cards that Stripe keeps: instant payouts of Stripe's API, through its own SDK.
 *
 * With a live account more is needed than a key: a payout goes to an external account of the account that makes it. Cards of
 * customers are external accounts only of connected accounts (Stripe Connect), one for each recipient, whose debit card is added
 * there and is eligible for instant payouts; the money is first moved to the connected account. The simulator takes the saved card
 * itself as the destination, so that everything else is the same: amounts, keys, errors, states, webhooks.
 */

/** Stripe's price for an instant payout: 1.5 % and at least half a unit of the currency (https://stripe.com/pricing). */
const BASIS_POINTS = 150n;
const LEAST_IN_STRIPE_UNITS = 50n;
/** The largest instant payout, in Stripe's units. */
const MOST = 999_999n;
const USUAL_SECONDS = 30 * 60;

/** Refunds of a charge cost nothing, and the card's bank shows them in 5 to 10 days (https://docs.stripe.com/refunds). */
const REFUND_SECONDS = 7 * 86_400;

/** Payouts to cards by Stripe, and refunds of what it has charged. */
export function createStripePayouts(options: StripeOptions & { inFlightMs?: number }): PayoutProvider {
  const stripe = connectStripe(options);
  return {
    name: 'stripe',
    types: ['ON_RAMP', 'OFF_RAMP'],
    offer({ kind, amountMinor, currency }) {
      if (kind === 'CHARGE') return { providerFeeMinor: 0n, networkFeeMinor: 0n, usualSeconds: REFUND_SECONDS };
      return kind === 'CARD' ? offerFor(amountMinor, currency) : null;
    },
    send({ destination, ...request }, signal) {
      if (destination.kind === 'CHARGE') return refundCharge(stripe, { ...request, ...destination }, signal);
      return sendPayout(stripe, { ...request, destination }, signal);
    },
    find({ depositId, ...payout }, signal) {
      const asked = { ...payout, inFlightMs: options.inFlightMs };
      return depositId ? findRefund(stripe, { ...asked, depositId }, signal) : findPayout(stripe, asked, signal);
    },
    async checkHealth(signal) {
      try {
        await callStripe(() => stripe.balance.retrieve({}, { maxNetworkRetries: 0 }), signal);
      } catch (error) {
        throw unknownOutcome(error);
      }
    },
  };
}

function offerFor(amountMinor: bigint, currency: string): Offer | null {
  const asked = toStripeAmount(amountMinor, currency);
  if (asked.refusal || BigInt(asked.amount) > MOST) return null;
  // What a unit of Stripe's is in ours: more, as much, or less than one.
  const least = (LEAST_IN_STRIPE_UNITS * amountMinor) / BigInt(asked.amount || 1);
  const tier = { upTo: amountMinor, fee: 0n, basisPoints: BASIS_POINTS };
  const offer = offerOf({ tiers: [tier], usualSeconds: USUAL_SECONDS }, amountMinor);
  return offer && { ...offer, providerFeeMinor: offer.providerFeeMinor > least ? offer.providerFeeMinor : least };
}
