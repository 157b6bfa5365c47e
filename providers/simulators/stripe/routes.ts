import { createCustomer, retrieveCustomer } from './customers.ts';
import {
  listBalanceTransactions,
  listCharges,
  listEvents,
  listPaymentIntents,
  listPayouts,
  listRefunds,
  searchCustomers,
  searchPaymentIntents,
} from './lists.ts';
import { cancelPaymentIntent, createPaymentIntent, retrievePaymentIntent } from './payment-intents.ts';
import { detachPaymentMethod, retrievePaymentMethod } from './payment-methods.ts';
import { createPayout, retrieveBalance, retrievePayout } from './payouts.ts';
import { createRefund, retrieveRefund } from './refunds.ts';
import type { Handler } from './request.ts';
import { createSetupIntent } from './setup-intents.ts';

/** The endpoints, the more particular before the more general. `:id` stands for one object. */
const ENDPOINTS: readonly [method: 'GET' | 'POST', path: string, handler: Handler][] = [
  ['POST', '/v1/customers', createCustomer],
  ['GET', '/v1/customers/search', searchCustomers],
  ['GET', '/v1/customers/:id', retrieveCustomer],
  ['GET', '/v1/payment_methods/:id', retrievePaymentMethod],
  ['POST', '/v1/payment_methods/:id/detach', detachPaymentMethod],
  ['POST', '/v1/setup_intents', createSetupIntent],
  ['POST', '/v1/payment_intents', createPaymentIntent],
  ['GET', '/v1/payment_intents', listPaymentIntents],
  ['GET', '/v1/payment_intents/search', searchPaymentIntents],
  ['GET', '/v1/payment_intents/:id', retrievePaymentIntent],
  ['POST', '/v1/payment_intents/:id/cancel', cancelPaymentIntent],
  ['GET', '/v1/charges', listCharges],
  ['GET', '/v1/balance', retrieveBalance],
  ['GET', '/v1/balance_transactions', listBalanceTransactions],
  ['POST', '/v1/payouts', createPayout],
  ['GET', '/v1/payouts', listPayouts],
  ['GET', '/v1/payouts/:id', retrievePayout],
  ['POST', '/v1/refunds', createRefund],
  ['GET', '/v1/refunds', listRefunds],
  ['GET', '/v1/refunds/:id', retrieveRefund],
  ['GET', '/v1/events', listEvents],
];

const ROUTES = ENDPOINTS.map(([method, path, handler]) => ({
  method,
  pattern: new RegExp(`^${path.replace(':id', '([A-Za-z0-9_]+)')}$`),
  handler,
}));

/** Who answers a request, and the id in its path; null when nobody does. */
export function findRoute(method: string, path: string): { handler: Handler; id: string } | null {
  for (const route of ROUTES) {
    const match = route.method === method ? route.pattern.exec(path) : null;
    if (match) return { handler: route.handler, id: match[1] ?? '' };
  }
  return null;
}
