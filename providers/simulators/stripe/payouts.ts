import { invalidRequest, noSuch } from './answers.ts';
import { checkAmount } from './amounts.ts';
import { readParameters } from './parameters.ts';
import type { Handler } from './request.ts';
import { shownPayout } from './shown.ts';
import { newObjectId, unixNow, type PaymentMethod, type Payout, type PayoutStep } from './store.ts';

const PARAMETERS = [
  'amount', 'currency', 'description', 'destination', 'method', 'metadata', 'statement_descriptor', 'expand',
]; // prettier-ignore

/** What the account begins with in every currency: a payout of more is refused. Stripe's units. */
export const BALANCE = 900_000;
const MAX_DESCRIPTOR = 22;
const DAY_SECONDS = 86_400;

/**
 * What comes of a payout to the card behind a test token. Stripe documents no such tokens for payouts to cards; these say the
 * same about a card as they do when it is charged. All others are paid.
 */
const FAILING: ReadonlyMap<string, PayoutStep> = new Map([
  ['pm_card_chargeDeclined', failed('declined', 'The bank has declined this transfer.')],
  ['pm_card_visa_chargeDeclined', failed('declined', 'The bank has declined this transfer.')],
  ['pm_card_chargeDeclinedLostCard', failed('declined', 'The bank has declined this transfer.')],
  [
    'pm_card_chargeDeclinedExpiredCard',
    failed('unsupported_card', 'The bank no longer supports payouts to this card.'),
  ],
  ['pm_card_chargeDeclinedProcessingError', failed('could_not_process', 'The bank could not process this transfer.')],
]);
/** Paid at first, and given back by the card's bank later. */
const COMING_BACK = 'pm_card_chargeCustomerFail';

/** POST /v1/payouts */
export const createPayout: Handler = (request) => {
  const parameters = readParameters(request.form, PARAMETERS);
  parameters.required('amount');
  // required() saw that it is there.
  const amount = parameters.integer('amount')!;
  const currency = parameters.required('currency');
  checkAmount(amount, currency);
  const destination = parameters.required('destination');
  const card = request.store.get('payment_method', destination);
  if (!card || card.spent) throw noSuch('external account', destination, 'destination', 400);
  const method = parameters.text('method') ?? 'standard';
  if (method !== 'instant' && method !== 'standard')
    throw invalidRequest(`Invalid method: ${method}`, { param: 'method' });
  const descriptor = parameters.text('statement_descriptor') ?? null;
  if (descriptor !== null && descriptor.length > MAX_DESCRIPTOR) {
    throw invalidRequest('The statement descriptor must be at most 22 characters.', { param: 'statement_descriptor' });
  }
  if (amount > BALANCE) {
    throw invalidRequest('You have insufficient funds in your Stripe account for this transfer.', {
      code: 'balance_insufficient',
    });
  }
  const payout: Payout = {
    id: newObjectId('payout'),
    object: 'payout',
    created: unixNow(),
    amount,
    arrival_date: unixNow() + (method === 'instant' ? 0 : 2 * DAY_SECONDS),
    automatic: false,
    currency,
    description: parameters.text('description') ?? null,
    destination,
    failure_balance_transaction: null,
    failure_code: null,
    failure_message: null,
    metadata: parameters.metadata(),
    method,
    statement_descriptor: descriptor,
    status: 'pending',
    next: request.holdsPayments ? null : { at: Date.now() + request.payoutStepMs, steps: stepsOf(card) },
  };
  request.put(payout);
  return { status: 200, body: shownPayout(payout) };
};

/** GET /v1/payouts/:id */
export const retrievePayout: Handler = ({ store, id, form }) => {
  readParameters(form, ['expand']);
  const payout = store.get('payout', id);
  if (!payout) throw noSuch('payout', id, 'payout');
  return { status: 200, body: shownPayout(payout) };
};

/** GET /v1/balance */
export const retrieveBalance: Handler = ({ store, form }) => {
  readParameters(form, ['expand']);
  const balances = new Map([['usd', BALANCE]]);
  for (const { currency, net } of store.list('balance_transaction')) {
    balances.set(currency, (balances.get(currency) ?? BALANCE) + net);
  }
  const available = [...balances].map(([currency, amount]) => ({ amount, currency, source_types: { card: amount } }));
  return { status: 200, body: { object: 'balance', available, pending: [], livemode: false } };
};

/** The payout after its next step. */
export function stepPayout(payout: Payout, step: PayoutStep): Payout {
  if (step.status !== 'failed') return { ...payout, status: step.status };
  return {
    ...payout,
    status: 'failed',
    failure_balance_transaction: `txn_${payout.id.slice(3)}`,
    failure_code: step.code,
    failure_message: step.message,
  };
}

/** What is due by now, one step each. */
export function duePayouts(payouts: readonly Payout[], now: number, payoutStepMs: number): Payout[] {
  return payouts.flatMap((payout) => {
    const { next } = payout;
    if (next === null || next.at > now) return [];
    const [step, ...steps] = next.steps;
    if (!step) return [{ ...payout, next: null }];
    return [{ ...stepPayout(payout, step), next: steps.length > 0 ? { at: now + payoutStepMs, steps } : null }];
  });
}

function stepsOf({ token }: PaymentMethod): PayoutStep[] {
  const last = FAILING.get(token);
  if (last) return [{ status: 'in_transit' }, last];
  const back = token === COMING_BACK ? [failed('could_not_process', 'The bank returned this transfer.')] : [];
  return [{ status: 'in_transit' }, { status: 'paid' }, ...back];
}

function failed(code: string, message: string): PayoutStep {
  return { status: 'failed', code, message };
}
