import type Stripe from 'stripe';
import { idTime } from '../../platform/ids.ts';
import type { Payout, PayoutRequest } from '../payout-provider.ts';
import { parseCardReference } from './card-reference.ts';
import { findPayout } from './find-payout.ts';
import { toStripeAmount } from './stripe-amount.ts';
import { callStripe, KEY_LIFE_MS, TRANSFER_ID } from './stripe-call.ts';
import { payoutOf, payoutOfError } from './payout-outcome.ts';

/** Stripe's longest text on a statement, and what it lets nobody write there. */
const MAX_DESCRIPTOR = 22;
const NOT_ON_STATEMENTS = /[<>"'\\*]|[^\x20-\x7e]/g;

/** Pays out to a card once, whatever happens on the way. */
export async function sendPayout(stripe: Stripe, request: PayoutRequest, signal: AbortSignal): Promise<Payout> {
  const { key, transferId, amountMinor, currency, destination, description } = request;
  if (destination.kind !== 'CARD') throw new Error(`Stripe pays out to cards, not to ${destination.kind}`);
  const asked = toStripeAmount(amountMinor, currency);
  if (asked.refusal) return { outcome: 'DECLINED', reference: null, ...asked.refusal };
  const { paymentMethod } = parseCardReference(destination.reference);
  const earlier = await findEarlier(stripe, request, signal);
  if (earlier) return earlier;
  const descriptor = description?.replace(NOT_ON_STATEMENTS, ' ').trim().slice(0, MAX_DESCRIPTOR).trim();
  let payout: Stripe.Payout;
  try {
    payout = await callStripe(
      () =>
        stripe.payouts.create(
          {
            amount: asked.amount,
            currency: asked.currency,
            destination: paymentMethod,
            method: 'instant',
            metadata: { [TRANSFER_ID]: transferId },
            ...(descriptor && { statement_descriptor: descriptor }),
          },
          // Whether and when to ask again is the caller's to decide, who has it on record.
          { idempotencyKey: `payout_${key}`, maxNetworkRetries: 0 },
        ),
      signal,
    );
  } catch (error) {
    return payoutOfError(error);
  }
  return payoutOf(stripe, payout, signal);
}

/**
 * Stripe may forget a key after a day. For a transfer older than that no key protects a repetition any more: what was paid out
 * before is looked up.
 */
async function findEarlier(stripe: Stripe, request: PayoutRequest, signal: AbortSignal): Promise<Payout | null> {
  const { transferId } = request;
  if (Date.now() - idTime(transferId) <= KEY_LIFE_MS) return null;
  return findPayout(stripe, { transferId, sentAt: new Date(idTime(transferId)) }, signal);
}
