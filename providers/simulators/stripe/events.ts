import { randomBytes } from 'node:crypto';
import type { Charge, PaymentIntent, Payout, Refund, StripeEvent, StripeObject } from './store.ts';
import { shownCharge, shownIntent, shownPayout, shownRefund } from './shown.ts';

/** What Stripe tells of each status; null is told nobody here. */
const OF_INTENT: Record<PaymentIntent['status'], string | null> = {
  succeeded: 'payment_intent.succeeded',
  processing: 'payment_intent.processing',
  requires_action: 'payment_intent.requires_action',
  requires_payment_method: 'payment_intent.payment_failed',
  requires_confirmation: null,
  canceled: 'payment_intent.canceled',
};
const OF_PAYOUT: Record<Payout['status'], string> = {
  pending: 'payout.created',
  in_transit: 'payout.updated',
  paid: 'payout.paid',
  failed: 'payout.failed',
  canceled: 'payout.canceled',
};

/** The events of one change: of payments, payouts and refunds, when their status is another than before. */
export function eventsOf(before: StripeObject | undefined, after: StripeObject): StripeEvent[] {
  if (after.object === 'payment_intent') {
    const type = OF_INTENT[after.status];
    if (type === null || (before?.object === 'payment_intent' && before.status === after.status)) return [];
    return [newEvent(type, shownIntent(after))];
  }
  if (after.object === 'payout') {
    if (before?.object === 'payout' && before.status === after.status) return [];
    return [newEvent(OF_PAYOUT[after.status], shownPayout(after))];
  }
  if (after.object === 'refund') return ofRefund(before, after);
  return after.object === 'charge' ? ofCharge(before, after) : [];
}

/** What became of a refund is told twice: by a word of its own, and by the older one for all changes of refunds. */
function ofRefund(before: StripeObject | undefined, after: Refund): StripeEvent[] {
  if (before?.object !== 'refund') return [newEvent('refund.created', shownRefund(after))];
  if (before.status === after.status) return [];
  const types = ['refund.updated', ...(after.status === 'failed' ? ['refund.failed'] : []), 'charge.refund.updated'];
  return types.map((type) => newEvent(type, shownRefund(after)));
}

function ofCharge(before: StripeObject | undefined, after: Charge): StripeEvent[] {
  const refunded = before?.object === 'charge' && (before.amount_refunded ?? 0) < after.amount_refunded;
  return refunded ? [newEvent('charge.refunded', shownCharge(after))] : [];
}

function newEvent(type: string, object: unknown): StripeEvent {
  return {
    id: `evt_${randomBytes(12).toString('hex')}`,
    object: 'event',
    created: Math.floor(Date.now() / 1000),
    type,
    data: { object },
    pending_webhooks: 1,
  };
}
