import { invalidRequest, noSuch } from './answers.ts';
import { readParameters } from './parameters.ts';
import type { Handler, StripeRequest } from './request.ts';
import { newObjectId, unixNow, type PaymentMethod } from './store.ts';
import { TEST_CARDS, type IssuerSays } from './test-cards.ts';

const SPENT =
  'The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, or was detached from a Customer. It may not be used again. To use a PaymentMethod multiple times, you must attach it to a Customer first.';

/** GET /v1/payment_methods/:id; a test token stands for a card of its own each time, as with Stripe. */
export const retrievePaymentMethod: Handler = (request) => {
  readParameters(request.form, ['expand']);
  const method = findPaymentMethod(request, request.id);
  if (!method) throw noSuch('PaymentMethod', request.id, 'payment_method');
  return { status: 200, body: shown(method) };
};

/** POST /v1/payment_methods/:id/detach */
export const detachPaymentMethod: Handler = (request) => {
  readParameters(request.form, ['expand']);
  const method = request.store.get('payment_method', request.id);
  if (!method) throw noSuch('PaymentMethod', request.id, 'payment_method');
  if (method.customer === null) {
    throw invalidRequest('The payment method you provided is not attached to a customer so detachment is impossible.');
  }
  const detached = { ...method, customer: null, spent: true };
  request.put(detached);
  return { status: 200, body: shown(detached) };
};

/** The payment method behind an id or a test token; a token makes a new one. */
export function findPaymentMethod({ store, put }: StripeRequest, id: string): PaymentMethod | undefined {
  const known = store.get('payment_method', id);
  if (known) return known;
  const card = TEST_CARDS.get(id);
  if (!card) return undefined;
  const today = new Date();
  const { brand, last4, funding } = card;
  const method: PaymentMethod = {
    id: newObjectId('payment_method'),
    object: 'payment_method',
    created: unixNow(),
    type: 'card',
    customer: null,
    card: { brand, last4, funding, exp_month: today.getUTCMonth() + 1, exp_year: today.getUTCFullYear() + 3 },
    token: id,
    spent: false,
  };
  put(method);
  return method;
}

/** The payment method that a customer wants to use, or Stripe's reason why not. */
export function usablePaymentMethod(request: StripeRequest, id: string, customer: string | null): PaymentMethod {
  const method = findPaymentMethod(request, id);
  if (!method) throw noSuch('PaymentMethod', id, 'payment_method', 400);
  if (method.customer !== null && method.customer !== customer) {
    throw invalidRequest(
      `The PaymentMethod provided (${method.id}) belongs to a Customer. Please include the Customer in the customer parameter.`,
      { param: 'payment_method' },
    );
  }
  if (method.spent) throw invalidRequest(SPENT, { param: 'payment_method' });
  return method;
}

/** What the issuer of a card says. */
export function issuerOf({ token }: PaymentMethod): IssuerSays {
  return TEST_CARDS.get(token)!.issuer;
}

/** A payment method in Stripe's form. */
export function shown({ token: _token, spent: _spent, ...method }: PaymentMethod): unknown {
  return { ...method, billing_details: {}, livemode: false, metadata: {} };
}
