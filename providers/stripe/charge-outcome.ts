import Stripe from 'stripe';
import type { Charge } from '../card-provider.ts';
import { ProviderOutcomeUnknownError } from '../card-provider.ts';
import { callStripe, codeOf, unknownOutcome } from './stripe-call.ts';

/** Stripe's code for what needs the customer, who is not there when the bank charges. */
const AUTHENTICATION = {
  code: 'authentication_required',
  message: 'The card asks for the customer’s authentication.',
};
/** How Stripe says the same about a charge that could have asked the customer, and was told not to. */
const NOT_AUTHENTICATED = ['authentication_not_handled', 'payment_intent_action_required'];
/** Stripe's reason on an intent that this adapter gave up because it waited for the customer. */
const GIVEN_UP = 'abandoned';

/**
 * What became of a charge by Stripe's own word. An intent that waits for the customer is cancelled first: "declined" has to
 * be final, and as long as it is open somebody might complete it.
 */
export async function chargeOfIntent(
  stripe: Stripe,
  intent: Stripe.PaymentIntent,
  signal: AbortSignal,
): Promise<Charge> {
  switch (intent.status) {
    case 'succeeded':
      return { outcome: 'SUCCEEDED', chargeId: intent.id };
    case 'processing':
      return { outcome: 'PENDING', chargeId: intent.id };
    case 'requires_action':
      return chargeOfIntent(stripe, await giveUp(stripe, intent, signal), signal);
    case 'requires_payment_method':
      // Without an error it is an intent whose confirmation is still under way in another request.
      if (!intent.last_payment_error) throw new ProviderOutcomeUnknownError(`${intent.id} is not confirmed yet`);
      return declined(intent);
    case 'canceled':
      return declined(intent);
    case 'requires_capture':
    case 'requires_confirmation':
    default:
      // Waiting for a capture or a confirmation, or a word newer than this adapter.
      throw new ProviderOutcomeUnknownError(`${intent.id} is ${intent.status}, which this bank never asks for`);
  }
}

/** What became of a charge whose request Stripe answered with an error. Throws when that leaves it unknown. */
export async function chargeOfError(stripe: Stripe, error: unknown, signal: AbortSignal): Promise<Charge> {
  if (!(error instanceof Stripe.errors.StripeError)) throw unknownOutcome(error);
  const intent = error.payment_intent;
  if (intent && (intent.status === 'succeeded' || intent.status === 'processing')) {
    return chargeOfIntent(stripe, intent, signal);
  }
  // Refusals of the request itself are final as well: under the same key Stripe repeats its first answer, so that this is
  // not a late refusal of something that it did before. A key met with other parameters (StripeIdempotencyError), a bank
  // that is not let in (401, 403), and haste (409, 429) say nothing about what was done under the key earlier.
  const final =
    error instanceof Stripe.errors.StripeCardError || error instanceof Stripe.errors.StripeInvalidRequestError;
  if (!final) throw unknownOutcome(error);
  // What Stripe says of a card is meant for the cardholder; what it says of a request is meant for developers and names ids.
  const ofCard = error instanceof Stripe.errors.StripeCardError;
  const { code, message } = declineOf({
    code: codeOf(error),
    decline_code: error.decline_code,
    message: ofCard ? error.message : 'The card cannot be charged for this.',
  });
  return { outcome: 'DECLINED', chargeId: intent?.id ?? null, code, message };
}

function declined(intent: Stripe.PaymentIntent): Charge {
  const { code, message } = intent.last_payment_error
    ? declineOf(intent.last_payment_error)
    : intent.cancellation_reason === GIVEN_UP
      ? AUTHENTICATION
      : { code: intent.status, message: 'The payment was not completed.' };
  return { outcome: 'DECLINED', chargeId: intent.id, code, message };
}

interface StripeDecline {
  code?: string | undefined;
  decline_code?: string | undefined;
  message?: string | undefined;
}

/** The most telling code: the issuer's reason where there is one, else what kind of refusal it was. */
function declineOf({ code, decline_code: reason, message }: StripeDecline): { code: string; message: string } {
  const telling = reason && reason !== 'generic_decline' ? reason : (code ?? 'card_declined');
  if (NOT_AUTHENTICATED.includes(telling)) return AUTHENTICATION;
  return { code: telling, message: message ?? 'The card was declined.' };
}

/** Cancels an intent that waits for the customer; answers with the intent as it is then. */
async function giveUp(
  stripe: Stripe,
  intent: Stripe.PaymentIntent,
  signal: AbortSignal,
): Promise<Stripe.PaymentIntent> {
  let now: Stripe.PaymentIntent;
  try {
    now = await callStripe(() => stripe.paymentIntents.cancel(intent.id, { cancellation_reason: GIVEN_UP }), signal);
  } catch (error) {
    // It moved on meanwhile, perhaps because this is asked a second time: it says itself where to.
    if (!(error instanceof Stripe.errors.StripeInvalidRequestError)) throw unknownOutcome(error);
    now = await callStripe(() => stripe.paymentIntents.retrieve(intent.id), signal).catch((again: unknown) => {
      throw unknownOutcome(again);
    });
  }
  if (now.status === 'requires_action') throw new ProviderOutcomeUnknownError(`${intent.id} could not be cancelled`);
  return now;
}
