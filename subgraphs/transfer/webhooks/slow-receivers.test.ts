import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { AccountId } from '../../../platform/ids.ts';
import { POLICY } from '../../../platform/policy.ts';
import { openTransferWorld, type Customer, type TransferWorld } from '../../../tests/transfer-world.ts';
import { until } from '../../../tests/until.ts';

/* Receivers as there are: slow, silent, endless, gone. None of them is anybody else's trouble. */

type Behave = (request: IncomingMessage, response: ServerResponse) => void;

let world: TransferWorld;
let ada: Customer;
let ben: Customer;
let from: AccountId;
let receiver: Server;
let silent: TcpServer;
let urlOf: (behaviour: string) => string;
let silentUrl: string;
/** What came, by the path it came to. */
let told: { path: string; id: string; type: string }[];
let open: Set<Socket>;
let mostOpen: number;
const endings: (() => void)[] = [];

const every = (ms: number, work: () => void): void => {
  const timer = setInterval(work, ms);
  endings.push(() => clearInterval(timer));
};

const BEHAVIOURS: Record<string, Behave> = {
  well: (_request, response) => void response.writeHead(204).end(),
  dribbles: (_request, response) => {
    response.writeHead(200).write('a');
    every(1_000, () => response.write('a'));
  },
  endless: (_request, response) => {
    response.writeHead(200);
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    };
    response.on('drain', more);
    more();
  },
  elsewhere: (_request, response) => void response.writeHead(307, { location: urlOf('well') }).end(),
  gone: (_request, response) => void response.writeHead(410).end(),
  fails: (_request, response) => void response.writeHead(500).end(),
};

async function listen<Listening extends Server | TcpServer>(server: Listening): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

beforeAll(async () => {
  world = await openTransferWorld();
  receiver = createServer((request, response) => {
    const path = request.url!.slice(1);
    const { 'dwaybank-event-id': id, 'dwaybank-event-type': type } = request.headers;
    told.push({ path, id: String(id), type: String(type) });
    response.on('error', () => {});
    request.resume().on('end', () => BEHAVIOURS[path]!(request, response));
  });
  // It takes connections, reads what comes, and says nothing for ever.
  silent = createTcpServer((socket) => {
    open.add(socket);
    mostOpen = Math.max(mostOpen, open.size);
    socket.resume().on('error', () => {});
    socket.on('close', () => open.delete(socket));
  });
  const port = await listen(receiver);
  urlOf = (behaviour) => `http://127.0.0.1:${port}/${behaviour}`;
  silentUrl = `http://127.0.0.1:${await listen(silent)}/`;
});
beforeEach(async () => {
  told = [];
  open = new Set();
  mostOpen = 0;
  [ada, ben] = [await world.customer('Ada'), await world.customer('Ben')];
  from = await world.account(ada, 'USD', { funds: '100.00' });
  await world.account(ben);
});
afterEach(async () => {
  while (endings.length > 0) endings.pop()!();
  // What a test has left hanging is none of the next one's.
  await world.admin.query(
    `UPDATE transfer.webhook_endpoint SET is_active = false, inactive_reason = 'the test is over'`,
  );
  for (const socket of open) socket.destroy();
});
afterAll(async () => {
  try {
    await world.proveBooks();
  } finally {
    await world.close();
    receiver.closeAllConnections();
    receiver.close();
    silent.close();
  }
});

interface Endpoint {
  id: string;
  is_active: boolean;
  inactive_reason: string | null;
  failing_since: Date | null;
}

async function create(as: Customer, url: string, eventTypes = 'BALANCE_UPDATED'): Promise<string> {
  const { data } = await world.execute(
    as,
    `mutation { createWebhookEndpoint(input: { url: "${url}", eventTypes: [${eventTypes}] }) { endpoint { id } userErrors { code } } }`,
  );
  return (data!['createWebhookEndpoint'] as { endpoint: { id: string } }).endpoint.id;
}

async function pay(times: number): Promise<void> {
  const to = await world.account(ben);
  for (let n = 0; n < times; n++) {
    const input = {
      idempotencyKey: `pay-${to}-${n}`,
      source: { accountId: from },
      destination: { accountId: to },
      amount: { amount: '0.10', currency: 'USD' },
    };
    await world.execute(
      ada,
      'mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { userErrors { code } } }',
      { input },
    );
  }
}

const stateOf = async (endpointId: string): Promise<Endpoint> =>
  (await world.admin.query<Endpoint>('SELECT * FROM transfer.webhook_endpoint WHERE id = $1', [endpointId])).rows[0]!;
const deliveriesOf = async (endpointId: string) =>
  (
    await world.admin.query<{
      status: string;
      attempts: number;
      last_status: number | null;
      last_error: string | null;
    }>(
      'SELECT status, attempts, last_status, last_error FROM transfer.webhook_delivery WHERE endpoint_id = $1 ORDER BY seq',
      [endpointId],
    )
  ).rows;
const allDelivered = async (endpointId: string, count: number) =>
  (await deliveriesOf(endpointId)).filter(({ status }) => status === 'DELIVERED').length === count;
const failingSince = (endpointId: string, hours: number) =>
  world.admin.query(
    `UPDATE transfer.webhook_endpoint SET failing_since = clock_timestamp() - make_interval(hours => $2) WHERE id = $1`,
    [endpointId, hours],
  );
const hurry = () =>
  world.admin.query(
    `UPDATE transfer.webhook_delivery SET next_attempt_at = now() WHERE status = 'PENDING' AND last_error IS NOT NULL`,
  );

describe('a receiver', () => {
  test('that takes everything and says nothing has few connections at once, and others have theirs', async () => {
    const [hangs, well] = [await create(ada, silentUrl), await create(ben, urlOf('well'))];
    await pay(12);
    await until('Ben has all of his', () => allDelivered(well, 12));
    expect((await deliveriesOf(hangs)).filter(({ status }) => status === 'DELIVERED')).toEqual([]);
    expect(mostOpen).toBeLessThanOrEqual(4);
  });

  test('that hangs at every address of one customer takes that customer’s place alone', async () => {
    const hangs = await Promise.all(Array.from({ length: 10 }, () => create(ada, silentUrl)));
    const well = await create(ben, urlOf('well'));
    await pay(6);
    await until('Ben has all of his', () => allDelivered(well, 6));
    expect(hangs).toHaveLength(10);
    expect(mostOpen).toBeLessThanOrEqual(8);
  });

  test('whose last attempt failed has one at a time, however much there is to tell', async () => {
    const hangs = await create(ada, silentUrl);
    await failingSince(hangs, 1);
    const well = await create(ben, urlOf('well'));
    await pay(6);
    await until('Ben has all of his', () => allDelivered(well, 6));
    await until('one is under way', () => mostOpen > 0);
    expect(mostOpen).toBe(1);
  });

  test.each(['dribbles', 'endless'])('that has answered 200 and then %s is told, once', async (behaviour) => {
    const endpoint = await create(ada, urlOf(behaviour));
    await pay(1);
    await until('it is told', () => allDelivered(endpoint, 1));
    expect(told).toHaveLength(1);
    expect(await stateOf(endpoint)).toMatchObject({ is_active: true, failing_since: null });
  });

  test('that sends us elsewhere is not followed there', async () => {
    const endpoint = await create(ada, urlOf('elsewhere'));
    await pay(1);
    await until('it has failed', async () => (await deliveriesOf(endpoint))[0]?.last_error);
    expect(await deliveriesOf(endpoint)).toMatchObject([{ status: 'PENDING', last_status: 307 }]);
    expect(told.every(({ path }) => path === 'elsewhere')).toBe(true);
  });
});

describe('an address where every attempt fails', () => {
  test('is marked from the first failure on, until an attempt arrives', async () => {
    const endpoint = await create(ada, urlOf('fails'));
    await pay(1);
    await until('it is marked', async () => (await stateOf(endpoint)).failing_since);
    const { data } = await world.execute(
      ada,
      `query ($id: ID!) { _entities(representations: [{ __typename: "User", id: $id }]) { ... on User { webhookEndpoints { failingSince } } } }`,
      { id: ada.userId },
    );
    expect(data!['_entities']).toEqual([{ webhookEndpoints: [{ failingSince: expect.any(String) }] }]);
    await world.admin.query('UPDATE transfer.webhook_endpoint SET url = $2 WHERE id = $1', [endpoint, urlOf('well')]);
    await hurry();
    await until('it is told', () => allDelivered(endpoint, 1));
    await until('the mark is gone', async () => (await stateOf(endpoint)).failing_since === null);
  });

  test('for three days is switched off once, and another address of its owner is told so', async () => {
    const endpoint = await create(ada, urlOf('fails'));
    const other = await create(ada, urlOf('well'), 'WEBHOOK_SWITCHED_OFF');
    const others = await create(ben, urlOf('well'), 'WEBHOOK_SWITCHED_OFF');
    const { switchOffAfterHours } = POLICY.webhooks;
    await failingSince(endpoint, switchOffAfterHours - 1);
    await pay(1);
    await until('it has failed', async () => (await deliveriesOf(endpoint))[0]?.last_error);
    expect((await stateOf(endpoint)).is_active).toBe(true);
    await failingSince(endpoint, switchOffAfterHours + 1);
    await hurry();
    await until('it is off', async () => !(await stateOf(endpoint)).is_active);
    const { inactive_reason } = await stateOf(endpoint);
    expect(inactive_reason).toBe(`every attempt has failed for ${switchOffAfterHours} hours`);
    await until('the other address is told', () => allDelivered(other, 1));
    const news = told.filter(({ path }) => path === 'well');
    expect(news).toEqual([
      { path: 'well', type: 'webhook.switched_off', id: expect.stringMatching(`^${endpoint}:off:`) },
    ]);
    expect(await deliveriesOf(others)).toEqual([]);

    // Switched on again it begins anew, and what was not delivered is.
    await world.admin.query('UPDATE transfer.webhook_endpoint SET url = $2 WHERE id = $1', [endpoint, urlOf('well')]);
    const on = `mutation { updateWebhookEndpoint(input: { id: "${endpoint}", isActive: true }) { endpoint { isActive failingSince } } }`;
    const { data } = await world.execute(ada, on);
    expect(data!['updateWebhookEndpoint']).toEqual({ endpoint: { isActive: true, failingSince: null } });
    await hurry();
    await until('it is told', () => allDelivered(endpoint, 1));
  });

  test('and answers 410 is switched off at once, and told of once, however many attempts find it', async () => {
    const endpoint = await create(ada, urlOf('gone'));
    const other = await create(ada, urlOf('well'), 'WEBHOOK_SWITCHED_OFF');
    await pay(4);
    await until('it is off', async () => !(await stateOf(endpoint)).is_active);
    await until('the other address is told', () => allDelivered(other, 1));
    expect(await deliveriesOf(other)).toHaveLength(1);
    expect(await stateOf(endpoint)).toMatchObject({ inactive_reason: 'answered 410 Gone' });
  });
});
