import { randomBytes } from 'node:crypto';
import type { BalanceTransaction, Refund, StripeObject } from './store.ts';

/*
 * What moves in the account's balance (https://docs.stripe.com/api/balance_transactions): a charge when it succeeds, a payout or a refund when it is
 * made and again when it comes to nothing. Each says what Stripe takes for it, at its published prices: 2.9 % and 30 cents of a charge, 1.5 % and at least 50
 * cents of an instant payout, whatever becomes of it.
 */

/** The balance transactions of one change. */
export function transactionsOf(before: StripeObject | undefined, after: StripeObject): BalanceTransaction[] {
  if (after.object === 'charge' && after.status === 'succeeded') {
    if (before?.object === 'charge' && before.status === 'succeeded') return [];
    const fee = Math.round(after.amount * 0.029) + 30;
    return [newTransaction('charge', { amount: after.amount, fee, source: after })];
  }
  if (after.object === 'refund') return ofRefund(before, after);
  if (after.object !== 'payout') return [];
  const fee = after.method === 'instant' ? Math.max(Math.ceil(after.amount * 0.015), 50) : 0;
  const made = before ? [] : [newTransaction('payout', { amount: -after.amount, fee, source: after })];
  const ended = before?.object === 'payout' && before.status !== after.status;
  if (!ended || (after.status !== 'failed' && after.status !== 'canceled')) return made;
  const type = after.status === 'failed' ? 'payout_failure' : 'payout_cancel';
  return [...made, newTransaction(type, { amount: after.amount, fee: 0, source: after })];
}

/** A refund leaves the balance when it is made, and is there again when it fails; Stripe keeps what it took for the charge. */
function ofRefund(before: StripeObject | undefined, after: Refund): BalanceTransaction[] {
  if (!before) return [newTransaction('refund', { amount: -after.amount, fee: 0, source: after })];
  const fails = before.object === 'refund' && before.status !== 'failed' && after.status === 'failed';
  return fails ? [newTransaction('refund_failure', { amount: after.amount, fee: 0, source: after })] : [];
}

function newTransaction(
  type: BalanceTransaction['type'],
  { amount, fee, source }: { amount: number; fee: number; source: { id: string; currency: string } },
): BalanceTransaction {
  const created = Math.floor(Date.now() / 1000);
  return {
    id: `txn_${randomBytes(12).toString('hex')}`,
    object: 'balance_transaction',
    created,
    available_on: created,
    amount,
    currency: source.currency,
    description: null,
    exchange_rate: null,
    fee,
    fee_details:
      fee === 0
        ? []
        : [
            {
              amount: fee,
              application: null,
              currency: source.currency,
              description: 'Stripe fees',
              type: 'stripe_fee',
            },
          ],
    net: amount - fee,
    reporting_category: type === 'payout_failure' || type === 'payout_cancel' ? 'payout_reversal' : type,
    source: source.id,
    status: 'available',
    type,
  };
}
