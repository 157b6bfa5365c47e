import { noSuch, StripeError } from './answers.ts';
import { readParameters } from './parameters.ts';
import { issuerOf, shown, usablePaymentMethod } from './payment-methods.ts';
import type { Handler } from './request.ts';
import { newObjectId, unixNow, type SetupIntent } from './store.ts';

const PARAMETERS = [
  'customer',
  'payment_method',
  'automatic_payment_methods',
  'usage',
  'confirm',
  'metadata',
  'expand',
];

/** POST /v1/setup_intents: asks the issuer whether a card may be kept, and on yes gives it to the customer. */
export const createSetupIntent: Handler = (request) => {
  const { store, form, put } = request;
  const parameters = readParameters(form, PARAMETERS);
  const customer = parameters.text('customer') ?? null;
  if (customer !== null && !store.get('customer', customer)) throw noSuch('customer', customer, 'customer', 400);
  const method = usablePaymentMethod(request, parameters.required('payment_method'), customer);
  const intent: SetupIntent = {
    id: newObjectId('setup_intent'),
    object: 'setup_intent',
    created: unixNow(),
    customer,
    payment_method: method.id,
    usage: parameters.text('usage') ?? 'off_session',
    status: 'requires_confirmation',
    metadata: parameters.metadata(),
  };
  if (!parameters.flag('confirm')) {
    put(intent);
    return { status: 200, body: { ...intent, livemode: false } };
  }
  const issuer = issuerOf(method);
  if (issuer.says === 'NO' && issuer.when === 'ALWAYS') {
    const failed: SetupIntent = { ...intent, status: 'requires_payment_method', payment_method: null };
    put(failed);
    throw new StripeError(402, {
      type: 'card_error',
      code: issuer.code,
      decline_code: issuer.reason,
      message: issuer.message,
      setup_intent: failed,
      payment_method: shown(method),
    });
  }
  if (issuer.says !== 'AUTHENTICATE' && customer !== null) put({ ...method, customer });
  const done: SetupIntent = { ...intent, status: issuer.says === 'AUTHENTICATE' ? 'requires_action' : 'succeeded' };
  put(done);
  return { status: 200, body: { ...done, livemode: false } };
};
