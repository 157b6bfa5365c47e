import Stripe from 'stripe';
import { ProviderOutcomeUnknownError } from '../card-provider.ts';
import { ProviderUnreachableError, type Payout } from '../payout-provider.ts';
import { callStripe, codeOf, neverArrived, unknownOutcome } from './stripe-call.ts';

const PAGE_SIZE = 100;
const MAX_PAGES = 20;
/** What tells of a refund that it has succeeded, at once or later. */
const TELLING = ['refund.created', 'refund.updated'] as const;

/**
 * What became of a refund by Stripe's own word. As with payouts, "failed" does not say whether it had succeeded before: a card's bank may
 * send the money back days later. Whether it had is asked of Stripe's events.
 */
export async function refundOf(stripe: Stripe, refund: Stripe.Refund, signal: AbortSignal): Promise<Payout> {
  const { id: reference, status } = refund;
  if (status !== 'failed') return refundOfStatus({ id: reference, status });
  const code = refund.failure_reason ?? 'failed';
  const outcome = (await hadSucceeded(stripe, refund, signal)) ? 'RETURNED' : 'DECLINED';
  return { outcome, reference, code, message: 'The card’s bank did not take the money back.' };
}

/** The same for every status but "failed", which a refund alone does not explain. */
export function refundOfStatus({ id: reference, status }: { id: string; status: string | null }): Payout {
  switch (status) {
    case 'succeeded':
      return { outcome: 'SUCCEEDED', reference, feeMinor: null };
    case 'pending':
    case 'requires_action':
      return { outcome: 'PENDING', reference, step: 'BANK_PROCESSING' };
    case 'canceled':
      return { outcome: 'DECLINED', reference, code: 'canceled', message: 'The refund was cancelled.' };
    case null:
    default:
      // A word newer than this adapter, or "failed".
      throw new ProviderOutcomeUnknownError(`${reference} is ${status}, which says nothing by itself`);
  }
}

/** What became of a refund whose request Stripe answered with an error. Throws when that leaves it unknown. */
export function refundOfError(error: unknown): Payout {
  if (neverArrived(error)) throw new ProviderUnreachableError('Stripe cannot be reached, or turned us away');
  // As with charges: a refusal of the request itself is final, because under the same key Stripe repeats its first answer.
  if (!(error instanceof Stripe.errors.StripeInvalidRequestError)) throw unknownOutcome(error);
  // What Stripe says of a request is meant for developers and names ids.
  return { outcome: 'DECLINED', reference: null, code: codeOf(error), message: 'The charge cannot be refunded.' };
}

async function hadSucceeded(stripe: Stripe, refund: Stripe.Refund, signal: AbortSignal): Promise<boolean> {
  let after: string | undefined;
  try {
    for (let page = 0; page < MAX_PAGES; page++) {
      const { data, has_more: more } = await callStripe(
        () =>
          stripe.events.list({
            types: [...TELLING],
            created: { gte: refund.created },
            limit: PAGE_SIZE,
            ...(after && { starting_after: after }),
          }),
        signal,
      );
      const told = data.some(
        (event) =>
          (event.type === 'refund.created' || event.type === 'refund.updated') &&
          event.data.object.id === refund.id &&
          event.data.object.status === 'succeeded',
      );
      if (told) return true;
      if (!more) return false;
      after = data.at(-1)!.id;
    }
  } catch (error) {
    throw unknownOutcome(error);
  }
  throw new ProviderOutcomeUnknownError(`whether ${refund.id} had succeeded is too far back among Stripe's events`);
}
