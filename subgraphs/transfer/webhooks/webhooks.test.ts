import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { AccountId } from '../../../platform/ids.ts';
import { readBody } from '../../../platform/http-json.ts';
import { openTransferWorld, type Customer, type TransferWorld } from '../../../tests/transfer-world.ts';
import { until } from '../../../tests/until.ts';

interface Received {
  headers: IncomingHttpHeaders;
  text: string;
  body: { id: string; type: string; createdAt: string; data: Record<string, unknown> };
}

let world: TransferWorld;
let ada: Customer;
let ben: Customer;
let from: AccountId;
let to: AccountId;
let server: Server;
let url: string;
let received: Received[];
let answer: (response: ServerResponse, received: Received) => void;

beforeAll(async () => {
  world = await openTransferWorld();
  server = createServer((request, response) => {
    void readBody(request, 1_000_000).then((text) => {
      const event: Received = { headers: request.headers, text, body: JSON.parse(text) as Received['body'] };
      received.push(event);
      answer(response, event);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
});
beforeEach(async () => {
  received = [];
  answer = (response) => response.writeHead(204).end();
  // Customers of each test's own: nobody listens to another test.
  [ada, ben] = [await world.customer('Ada'), await world.customer('Ben')];
  from = await world.account(ada, 'USD', { funds: '100.00' });
  to = await world.account(ben);
});
afterAll(async () => {
  try {
    await world.proveBooks();
  } finally {
    await world.close();
    server.closeAllConnections();
    server.close();
  }
});

const ENDPOINT = 'id url eventTypes isActive inactiveReason';

async function mutate<Answer>(as: Customer, field: string, selection: string, args: string): Promise<Answer> {
  const { data, errors } = await world.execute(
    as,
    `mutation { ${field}(${args}) { ${selection} userErrors { code field } } }`,
  );
  if (errors) throw new Error(JSON.stringify(errors));
  return data![field] as Answer;
}

interface EndpointAnswer {
  endpoint: { id: string; url: string; eventTypes: string[]; isActive: boolean; inactiveReason: string | null } | null;
  secret: string | null;
  userErrors: { code: string }[];
}

function create(as: Customer, eventTypes: string, address = url): Promise<EndpointAnswer> {
  const args = `input: { url: ${JSON.stringify(address)}, eventTypes: [${eventTypes}] }`;
  return mutate(as, 'createWebhookEndpoint', `endpoint { ${ENDPOINT} } secret`, args);
}

async function pay(amount = '10.00', key = 'pay'): Promise<string> {
  const input = {
    idempotencyKey: key,
    source: { accountId: from },
    destination: { accountId: to },
    amount: { amount, currency: 'USD' },
  };
  const { data } = await world.execute(
    ada,
    'mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id eventId } } }',
    { input },
  );
  return (data!['createTransfer'] as { transfer: { id: string } }).transfer.id;
}

async function deliveries(
  as: Customer,
): Promise<{ eventId: string; status: string; attempts: number; lastStatus: number; lastError: string }[]> {
  const { data } = await world.execute(
    as,
    `query ($id: ID!) { _entities(representations: [{ __typename: "User", id: $id }]) { ... on User { webhookEndpoints {
       deliveries(first: 100) { edges { node { eventId status attempts lastStatus lastError } } } } } } }`,
    { id: as.userId },
  );
  const [user] = data!['_entities'] as { webhookEndpoints: { deliveries: { edges: { node: never }[] } }[] | null }[];
  return (user!.webhookEndpoints ?? []).flatMap(({ deliveries: { edges } }) => edges.map(({ node }) => node));
}

/** Makes what waits for its next attempt due now. */
const hurry = () =>
  world.admin.query(`UPDATE transfer.webhook_delivery SET next_attempt_at = now() WHERE status = 'PENDING'`);

describe('an address', () => {
  test('is told each step of a transfer and each version of a balance, signed, under the ids of live streams', async () => {
    const { secret, endpoint } = await create(ada, 'TRANSFER_UPDATED, BALANCE_UPDATED');
    expect(endpoint).toMatchObject({ url, eventTypes: ['BALANCE_UPDATED', 'TRANSFER_UPDATED'], isActive: true });
    const transferId = await pay();
    await until('all three are there', () => received.length >= 3);
    const byId = new Map(received.map((event) => [event.body.id, event]));
    expect([...byId.keys()].sort()).toEqual([`${transferId}:1`, `${transferId}:2`, `${from}:2`].sort());

    const balance = byId.get(`${from}:2`)!;
    expect(balance.body).toMatchObject({
      type: 'balance.updated',
      data: {
        accountId: from,
        balance: { posted: { amount: '90.00', currency: 'USD' }, available: { amount: '90.00' }, version: 2 },
        cause: { type: 'TRANSFER_OUT', amount: { amount: '-10.00' }, counterparty: 'Ben' },
      },
    });
    expect(balance.headers).toMatchObject({
      'dwaybank-event-id': `${from}:2`,
      'dwaybank-event-type': 'balance.updated',
    });
    const [, time, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(balance.headers['dwaybank-signature']))!;
    expect(signature).toBe(createHmac('sha256', secret!).update(`${time}.${balance.text}`).digest('hex'));
    expect(Math.abs(Date.now() / 1000 - Number(time))).toBeLessThan(300);

    expect(byId.get(`${transferId}:1`)!.body.data).toMatchObject({
      transfer: { status: 'INITIATED', source: { accountId: from } },
    });
    const { transfer } = byId.get(`${transferId}:2`)!.body.data as {
      transfer: { destination: object; status: string };
    };
    expect(transfer).toMatchObject({ status: 'COMPLETED' });
    // Of the other end only the label.
    expect(transfer.destination).toEqual({ label: 'Ben' });
  });

  test('is told of what happens to its owner alone, and only what it asked for', async () => {
    await create(ben, 'BALANCE_UPDATED');
    const eve = await world.customer('Eve');
    await create(eve, 'BALANCE_UPDATED, TRANSFER_UPDATED, RISK_ALERT_RAISED');
    await pay();
    await until('Ben is told', () => received.length > 0);
    expect(received.map(({ body }) => body.id)).toEqual([`${to}:1`]);
    expect(await deliveries(eve)).toEqual([]);
  });

  test('that fails is tried again, with the same id and body, until it answers with 2xx', async () => {
    await create(ada, 'BALANCE_UPDATED');
    answer = (response) => response.writeHead(received.length < 2 ? 500 : 200).end('ignored');
    await pay();
    await until('delivered at the second attempt', async () => (await deliveries(ada))[0]?.status === 'DELIVERED');
    expect(received).toHaveLength(2);
    expect(new Set(received.map(({ text }) => text)).size).toBe(1);
    expect(received.map(({ headers }) => headers['dwaybank-attempt'])).toEqual(['1', '2']);
    expect(await deliveries(ada)).toMatchObject([{ attempts: 2, lastStatus: 200, lastError: null }]);
  });

  test('that never answers well is given up after the last attempt, and nothing is lost: a replay sends it', async () => {
    const { endpoint } = await create(ada, 'BALANCE_UPDATED');
    answer = (response) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end();
    await pay();
    await until('the first attempt has failed', async () => (await deliveries(ada))[0]?.lastError);
    // Three days of attempts later.
    await world.admin.query(
      `UPDATE transfer.webhook_delivery SET attempts = 10, next_attempt_at = now() WHERE status = 'PENDING'`,
    );
    await until('given up', async () => (await deliveries(ada))[0]?.status === 'FAILED');
    // Redirects are not followed; ten pauses lie between eleven attempts.
    expect(await deliveries(ada)).toMatchObject([{ attempts: 11, lastStatus: 302, lastError: 'answered 302' }]);
    answer = (response) => response.writeHead(200).end();
    const replayed = await mutate<{ count: number }>(
      ada,
      'replayWebhooks',
      'count',
      `input: { endpointId: "${endpoint!.id}" }`,
    );
    expect(replayed.count).toBe(1);
    await until('delivered', async () => (await deliveries(ada))[0]?.status === 'DELIVERED');
  });

  test('is replayed from a known event on, in the order of what happened', async () => {
    const { endpoint } = await create(ada, 'BALANCE_UPDATED');
    for (const key of ['one', 'two', 'three']) await pay('1.00', key);
    await until('all are delivered', () => received.length === 3);
    await until('and noted', async () => (await deliveries(ada)).every(({ status }) => status === 'DELIVERED'));
    received = [];
    const input = `input: { endpointId: "${endpoint!.id}", afterEventId: "${from}:2" }`;
    expect((await mutate<{ count: number }>(ada, 'replayWebhooks', 'count', input)).count).toBe(2);
    await until('two come again', () => received.length === 2);
    expect(received.map(({ body }) => body.id).sort()).toEqual([`${from}:3`, `${from}:4`]);
    for (const never of [`${from}:99`, '1\\u00002', '']) {
      const unknown = `input: { endpointId: "${endpoint!.id}", afterEventId: "${never}" }`;
      expect(await mutate(ada, 'replayWebhooks', 'count', unknown)).toMatchObject({
        userErrors: [{ code: 'WEBHOOK_EVENT_NOT_FOUND' }],
      });
    }
  });

  test('that answers 410 is switched off and says why', async () => {
    await create(ada, 'BALANCE_UPDATED');
    answer = (response) => response.writeHead(410).end();
    await pay();
    const endpoints = async () => {
      const { rows } = await world.admin.query<{ is_active: boolean; inactive_reason: string }>(
        'SELECT is_active, inactive_reason FROM transfer.webhook_endpoint WHERE owner_id = $1',
        [ada.userId],
      );
      return rows;
    };
    await until('it is off', async () => (await endpoints())[0]?.is_active === false);
    expect(await endpoints()).toEqual([{ is_active: false, inactive_reason: 'answered 410 Gone' }]);
    await hurry();
    await pay('1.00', 'after');
    expect(await deliveries(ada)).toHaveLength(1);
  });

  test('that hangs keeps nobody else waiting', async () => {
    await create(ada, 'BALANCE_UPDATED', `${url}?hang`);
    await create(ben, 'BALANCE_UPDATED');
    answer = (response, { body }) => {
      if (body.id.startsWith(to)) response.writeHead(200).end();
    };
    for (let n = 0; n < 6; n++) await pay('1.00', `hang-${n}`);
    await until(
      'Ben has all of his',
      async () => (await deliveries(ben)).filter(({ status }) => status === 'DELIVERED').length === 6,
    );
  });

  test('has its secret rotated: for a day both sign', async () => {
    const { endpoint, secret: old } = await create(ada, 'BALANCE_UPDATED');
    const { secret } = await mutate<EndpointAnswer>(ada, 'rotateWebhookSecret', 'secret', `id: "${endpoint!.id}"`);
    expect(secret).not.toBe(old);
    await pay();
    await until('told', () => received.length === 1);
    const { headers, text } = received[0]!;
    const [time, ...signatures] = String(headers['dwaybank-signature'])
      .split(',')
      .map((part) => part.split('=')[1]!);
    const expected = [secret, old].map((key) => createHmac('sha256', key!).update(`${time}.${text}`).digest('hex'));
    expect(signatures).toEqual(expected);
  });
});

describe('managing addresses', () => {
  test.each([
    ['ftp://example.com'],
    ['not a url'],
    ['http://user:pw@127.0.0.1/'],
    [`http://127.0.0.1/${'x'.repeat(2000)}`],
  ])('refuses %j', async (address) => {
    expect(await create(ada, 'BALANCE_UPDATED', address)).toMatchObject({
      endpoint: null,
      secret: null,
      userErrors: [{ code: 'INVALID_WEBHOOK_URL', field: ['url'] }],
    });
  });

  test('refuses none of the event types, and more than ten addresses, also when they are asked for at once', async () => {
    expect(await create(ada, '')).toMatchObject({ userErrors: [{ code: 'WEBHOOK_EVENT_TYPES_MISSING' }] });
    const made = await Promise.all(Array.from({ length: 12 }, () => create(ada, 'BALANCE_UPDATED')));
    expect(made.filter(({ endpoint }) => endpoint)).toHaveLength(10);
    expect(made.filter(({ userErrors }) => userErrors[0]?.code === 'TOO_MANY_WEBHOOK_ENDPOINTS')).toHaveLength(2);
  });

  test('changes, switches off and deletes one’s own; another’s is not found, and its secret never shown again', async () => {
    const { endpoint } = await create(ada, 'BALANCE_UPDATED');
    const id = endpoint!.id;
    for (const [field, args] of [
      ['updateWebhookEndpoint', `input: { id: "${id}", isActive: false }`],
      ['rotateWebhookSecret', `id: "${id}"`],
      ['deleteWebhookEndpoint', `id: "${id}"`],
    ] as const) {
      expect(await mutate(ben, field, `endpoint { id } secret`, args)).toMatchObject({
        endpoint: null,
        secret: null,
        userErrors: [{ code: 'WEBHOOK_ENDPOINT_NOT_FOUND' }],
      });
    }
    expect(await mutate(ben, 'replayWebhooks', 'count', `input: { endpointId: "${id}" }`)).toMatchObject({
      count: null,
    });
    const changed = `input: { id: "${id}", isActive: false, eventTypes: [TRANSFER_UPDATED] }`;
    expect(await mutate(ada, 'updateWebhookEndpoint', `endpoint { ${ENDPOINT} } secret`, changed)).toMatchObject({
      endpoint: { isActive: false, inactiveReason: 'switched off', eventTypes: ['TRANSFER_UPDATED'] },
      secret: null,
    });
    await mutate(ada, 'deleteWebhookEndpoint', 'endpoint { id }', `id: "${id}"`);
    expect(await mutate(ada, 'deleteWebhookEndpoint', 'endpoint { id }', `id: "${id}"`)).toMatchObject({
      userErrors: [{ code: 'WEBHOOK_ENDPOINT_NOT_FOUND' }],
    });
    expect(await deliveries(ada)).toEqual([]);
  });
});
