import { invalidRequest, noSuch, StripeError } from './answers.ts';
import { readParameters, type Parameters } from './parameters.ts';
import type { Handler, StripeRequest } from './request.ts';
import { shownRefund } from './shown.ts';
import { newObjectId, unixNow, type Charge, type PaymentMethod, type Refund, type RefundStep } from './store.ts';

const PARAMETERS = ['payment_intent', 'charge', 'amount', 'reason', 'metadata', 'expand'];

/** Stripe documents two cards whose refunds are not done at once (https://docs.stripe.com/testing#refunds). All others are. */
const STARTS: ReadonlyMap<string, { status: Refund['status']; steps: RefundStep[] }> = new Map([
  ['pm_card_pendingRefund', { status: 'pending', steps: [{ status: 'succeeded' }] }],
  ['pm_card_refundFail', { status: 'succeeded', steps: [failed('expired_or_canceled_card')] }],
]);

/** POST /v1/refunds: of a charge, in part or whole; never more than is left of it. */
export const createRefund: Handler = (request) => {
  const parameters = readParameters(request.form, PARAMETERS);
  const charge = chargeOf(request, parameters);
  if (charge.amount_refunded >= charge.amount) {
    throw invalidRequest(`Charge ${charge.id} has already been refunded.`, { code: 'charge_already_refunded' });
  }
  const left = charge.amount - charge.amount_refunded;
  const amount = parameters.integer('amount') ?? left;
  if (amount < 1) {
    throw invalidRequest('Invalid positive integer', { code: 'parameter_invalid_integer', param: 'amount' });
  }
  if (amount > left) {
    const message = `Refund amount (${amount}) is greater than unrefunded amount on charge (${left})`;
    throw new StripeError(400, { type: 'invalid_request_error', message, param: 'amount' });
  }
  // A charge has its payment method, as long as there are charges.
  const card = request.store.get('payment_method', charge.payment_method)!;
  const start = startOf(request, card);
  const refund: Refund = {
    id: newObjectId('refund'),
    object: 'refund',
    created: unixNow(),
    amount,
    charge: charge.id,
    currency: charge.currency,
    failure_balance_transaction: null,
    failure_reason: null,
    metadata: parameters.metadata(),
    payment_intent: charge.payment_intent,
    reason: parameters.text('reason') ?? null,
    ...start,
  };
  request.put(refund);
  request.put({ ...charge, amount_refunded: charge.amount_refunded + amount });
  return { status: 200, body: shownRefund(refund) };
};

/** GET /v1/refunds/:id */
export const retrieveRefund: Handler = ({ store, id, form }) => {
  readParameters(form, ['expand']);
  const refund = store.get('refund', id);
  if (!refund) throw noSuch('refund', id, 'id');
  return { status: 200, body: shownRefund(refund) };
};

/** The refund after a step, and its charge, of which a refund that failed takes nothing. */
export function stepRefund(refund: Refund, charge: Charge, step: RefundStep): [Refund, Charge] {
  if (step.status !== 'failed') return [{ ...refund, status: step.status }, charge];
  const back = refund.status === 'failed' ? 0 : refund.amount;
  return [
    {
      ...refund,
      status: 'failed',
      failure_balance_transaction: `txn_${refund.id.slice(3)}`,
      failure_reason: step.reason,
    },
    { ...charge, amount_refunded: charge.amount_refunded - back },
  ];
}

function chargeOf({ store }: StripeRequest, parameters: Parameters): Charge {
  const [intentId, chargeId] = [parameters.text('payment_intent'), parameters.text('charge')];
  if ((intentId === undefined) === (chargeId === undefined)) {
    throw invalidRequest('One of the following params should be provided for this request: payment_intent or charge.');
  }
  const intent = intentId === undefined ? undefined : store.get('payment_intent', intentId);
  if (intentId !== undefined && !intent) throw noSuch('payment_intent', intentId, 'payment_intent', 400);
  const id = chargeId ?? intent?.latest_charge;
  const charge = id ? store.get('charge', id) : undefined;
  if (chargeId !== undefined && !charge) throw noSuch('charge', chargeId, 'charge', 400);
  if (charge?.status !== 'succeeded') {
    throw invalidRequest(`This PaymentIntent (${intentId ?? chargeId}) does not have a successful charge to refund.`);
  }
  // Written by an older simulator, which knew no refunds.
  return { ...charge, amount_refunded: charge.amount_refunded ?? 0 };
}

function startOf(request: StripeRequest, { token }: PaymentMethod): Pick<Refund, 'status' | 'next'> {
  if (request.holdsPayments) return { status: 'pending', next: null };
  const start = STARTS.get(token);
  if (!start) return { status: 'succeeded', next: null };
  return { status: start.status, next: { at: Date.now() + request.payoutStepMs, steps: start.steps } };
}

function failed(reason: string): RefundStep {
  return { status: 'failed', reason };
}
