import Stripe from 'stripe';
import type { TransferId } from '../../platform/ids.ts';
import type { Money } from '../../platform/money.ts';
import { ProviderOutcomeUnknownError } from '../card-provider.ts';
import { notHere } from '../in-flight.ts';
import { ProviderNotCertainYetError, ProviderUnreachableError, type Payout } from '../payout-provider.ts';
import { payoutOf } from './payout-outcome.ts';
import { fromStripeAmount } from './stripe-amount.ts';
import { callStripe, neverArrived, TRANSFER_ID, unknownOutcome } from './stripe-call.ts';

const PAGE_SIZE = 100;
const MAX_PAGES = 50;
/** How far this clock and Stripe's may be apart. */
const CLOCK_SKEW_MS = 10 * 60_000;
/** A request that was sent so long ago has been answered or lost; the SDK gives it up after 30 seconds. */
export const IN_FLIGHT_MS = 2 * 60_000;

interface WantedPayout {
  transferId: TransferId;
  sentAt: Date;
  /** So long after it was sent a request may still arrive. */
  inFlightMs?: number | undefined;
  /** What is shown must be of this amount. */
  amount?: Money | undefined;
  /** Stripe's own name for it (po_…), where that is known. */
  reference?: string | null | undefined;
}

/**
 * What became of the payout made for a transfer: by its name, where Stripe has told that; else, because Stripe has no search for payouts, its
 * list, which is always up to date, is read back to when the payout was sent.
 */
export async function findPayout(
  stripe: Stripe,
  { transferId, sentAt, inFlightMs = IN_FLIGHT_MS, amount, reference }: WantedPayout,
  signal: AbortSignal,
): Promise<Payout | null> {
  const named = reference?.startsWith('po_') ? await retrieve(stripe, reference, signal) : null;
  const ours = named?.metadata?.[TRANSFER_ID] === transferId ? named : null;
  const payout = ours ?? (await listSince(stripe, { transferId, sentAt }, signal));
  if (!payout) return notHere({ sentAt, inFlightMs, title: 'Stripe' });
  const isOther =
    amount &&
    (payout.currency.toUpperCase() !== amount.currency ||
      fromStripeAmount(payout.amount, payout.currency) !== amount.amountMinor);
  if (isOther) throw new ProviderOutcomeUnknownError(`${payout.id} has another amount than was sent`);
  return payoutOf(stripe, payout, signal);
}

async function retrieve(stripe: Stripe, reference: string, signal: AbortSignal): Promise<Stripe.Payout | null> {
  try {
    return await callStripe(() => stripe.payouts.retrieve(reference), signal);
  } catch (error) {
    if (neverArrived(error)) throw new ProviderUnreachableError('Stripe cannot be reached, or turned us away');
    // What it does not know by that name may be on its list.
    if (error instanceof Stripe.errors.StripeInvalidRequestError) return null;
    throw unknownOutcome(error);
  }
}

async function listSince(
  stripe: Stripe,
  { transferId, sentAt }: { transferId: TransferId; sentAt: Date },
  signal: AbortSignal,
): Promise<Stripe.Payout | null> {
  const created = { gte: Math.floor((sentAt.getTime() - CLOCK_SKEW_MS) / 1000) };
  let after: string | undefined;
  try {
    for (let page = 0; page < MAX_PAGES; page++) {
      const { data, has_more: more } = await callStripe(
        () => stripe.payouts.list({ created, limit: PAGE_SIZE, ...(after && { starting_after: after }) }),
        signal,
      );
      // One key makes one payout.
      const found = data.find(({ metadata }) => metadata?.[TRANSFER_ID] === transferId);
      if (found) return found;
      if (!more) return null;
      after = data.at(-1)!.id;
    }
  } catch (error) {
    if (neverArrived(error)) throw new ProviderUnreachableError('Stripe cannot be reached, or turned us away');
    throw unknownOutcome(error);
  }
  throw new ProviderNotCertainYetError('there are more payouts since then than are looked through');
}
