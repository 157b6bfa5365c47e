import type Stripe from 'stripe';
import type { TransferId } from '../../platform/ids.ts';
import { notHere } from '../in-flight.ts';
import { ProviderNotCertainYetError, ProviderUnreachableError, type Payout } from '../payout-provider.ts';
import { findIntent } from './find-charge.ts';
import { IN_FLIGHT_MS } from './find-payout.ts';
import { refundOf } from './refund-outcome.ts';
import { callStripe, neverArrived, TRANSFER_ID, unknownOutcome } from './stripe-call.ts';

const PAGE_SIZE = 100;
const MAX_PAGES = 10;

interface WantedRefund {
  transferId: TransferId;
  /** Whose charge it gives back. */
  depositId: TransferId;
  sentAt: Date;
  /** So long after it was sent a request may still arrive. */
  inFlightMs?: number | undefined;
}

/** What became of the refund made for a transfer, among those of the charge: their list is always up to date. */
export async function findRefund(
  stripe: Stripe,
  { transferId, depositId, sentAt, inFlightMs = IN_FLIGHT_MS }: WantedRefund,
  signal: AbortSignal,
): Promise<Payout | null> {
  const refund = await listOfCharge(stripe, { transferId, depositId }, signal);
  if (refund) return refundOf(stripe, refund, signal);
  return notHere({ sentAt, inFlightMs, title: 'Stripe' });
}

async function listOfCharge(
  stripe: Stripe,
  { transferId, depositId }: Pick<WantedRefund, 'transferId' | 'depositId'>,
  signal: AbortSignal,
): Promise<Stripe.Refund | null> {
  let after: string | undefined;
  try {
    const intent = await findIntent(stripe, depositId, signal);
    if (!intent) return null;
    for (let page = 0; page < MAX_PAGES; page++) {
      const { data, has_more: more } = await callStripe(
        () =>
          stripe.refunds.list({
            payment_intent: intent.id,
            limit: PAGE_SIZE,
            ...(after && { starting_after: after }),
          }),
        signal,
      );
      // One key makes one refund.
      const found = data.find(({ metadata }) => metadata?.[TRANSFER_ID] === transferId);
      if (found) return found;
      if (!more) return null;
      after = data.at(-1)!.id;
    }
  } catch (error) {
    if (neverArrived(error)) throw new ProviderUnreachableError('Stripe cannot be reached, or turned us away');
    throw unknownOutcome(error);
  }
  throw new ProviderNotCertainYetError('there are more refunds of the charge than are looked through');
}
