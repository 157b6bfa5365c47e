import type Stripe from 'stripe';
import { idTime, type TransferId } from '../../platform/ids.ts';
import type { Payout, PayoutRequest } from '../payout-provider.ts';
import { findIntent } from './find-charge.ts';
import { findRefund } from './find-refund.ts';
import { refundOf, refundOfError } from './refund-outcome.ts';
import { toStripeAmount } from './stripe-amount.ts';
import { callStripe, KEY_LIFE_MS, TRANSFER_ID } from './stripe-call.ts';

/** What is given back of the charge that was made for a deposit. */
export type RefundRequest = Omit<PayoutRequest, 'destination' | 'description'> & { depositId: TransferId };

/** Refunds a charge once, in part or whole, whatever happens on the way. */
export async function refundCharge(stripe: Stripe, request: RefundRequest, signal: AbortSignal): Promise<Payout> {
  const { key, transferId, depositId, amountMinor, currency } = request;
  const asked = toStripeAmount(amountMinor, currency);
  if (asked.refusal) return { outcome: 'DECLINED', reference: null, ...asked.refusal };
  const sentAt = new Date(idTime(transferId));
  if (Date.now() - sentAt.getTime() > KEY_LIFE_MS) {
    // No key protects so late a repetition any more: what was refunded before is looked up.
    const earlier = await findRefund(stripe, { transferId, depositId, sentAt }, signal);
    if (earlier) return earlier;
  }
  let refund: Stripe.Refund;
  try {
    const intent = await findIntent(stripe, depositId, signal);
    if (!intent) {
      const message = 'There is no charge that could be refunded.';
      return { outcome: 'DECLINED', reference: null, code: 'charge_not_found', message };
    }
    refund = await callStripe(
      () =>
        stripe.refunds.create(
          { payment_intent: intent.id, amount: asked.amount, metadata: { [TRANSFER_ID]: transferId } },
          // Whether and when to ask again is the caller's to decide, who has it on record.
          { idempotencyKey: `refund_${key}`, maxNetworkRetries: 0 },
        ),
      signal,
    );
  } catch (error) {
    return refundOfError(error);
  }
  return refundOf(stripe, refund, signal);
}
