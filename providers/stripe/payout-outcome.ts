import Stripe from 'stripe';
import { ProviderOutcomeUnknownError } from '../card-provider.ts';
import { ProviderUnreachableError, type Payout } from '../payout-provider.ts';
import { callStripe, codeOf, neverArrived, unknownOutcome } from './stripe-call.ts';

const PAGE_SIZE = 100;
const MAX_PAGES = 20;

/**
 * What became of a payout by Stripe's own word. "failed" alone does not say whether it had been paid before: Stripe may show a
 * payout as paid and later, when the card's bank sends the money back, as failed. Whether it did is asked of Stripe's events.
 */
export async function payoutOf(stripe: Stripe, payout: Stripe.Payout, signal: AbortSignal): Promise<Payout> {
  const { id: reference } = payout;
  if (payout.status !== 'failed') return payoutOfStatus(payout);
  const code = payout.failure_code ?? 'failed';
  const message = payout.failure_message ?? 'The card’s bank did not take the money.';
  const outcome = (await wasPaid(stripe, payout, signal)) ? 'RETURNED' : 'DECLINED';
  return { outcome, reference, code, message };
}

/** The same for every status but "failed", which a payout alone does not explain. */
export function payoutOfStatus({ id: reference, status }: Pick<Stripe.Payout, 'id' | 'status'>): Payout {
  switch (status) {
    case 'paid':
      return { outcome: 'SUCCEEDED', reference, feeMinor: null };
    case 'in_transit':
      return { outcome: 'PENDING', reference, step: 'CLEARING' };
    case 'pending':
      return { outcome: 'PENDING', reference, step: 'BANK_PROCESSING' };
    case 'canceled':
      return { outcome: 'DECLINED', reference, code: 'canceled', message: 'The payout was cancelled.' };
    default:
      // A word newer than this adapter, or "failed".
      throw new ProviderOutcomeUnknownError(`${reference} is ${status}, which says nothing by itself`);
  }
}

/** What became of a payout whose request Stripe answered with an error. Throws when that leaves it unknown. */
export function payoutOfError(error: unknown): Payout {
  if (neverArrived(error)) throw new ProviderUnreachableError('Stripe cannot be reached, or turned us away');
  // As with charges: a refusal of the request itself is final, because under the same key Stripe repeats its first answer.
  if (!(error instanceof Stripe.errors.StripeInvalidRequestError)) throw unknownOutcome(error);
  return {
    outcome: 'DECLINED',
    reference: null,
    code: codeOf(error),
    // What Stripe says of a request is meant for developers and names ids.
    message: 'The card cannot be paid to.',
  };
}

async function wasPaid(stripe: Stripe, payout: Stripe.Payout, signal: AbortSignal): Promise<boolean> {
  let after: string | undefined;
  try {
    for (let page = 0; page < MAX_PAGES; page++) {
      const { data, has_more: more } = await callStripe(
        () =>
          stripe.events.list({
            type: 'payout.paid',
            created: { gte: payout.created },
            limit: PAGE_SIZE,
            ...(after && { starting_after: after }),
          }),
        signal,
      );
      if (data.some((event) => event.type === 'payout.paid' && event.data.object.id === payout.id)) return true;
      if (!more) return false;
      after = data.at(-1)!.id;
    }
  } catch (error) {
    throw unknownOutcome(error);
  }
  throw new ProviderOutcomeUnknownError(`whether ${payout.id} had been paid is too far back among Stripe's events`);
}
