import { invalidRequest, noSuch } from './answers.ts';
import type { Form } from './form.ts';
import { readParameters, type Parameters } from './parameters.ts';
import type { Handler, StripeRequest } from './request.ts';
import { shownCharge, shownIntent, shownPayout, shownRefund } from './shown.ts';
import type {
  BalanceTransaction,
  Charge,
  Customer,
  PaymentIntent,
  Payout,
  Refund,
  Store,
  StripeEvent,
} from './store.ts';

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 100;

type Listed = BalanceTransaction | PaymentIntent | Charge | Payout | Refund | StripeEvent;
type Searched = PaymentIntent | Customer;

/** GET /v1/payment_intents, newest first */
export const listPaymentIntents: Handler = (request) => {
  const parameters = readParameters(request.form, ['limit', 'starting_after', 'created', 'customer', 'expand']);
  const customer = parameters.text('customer');
  const intents = request.store
    .list('payment_intent')
    .filter((intent) => customer === undefined || intent.customer === customer);
  return page(request, parameters, '/v1/payment_intents', intents, shownIntent);
};

/** GET /v1/charges, newest first */
export const listCharges: Handler = (request) => {
  const parameters = readParameters(request.form, ['limit', 'starting_after', 'created', 'payment_intent', 'expand']);
  const intent = parameters.text('payment_intent');
  const charges = request.store
    .list('charge')
    .filter((charge) => intent === undefined || charge.payment_intent === intent);
  return page(request, parameters, '/v1/charges', charges, shownCharge);
};

/** GET /v1/refunds, newest first */
export const listRefunds: Handler = (request) => {
  const known = ['limit', 'starting_after', 'created', 'payment_intent', 'charge', 'expand'];
  const parameters = readParameters(request.form, known);
  const [intent, charge] = [parameters.text('payment_intent'), parameters.text('charge')];
  const refunds = request.store
    .list('refund')
    .filter((refund) => intent === undefined || refund.payment_intent === intent)
    .filter((refund) => charge === undefined || refund.charge === charge);
  return page(request, parameters, '/v1/refunds', refunds, shownRefund);
};

/** GET /v1/payouts, newest first */
export const listPayouts: Handler = (request) => {
  const parameters = readParameters(request.form, ['limit', 'starting_after', 'created', 'status', 'expand']);
  const status = parameters.text('status');
  const payouts = request.store.list('payout').filter((payout) => status === undefined || payout.status === status);
  return page(request, parameters, '/v1/payouts', payouts, shownPayout);
};

/** GET /v1/events, newest first */
export const listEvents: Handler = (request) => {
  const parameters = readParameters(request.form, ['limit', 'starting_after', 'created', 'type', 'types', 'expand']);
  const type = parameters.text('type');
  const types = typesOf(request.form['types']) ?? (type === undefined ? null : [type]);
  const events = request.store.list('event').filter((event) => types?.includes(event.type) ?? true);
  return page(request, parameters, '/v1/events', events, (event) => ({ ...event, livemode: false }));
};

/** GET /v1/balance_transactions, newest first; `expand[]=data.source` shows what moved the money */
export const listBalanceTransactions: Handler = (request) => {
  const parameters = readParameters(request.form, ['limit', 'starting_after', 'created', 'type', 'expand']);
  const type = parameters.text('type');
  const found = request.store
    .list('balance_transaction')
    .filter((transaction) => type === undefined || transaction.type === type);
  const expands = JSON.stringify(request.form['expand'] ?? '').includes('data.source');
  return page(request, parameters, '/v1/balance_transactions', found, (transaction) => ({
    ...transaction,
    ...(expands && { source: sourceOf(request.store, transaction.source) }),
  }));
};

function sourceOf(store: Store, id: string): unknown {
  const [payout, refund] = [store.get('payout', id), store.get('refund', id)];
  if (payout) return shownPayout(payout);
  return refund ? shownRefund(refund) : store.get('charge', id);
}

/** GET /v1/payment_intents/search */
export const searchPaymentIntents: Handler = (request) =>
  search(request, '/v1/payment_intents/search', request.store.list('payment_intent'), shownIntent);

/** GET /v1/customers/search */
export const searchCustomers: Handler = (request) =>
  search(request, '/v1/customers/search', request.store.list('customer'), (customer) => customer);

function page<Object extends Listed>(
  { form }: StripeRequest,
  parameters: Parameters,
  url: string,
  objects: Object[],
  show: (object: Object) => unknown,
) {
  const within = createdWithin(form['created']);
  const matching = objects.filter(({ created }) => within(created));
  const after = parameters.text('starting_after');
  const begin = after === undefined ? 0 : matching.findIndex(({ id }) => id === after) + 1;
  if (after !== undefined && begin === 0) throw noSuch('object', after, 'starting_after', 400);
  const limit = limitOf(parameters);
  const data = matching.slice(begin, begin + limit).map(show);
  return { status: 200, body: { object: 'list', url, has_more: begin + limit < matching.length, data } };
}

function search<Object extends Searched>(
  { form, store, searchLagMs }: StripeRequest,
  url: string,
  objects: Object[],
  show: (object: Object) => unknown,
) {
  const parameters = readParameters(form, ['query', 'limit', 'page', 'expand']);
  const wanted = readQuery(parameters.required('query'));
  const limit = limitOf(parameters);
  const begin = Number(parameters.text('page') ?? '0');
  // Stripe's search lags behind: what has just changed it does not know.
  const known = objects.filter(({ id }) => store.changedAt(id) <= Date.now() - searchLagMs);
  const matching = known.filter(({ metadata }) => wanted.every(([name, value]) => metadata[name] === value));
  const more = begin + limit < matching.length;
  return {
    status: 200,
    body: {
      object: 'search_result',
      url,
      has_more: more,
      next_page: more ? String(begin + limit) : null,
      data: matching.slice(begin, begin + limit).map(show),
    },
  };
}

/** The part of Stripe's query language that asks for metadata: metadata['a']:'b' AND metadata['c']:'d'. */
function readQuery(query: string): [name: string, value: string][] {
  return query.split(/\s+AND\s+/).map((clause) => {
    const match = /^metadata\[(['"])([^'"]+)\1\]:(['"])([^'"]*)\3$/.exec(clause.trim());
    if (!match) {
      throw invalidRequest(
        `We were unable to parse your search query: ${query}. This simulator searches by metadata alone.`,
        {
          param: 'query',
        },
      );
    }
    return [match[2]!, match[4]!];
  });
}

/** `types[]=a&types[]=b`, or with places: `types[0]=a`. */
function typesOf(given: string | Form | undefined): string[] | null {
  if (given === undefined) return null;
  if (typeof given === 'string') throw invalidRequest('Invalid array', { param: 'types' });
  return Object.values(given).filter((type) => typeof type === 'string');
}

function limitOf(parameters: Parameters): number {
  const limit = parameters.integer('limit') ?? DEFAULT_LIMIT;
  if (limit < 1 || limit > MAX_LIMIT) {
    throw invalidRequest('Invalid limit: must be between 1 and 100', {
      code: 'parameter_invalid_integer',
      param: 'limit',
    });
  }
  return limit;
}

function createdWithin(created: string | Form | undefined): (at: number) => boolean {
  if (created === undefined) return () => true;
  if (typeof created === 'string') return (at) => at === Number(created);
  const bounds = readParameters(created, ['gt', 'gte', 'lt', 'lte']);
  const { gt, gte, lt, lte } = {
    gt: bounds.integer('gt') ?? -Infinity,
    gte: bounds.integer('gte') ?? -Infinity,
    lt: bounds.integer('lt') ?? Infinity,
    lte: bounds.integer('lte') ?? Infinity,
  };
  return (at) => at > gt && at >= gte && at < lt && at <= lte;
}
