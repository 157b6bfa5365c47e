import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '../../../tests/until.ts';
import { startStripeSimulator, type StripeSimulator } from './stripe-simulator.ts';

/* What goes over the wire, without the SDK in between. The adapter's tests show that the SDK reads it. */
const KEY = 'sk_test_simulatorTests01';
const directory = mkdtempSync(path.join(tmpdir(), 'dwaybank-simulator-'));
const file = path.join(directory, 'stripe.jsonl');
let simulator: StripeSimulator;

beforeAll(async () => {
  simulator = await startStripeSimulator({ file, secretKey: KEY, searchLagMs: 0 });
});
afterEach(() => simulator.calm());
afterAll(async () => {
  await simulator.close();
  rmSync(directory, { recursive: true });
});

interface Body {
  id: string;
  object: string;
  status: string;
  data: Body[];
  has_more: boolean;
  metadata: Record<string, string>;
  error: { type: string; code?: string; decline_code?: string; param?: string; message: string; payment_intent: Body };
}

interface Answer {
  status: number;
  headers: Headers;
  body: Body;
}

async function send(
  method: string,
  place: string,
  form?: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(simulator.url + place, {
    method,
    headers: {
      authorization: `Bearer ${KEY}`,
      ...(form !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
      ...headers,
    },
    ...(form !== undefined && { body: form }),
  });
  // Every answer of Stripe's is JSON.
  return { status: response.status, headers: response.headers, body: (await response.json()) as Body };
}

const post = (place: string, form = '', key?: string) =>
  send('POST', place, form, key === undefined ? {} : { 'idempotency-key': key });
const get = (place: string) => send('GET', place);

const VISA = 'amount=1000&currency=usd&payment_method=pm_card_visa&confirm=true';

describe('who asks', () => {
  test.each([
    ['no key', '', 'You did not provide an API key.'],
    ['another key', 'Bearer sk_test_someoneElse9999', 'Invalid API Key provided: sk_test_****9999'],
    ['basic credentials', 'Basic c2tfdGVzdA==', 'You did not provide an API key.'],
  ])('with %s is turned away', async (_what, authorization, message) => {
    const { status, body } = await send('GET', '/v1/charges', undefined, { authorization });
    expect([status, body.error.message]).toEqual([401, message]);
    const control = await send('GET', '/simulator/charges', undefined, { authorization });
    expect(control.status).toBe(401);
  });
});

describe('a request', () => {
  test('carries an id, and nested names', async () => {
    const { status, headers, body } = await post(
      '/v1/payment_intents',
      `${VISA}&metadata[transfer_id]=t-1&metadata%5Bnote%5D=a%20b%26c`,
    );
    expect(status).toBe(200);
    expect(headers.get('request-id')).toMatch(/^req_/);
    expect(body).toMatchObject({
      object: 'payment_intent',
      status: 'succeeded',
      metadata: { transfer_id: 't-1', note: 'a b&c' },
    });
    const [newest] = simulator.charges();
    expect(newest).toMatchObject({ transferId: 't-1', amount: 1000, status: 'succeeded' });
  });

  test.each([
    ['amount=1000', 'parameter_missing', 'currency'],
    ['currency=usd', 'parameter_missing', 'amount'],
    ['amount=10.5&currency=usd', 'parameter_invalid_integer', 'amount'],
    ['amount=&currency=usd', 'parameter_invalid_empty', 'amount'],
    ['amount=-1&currency=usd', 'parameter_invalid_integer', 'amount'],
    ['amount=1000&currency=usd&amonut=2', 'parameter_unknown', 'amonut'],
    ['amount=1000&currency=usd&payment_method_types[0]=card', 'parameter_unknown', 'payment_method_types'],
    ['amount[x]=1000&currency=usd', undefined, 'amount'],
    ['amount=1000&currency=zzz&payment_method=pm_card_visa', undefined, 'currency'],
    ['amount=1000&currency=usd&payment_method=pm_nope', 'resource_missing', 'payment_method'],
    ['amount=1000&currency=usd&payment_method=pm_card_visa&customer=cus_nope', 'resource_missing', 'customer'],
    ['amount=1000&currency=usd&payment_method=pm_card_visa&off_session=true', undefined, 'off_session'],
    [`${VISA}&off_session=true&setup_future_usage=off_session`, undefined, 'off_session'],
    [`${VISA}&metadata=x`, undefined, 'metadata'],
  ])('%s is refused', async (form, code, param) => {
    const before = simulator.charges().length;
    const { status, body } = await post('/v1/payment_intents', form);
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ type: 'invalid_request_error', param });
    expect(body.error.code).toBe(code);
    expect(simulator.charges()).toHaveLength(before);
  });

  test.each(['a[b=1', '[x]=1', `a${'[b]'.repeat(20)}=1`, 'a=1&a[b]=2'])('%s makes no sense', async (form) => {
    const { status } = await post('/v1/customers', form);
    expect(status).toBe(400);
  });

  test('in another form, too large, or to nowhere is refused', async () => {
    const json = await send('POST', '/v1/customers', '{}', { 'content-type': 'application/json' });
    expect(json.status).toBe(400);
    expect((await post('/v1/customers', `metadata[a]=${'x'.repeat(70_000)}`)).status).toBe(413);
    expect((await get('/v1/nothing')).status).toBe(404);
    expect((await send('DELETE', '/v1/customers/cus_1')).status).toBe(404);
    expect((await get('/v1/payment_methods/pm_nope')).body.error.code).toBe('resource_missing');
  });

  test('that is declined leaves a failed payment, and says so as Stripe does', async () => {
    const { status, body } = await post(
      '/v1/payment_intents',
      VISA.replace('pm_card_visa', 'pm_card_chargeDeclinedInsufficientFunds'),
    );
    expect(status).toBe(402);
    expect(body.error).toMatchObject({
      type: 'card_error',
      code: 'card_declined',
      decline_code: 'insufficient_funds',
      message: 'Your card has insufficient funds.',
      doc_url: 'https://stripe.com/docs/error-codes/card-declined',
      payment_intent: { status: 'requires_payment_method' },
    });
    const { body: intent } = await get(`/v1/payment_intents/${body.error.payment_intent.id}`);
    expect(intent).toMatchObject({ last_payment_error: { decline_code: 'insufficient_funds' } });
  });
});

describe('an idempotency key', () => {
  test('gives the first answer again, whatever the order of the parameters', async () => {
    const first = await post('/v1/payment_intents', `${VISA}&metadata[a]=1&metadata[b]=2`, 'again');
    const second = await post('/v1/payment_intents', `metadata[b]=2&metadata[a]=1&${VISA}`, 'again');
    expect(second.body).toEqual(first.body);
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect(second.headers.get('original-request')).toBe(first.headers.get('request-id'));
  });

  test('gives a decline again without trying a second time', async () => {
    const declining = VISA.replace('pm_card_visa', 'pm_card_chargeDeclined');
    const first = await post('/v1/payment_intents', declining, 'declined');
    const tried = simulator.charges().length;
    const second = await post('/v1/payment_intents', declining, 'declined');
    expect([second.status, second.body]).toEqual([402, first.body]);
    expect(simulator.charges()).toHaveLength(tried);
  });

  test('met with other parameters, or at another place, is refused', async () => {
    await post('/v1/payment_intents', VISA, 'mine');
    for (const other of [
      await post('/v1/payment_intents', VISA.replace('1000', '1001'), 'mine'),
      await post('/v1/customers', '', 'mine'),
    ]) {
      expect(other.status).toBe(400);
      expect(other.body.error.type).toBe('idempotency_error');
    }
  });

  test('met while its first request is under way is a conflict, and one charge comes of it', async () => {
    const before = simulator.charges().length;
    simulator.disturb({ effect: 'WAIT_BEFORE', times: 1 });
    const first = post('/v1/payment_intents', VISA, 'busy');
    await until('the first waits', () => simulator.waiting() === 1);
    const second = await post('/v1/payment_intents', VISA, 'busy');
    expect(second.status).toBe(409);
    expect(second.body.error).toMatchObject({ type: 'idempotency_error', code: 'idempotency_key_in_use' });
    simulator.calm();
    expect((await first).status).toBe(200);
    expect(simulator.charges()).toHaveLength(before + 1);
  });

  test('keeps nothing of a request whose parameters make no sense', async () => {
    expect((await post('/v1/payment_intents', 'amount=1000', 'retried')).status).toBe(400);
    expect((await post('/v1/payment_intents', VISA, 'retried')).status).toBe(200);
  });

  test('is at most 255 characters long', async () => {
    expect((await post('/v1/customers', '', 'k'.repeat(255))).status).toBe(200);
    expect((await post('/v1/customers', '', 'k'.repeat(256))).status).toBe(400);
  });
});

describe('what can be found', () => {
  test('lists newest first, page by page', async () => {
    const made: string[] = [];
    for (let n = 0; n < 5; n++) made.unshift((await post('/v1/payment_intents', VISA)).body.id);
    const first = await get('/v1/payment_intents?limit=3');
    expect(first.body.data.map(({ id }) => id)).toEqual(made.slice(0, 3));
    expect(first.body.has_more).toBe(true);
    const next = await get(`/v1/payment_intents?limit=2&starting_after=${made[2]!}`);
    expect(next.body.data.map(({ id }) => id)).toEqual(made.slice(3));
    const tomorrow = Math.floor(Date.now() / 1000) + 86_400;
    expect((await get(`/v1/payment_intents?created[gte]=${tomorrow}`)).body.data).toEqual([]);
    const { body } = await get(`/v1/charges?payment_intent=${made[0]!}`);
    expect(body.data).toMatchObject([{ object: 'charge', payment_intent: made[0], status: 'succeeded' }]);
  });

  test('is searched by metadata', async () => {
    const { body } = await post('/v1/payment_intents', `${VISA}&metadata[transfer_id]=wanted&metadata[x]=y`);
    const search = (query: string) => get(`/v1/payment_intents/search?query=${encodeURIComponent(query)}`);
    const found = await search('metadata[\'transfer_id\']:\'wanted\' AND metadata["x"]:"y"');
    expect(found.body.data.map(({ id }) => id)).toEqual([body.id]);
    expect((await search("metadata['transfer_id']:'want'")).body.data).toEqual([]);
    expect((await search("status:'succeeded'")).status).toBe(400);
  });

  test('is searched with the delay that Stripe’s search has', async () => {
    const late = path.join(directory, 'late.jsonl');
    const lagging = await startStripeSimulator({ file: late, secretKey: KEY, searchLagMs: 300 });
    const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/x-www-form-urlencoded' };
    await fetch(`${lagging.url}/v1/customers`, { method: 'POST', headers, body: 'metadata[owner_id]=o-1' });
    const search = async () => {
      const query = encodeURIComponent("metadata['owner_id']:'o-1'");
      const response = await fetch(`${lagging.url}/v1/customers/search?query=${query}`, { headers });
      return ((await response.json()) as Body).data.length;
    };
    expect(await search()).toBe(0);
    await until('the search knows', async () => (await search()) === 1);
    await lagging.close();
  });
});

/* Stripe's own example of each object, from its OpenAPI description. */
const EXAMPLES = '../shared/data/providers/stripe/fixtures3.json';

// Skipped where ../shared/data is absent.
(existsSync(EXAMPLES) ? test : test.skip)(
  'answers with fields that Stripe has, of the types that Stripe gives them',
  async () => {
    const { resources } = JSON.parse(readFileSync(EXAMPLES, 'utf8')) as { resources: Record<string, object> };
    const customer = (await post('/v1/customers', 'metadata[owner_id]=o')).body;
    const method = (await get('/v1/payment_methods/pm_card_visa')).body;
    const setup = (await post('/v1/setup_intents', `customer=${customer.id}&payment_method=${method.id}&confirm=true`))
      .body;
    const payment = (await post('/v1/payment_intents', VISA)).body;
    const charge = (await get(`/v1/charges?payment_intent=${payment.id}`)).body.data[0]!;
    const kindOf = (value: unknown) => (Array.isArray(value) ? 'array' : typeof value);
    for (const object of [customer, method, setup, payment, charge]) {
      const example = new Map<string, unknown>(Object.entries(resources[object.object]!));
      for (const [name, value] of Object.entries(object)) {
        expect([object.object, name, example.has(name)]).toEqual([object.object, name, true]);
        const theirs = example.get(name);
        if (value === null || theirs === null) continue;
        expect([object.object, name, kindOf(value)]).toEqual([object.object, name, kindOf(theirs)]);
      }
    }
  },
);

test('is controlled over HTTP as well', async () => {
  const control = (method: string, place: string, body?: unknown) =>
    send(method, `/simulator/${place}`, body === undefined ? undefined : JSON.stringify(body));
  expect((await control('POST', 'disturbances', { effect: 'PROCESSING', times: 1 })).status).toBe(200);
  const { body } = await post('/v1/payment_intents', VISA);
  expect(body.status).toBe('processing');
  expect((await control('POST', 'settlements', { payment_intent: body.id, succeeds: true })).status).toBe(200);
  expect((await control('POST', 'settlements', { payment_intent: body.id, succeeds: true })).status).toBe(404);
  expect((await get(`/v1/payment_intents/${body.id}`)).body.status).toBe('succeeded');
  const { body: told } = await control('GET', 'charges');
  expect(told).toMatchObject({ charges: simulator.charges(), waiting: 0 });

  expect((await control('POST', 'disturbances', { effect: 'UNAVAILABLE' })).status).toBe(200);
  expect((await get('/v1/charges')).status).toBe(503);
  expect((await control('DELETE', 'disturbances')).status).toBe(200);
  expect((await get('/v1/charges')).status).toBe(200);

  for (const nonsense of [{ effect: 'EXPLODE' }, { effect: 'DROP_AFTER', mood: 'bad' }, 'x']) {
    expect((await control('POST', 'disturbances', nonsense)).status).toBe(400);
  }
  expect((await control('GET', 'nothing')).status).toBe(404);
});

test('knows after a restart all that it knew, keys included', async () => {
  const first = await post('/v1/payment_intents', VISA, 'before the restart');
  const charges = simulator.charges();
  await simulator.close();
  simulator = await startStripeSimulator({ file, secretKey: KEY, searchLagMs: 0 });
  expect(simulator.charges()).toEqual(charges);
  const again = await post('/v1/payment_intents', VISA, 'before the restart');
  expect(again.body).toEqual(first.body);
  expect(again.headers.get('idempotent-replayed')).toBe('true');
  expect(simulator.charges()).toHaveLength(charges.length);
});
