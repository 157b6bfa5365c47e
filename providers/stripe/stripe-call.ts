import Stripe from 'stripe';
import { systemCode } from '../../platform/start-error.ts';
import { ProviderOutcomeUnknownError } from '../card-provider.ts';

/** The name under which what Stripe does carries the transfer it is done for. */
export const TRANSFER_ID = 'transfer_id';
/** Stripe may forget an idempotency key after a day. Some hours less, so that no clock has to be right. */
export const KEY_LIFE_MS = 20 * 3_600_000;
const NO_CONNECTION = ['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN'];

/**
 * One call to Stripe that ends with the signal. The SDK knows no signals: when the time is up its request is left behind,
 * and what it may still bring is dropped, as if the answer had been lost on the way.
 */
export async function callStripe<Answer>(call: () => Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  if (signal.aborted) throw new ProviderOutcomeUnknownError('there was no time left to ask Stripe');
  return new Promise<Answer>((resolve, reject) => {
    const giveUp = () => reject(new ProviderOutcomeUnknownError('Stripe did not answer in time'));
    signal.addEventListener('abort', giveUp, { once: true });
    call()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', giveUp));
  });
}

/**
 * The error of a call after which nobody can say what Stripe did. The SDK's own errors are not handed on as a cause: they
 * carry whole answers and headers, which have no place in a log.
 */
export function unknownOutcome(error: unknown): Error {
  if (error instanceof ProviderOutcomeUnknownError) return error;
  if (!(error instanceof Stripe.errors.StripeError)) {
    return new ProviderOutcomeUnknownError('the call to Stripe broke off', { cause: error });
  }
  const told = [error.type, error.statusCode, error.code, error.requestId].filter(Boolean).join(', ');
  return new ProviderOutcomeUnknownError(`Stripe did not say what became of it (${told})`);
}

/** Nothing was looked at: there was no connection, or Stripe turned the bank away at the door. */
export function neverArrived(error: unknown): boolean {
  if (error instanceof Stripe.errors.StripeConnectionError)
    return NO_CONNECTION.includes(systemCode(error.detail) ?? '');
  return (
    error instanceof Stripe.errors.StripeAuthenticationError ||
    error instanceof Stripe.errors.StripePermissionError ||
    error instanceof Stripe.errors.StripeRateLimitError
  );
}

/** Stripe's code for a request that it refused; where it gives none, the parameter it names. */
export function codeOf({ code, param, rawType }: Stripe.errors.StripeError): string {
  return code ?? (param ? `invalid_${param}` : (rawType ?? 'refused'));
}
