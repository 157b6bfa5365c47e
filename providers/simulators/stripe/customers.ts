import { noSuch } from './answers.ts';
import { readParameters } from './parameters.ts';
import type { Handler } from './request.ts';
import { newObjectId, unixNow, type Customer } from './store.ts';

/** POST /v1/customers */
export const createCustomer: Handler = ({ form, put }) => {
  const metadata = readParameters(form, ['metadata', 'expand']).metadata();
  const customer: Customer = { id: newObjectId('customer'), object: 'customer', created: unixNow(), metadata };
  put(customer);
  return { status: 200, body: { ...customer, livemode: false } };
};

/** GET /v1/customers/:id */
export const retrieveCustomer: Handler = ({ store, id, form }) => {
  readParameters(form, ['expand']);
  const customer = store.get('customer', id);
  if (!customer) throw noSuch('customer', id, 'id');
  return { status: 200, body: { ...customer, livemode: false } };
};
