import type Stripe from 'stripe';
import type { TransferId } from '../../platform/ids.ts';
import { notHere } from '../in-flight.ts';
import { ProviderNotCertainYetError, ProviderUnreachableError, type Payout } from '../payout-provider.ts';
import { payoutOf } from './payout-outcome.ts';
import { callStripe, neverArrived, TRANSFER_ID, unknownOutcome } from './stripe-call.ts';

const PAGE_SIZE = 100;
const MAX_PAGES = 50;
/** How far this clock and Stripe's may be apart. */
const CLOCK_SKEW_MS = 10 * 60_000;
/** A request that was sent so long ago has been answered or lost; the SDK gives it up after 30 seconds. */
const IN_FLIGHT_MS = 2 * 60_000;

interface WantedPayout {
  transferId: TransferId;
  sentAt: Date;
  /** So long after it was sent a request may still arrive. */
  inFlightMs?: number | undefined;
}

/**
 * What became of the payout made for a transfer. Stripe has no search for payouts: its list, which is always up to date, is read
 * back to when the payout was sent.
 */
export async function findPayout(
  stripe: Stripe,
  { transferId, sentAt, inFlightMs = IN_FLIGHT_MS }: WantedPayout,
  signal: AbortSignal,
): Promise<Payout | null> {
  const payout = await listSince(stripe, { transferId, sentAt }, signal);
  if (payout) return payoutOf(stripe, payout, signal);
  return notHere({ sentAt, inFlightMs, title: 'Stripe' });
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
