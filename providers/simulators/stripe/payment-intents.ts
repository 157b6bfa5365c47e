import { invalidRequest, noSuch, StripeError, type Answer, type StripeFault } from './answers.ts';
import { checkAmount } from './amounts.ts';
import { readParameters, type Parameters } from './parameters.ts';
import { issuerOf, shown, usablePaymentMethod } from './payment-methods.ts';
import type { Handler, StripeRequest } from './request.ts';
import { shownIntent } from './shown.ts';
import { newObjectId, unixNow, type Charge, type PaymentIntent, type PaymentMethod } from './store.ts';

const PARAMETERS = [
  'amount', 'currency', 'customer', 'payment_method', 'automatic_payment_methods', 'confirm', 'off_session',
  'setup_future_usage', 'error_on_requires_action', 'metadata', 'expand',
]; // prettier-ignore

/** POST /v1/payment_intents */
export const createPaymentIntent: Handler = (request) => {
  const parameters = readParameters(request.form, PARAMETERS);
  parameters.required('amount');
  // required() saw that it is there.
  const amount = parameters.integer('amount')!;
  const currency = parameters.required('currency');
  checkAmount(amount, currency);
  checkPresence(parameters);
  const customer = parameters.text('customer') ?? null;
  if (customer !== null && !request.store.get('customer', customer)) {
    throw noSuch('customer', customer, 'customer', 400);
  }
  const method = usablePaymentMethod(request, parameters.required('payment_method'), customer);
  const intent: PaymentIntent = {
    id: newObjectId('payment_intent'),
    object: 'payment_intent',
    created: unixNow(),
    amount,
    amount_received: 0,
    currency,
    customer,
    payment_method: method.id,
    latest_charge: null,
    last_payment_error: null,
    next_action: null,
    canceled_at: null,
    cancellation_reason: null,
    setup_future_usage: parameters.text('setup_future_usage') ?? null,
    status: 'requires_confirmation',
    metadata: parameters.metadata(),
  };
  if (!parameters.flag('confirm')) return save(request, intent);
  return confirm(request, intent, method, parameters);
};

/** GET /v1/payment_intents/:id */
export const retrievePaymentIntent: Handler = ({ store, id, form }) => {
  readParameters(form, ['expand']);
  const intent = store.get('payment_intent', id);
  if (!intent) throw noSuch('payment_intent', id, 'intent');
  return { status: 200, body: shownIntent(intent) };
};

/** POST /v1/payment_intents/:id/cancel */
export const cancelPaymentIntent: Handler = (request) => {
  const parameters = readParameters(request.form, ['cancellation_reason', 'expand']);
  const intent = request.store.get('payment_intent', request.id);
  if (!intent) throw noSuch('payment_intent', request.id, 'intent');
  if (intent.status === 'succeeded' || intent.status === 'processing' || intent.status === 'canceled') {
    throw new StripeError(400, {
      type: 'invalid_request_error',
      code: 'payment_intent_unexpected_state',
      message: `You cannot cancel this PaymentIntent because it has a status of ${intent.status}.`,
      payment_intent: shownIntent(intent),
    });
  }
  return save(request, {
    ...intent,
    status: 'canceled',
    canceled_at: unixNow(),
    cancellation_reason: parameters.text('cancellation_reason') ?? null,
    next_action: null,
  });
};

/** What an issuer said in the end to a payment that was held back. */
export function settlePayment(intent: PaymentIntent, charge: Charge, succeeds: boolean): [PaymentIntent, Charge] {
  if (succeeds) {
    return [
      { ...intent, status: 'succeeded', amount_received: intent.amount },
      { ...charge, status: 'succeeded', paid: true },
    ];
  }
  const fault: StripeFault = {
    type: 'card_error',
    code: 'card_declined',
    decline_code: 'generic_decline',
    message: 'Your card was declined.',
  };
  return [
    { ...intent, status: 'requires_payment_method', payment_method: null, last_payment_error: fault },
    { ...charge, status: 'failed', failure_code: 'card_declined', failure_message: fault.message },
  ];
}

function checkPresence(parameters: Parameters): void {
  const alone = parameters.flag('off_session');
  if (alone && !parameters.flag('confirm')) {
    throw invalidRequest('off_session can only be used with confirm=true.', { param: 'off_session' });
  }
  if (alone && parameters.text('setup_future_usage') !== undefined) {
    throw invalidRequest(
      'You cannot confirm with the `off_session` parameter when `setup_future_usage` is also set on the PaymentIntent because you cannot set up future usages when processing payments off-session.',
      { param: 'off_session' },
    );
  }
}

function confirm(request: StripeRequest, intent: PaymentIntent, method: PaymentMethod, parameters: Parameters): Answer {
  const issuer = issuerOf(method);
  if (issuer.says === 'YES') return charge(request, intent, method);
  if (issuer.says === 'NO') {
    const { code, reason, message } = issuer;
    return decline(request, intent, method, { type: 'card_error', code, decline_code: reason, message });
  }
  if (parameters.flag('off_session')) {
    return decline(request, intent, method, {
      type: 'card_error',
      code: 'authentication_required',
      decline_code: 'authentication_required',
      message: 'Your card was declined. This transaction requires authentication.',
    });
  }
  if (parameters.flag('error_on_requires_action')) {
    return decline(request, intent, method, {
      type: 'card_error',
      code: 'card_declined',
      decline_code: 'authentication_not_handled',
      message: 'This payment required an authentication action to complete, but `error_on_requires_action` was set.',
    });
  }
  return save(request, { ...intent, status: 'requires_action', next_action: { type: 'use_stripe_sdk' } });
}

function charge(request: StripeRequest, intent: PaymentIntent, method: PaymentMethod): Answer {
  const held = request.holdsPayments;
  const made = newCharge(intent, method, held ? 'pending' : 'succeeded');
  request.put(made);
  if (method.customer === null) {
    // Kept for the customer when that was asked for, else used up.
    const kept = intent.customer !== null && intent.setup_future_usage !== null;
    request.put(kept ? { ...method, customer: intent.customer } : { ...method, spent: true });
  }
  return save(request, {
    ...intent,
    latest_charge: made.id,
    status: held ? 'processing' : 'succeeded',
    amount_received: held ? 0 : intent.amount,
  });
}

function decline(request: StripeRequest, intent: PaymentIntent, method: PaymentMethod, fault: StripeFault): Answer {
  const made: Charge = {
    ...newCharge(intent, method, 'failed'),
    failure_code: fault.code ?? null,
    failure_message: fault.message,
  };
  request.put(made);
  const said: StripeFault = { ...fault, charge: made.id, payment_method: shown(method) };
  const failed: PaymentIntent = {
    ...intent,
    latest_charge: made.id,
    status: 'requires_payment_method',
    payment_method: null,
    last_payment_error: said,
  };
  request.put(failed);
  throw new StripeError(402, { ...said, payment_intent: shownIntent(failed) });
}

function newCharge(intent: PaymentIntent, method: PaymentMethod, status: Charge['status']): Charge {
  return {
    id: newObjectId('charge'),
    object: 'charge',
    created: unixNow(),
    amount: intent.amount,
    currency: intent.currency,
    customer: intent.customer,
    payment_intent: intent.id,
    payment_method: method.id,
    paid: status === 'succeeded',
    amount_refunded: 0,
    status,
    failure_code: null,
    failure_message: null,
    metadata: intent.metadata,
  };
}

function save(request: StripeRequest, intent: PaymentIntent): Answer {
  request.put(intent);
  return { status: 200, body: shownIntent(intent) };
}
