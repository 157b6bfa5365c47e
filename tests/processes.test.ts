import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient, type Client } from 'graphql-ws';
import { WebSocket } from 'ws';
import { fundAccount } from '../bank/fund-account.ts';
import type { AccountId } from '../platform/ids.ts';
import { SUBGRAPH_NAMES } from '../platform/subgraph.ts';
import { expectBooksOk } from './books.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { ask } from './graph-client.ts';
import { until } from './until.ts';

/*
 * The parts as separate processes, as `npm run start:subgraph` and `npm run start:gateway` run them: two processes of
 * subgraphs and two gateways, signed calls between them, no Redis.
 */

let database: TestDatabase;
let subgraphUrls: Record<string, string>;
let gateways: string[];
const children: ChildProcess[] = [];
const clients: Client[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  const ports = await freePorts(SUBGRAPH_NAMES.length + 2);
  subgraphUrls = Object.fromEntries(SUBGRAPH_NAMES.map((name, n) => [name, `http://127.0.0.1:${ports[n]!}`]));
  const gatewayPorts = ports.slice(-2);
  gateways = gatewayPorts.map((port) => `http://127.0.0.1:${port}`);
  await Promise.all([
    run('subgraphs/main.ts', ['user', 'wallet', 'portfolio'], {}, /portfolio\s+http/),
    run('subgraphs/main.ts', ['transfer', 'risk', 'insights'], {}, /insights\s+http/),
  ]);
  await Promise.all(gatewayPorts.map((port) => run('gateway/main.ts', [], { PORT: String(port) }, /gateway\s+http/)));
});

afterAll(async () => {
  for (const client of clients) await client.dispose();
  await Promise.all(
    children.map(async (child) => {
      if (child.exitCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    }),
  );
  await database.drop();
});

async function freePorts(count: number): Promise<number[]> {
  const probes = await Promise.all(
    Array.from({ length: count }, async () => {
      const probe = createServer().listen(0, '127.0.0.1');
      await once(probe, 'listening');
      return probe;
    }),
  );
  const ports = probes.map((probe) => (probe.address() as { port: number }).port);
  await Promise.all(probes.map((probe) => once(probe.close(), 'close')));
  return ports;
}

async function run(file: string, args: string[], environment: NodeJS.ProcessEnv, ready: RegExp): Promise<void> {
  const urls: NodeJS.ProcessEnv = {};
  for (const [name, url] of Object.entries(subgraphUrls)) urls[`${name.toUpperCase()}_URL`] = url;
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], {
    env: {
      ...process.env,
      NODE_ENV: 'development',
      DATABASE_URL: database.adminUrl,
      REDIS_URL: '',
      DWAYBANK_SECRET: database.secret,
      LOG_LEVEL: 'error',
      ...urls,
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await until(`${file} ${args.join(' ')} is ready`, () => ready.test(output) || child.exitCode !== null, 120_000);
  if (!ready.test(output)) throw new Error(`${file} ended at its start:\n${output}`);
}

interface Person {
  email: string;
  token: string;
  accountId: AccountId;
}

async function person(gateway: string, name: string, funds: bigint): Promise<Person> {
  const email = `${name}@example.com`;
  const { register } = await ask<{ register: { tokens: { accessToken: string } } }>(
    gateway,
    'mutation ($input: RegisterInput!) { register(input: $input) { tokens { accessToken } } }',
    { variables: { input: { email, password: 'correct horse battery', displayName: name } } },
  );
  const token = register.tokens.accessToken;
  const { openAccount } = await ask<{ openAccount: { account: { id: AccountId } } }>(
    gateway,
    'mutation { openAccount(input: { currency: "USD", name: "Everyday" }) { account { id } } }',
    { token },
  );
  const accountId = openAccount.account.id;
  if (funds > 0n) {
    await fundAccount(database.pool('dwaybank_ledger', { max: 1 }), {
      accountId,
      money: { amountMinor: funds, currency: 'USD' },
    });
  }
  return { email, token, accountId };
}

interface Created {
  createTransfer: {
    transfer: { id: string; status: string } | null;
    replayed: boolean;
    userErrors: { code: string }[];
  };
}

async function pay(gateway: string, from: Person, to: Person, key: string): Promise<Created['createTransfer']> {
  const input = {
    idempotencyKey: key,
    source: { accountId: from.accountId },
    destination: { email: to.email },
    amount: { amount: '100.00', currency: 'USD' },
  };
  const { createTransfer } = await ask<Created>(
    gateway,
    'mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id status } replayed userErrors { code } } }',
    { token: from.token, variables: { input } },
  );
  return createTransfer;
}

interface Stream {
  results: {
    data?: { balanceUpdated?: { kind: string; balance: { version: number } } } | null;
    errors?: readonly unknown[];
  }[];
  ended: () => boolean;
}

function follow(gateway: string, { token, accountId }: Person): Stream {
  const client = createClient({
    url: `${gateway.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${token}` },
    retryAttempts: 0,
  });
  clients.push(client);
  const results: Stream['results'] = [];
  let ended = false;
  client.subscribe<NonNullable<Stream['results'][number]['data']>>(
    {
      query: `subscription ($id: ID!) { balanceUpdated(accountId: $id) {
        kind account { owner { displayName riskProfile { level } } } balance { version available { amount } }
        cause { amount { amount } transfer { status } } } }`,
      variables: { id: accountId },
    },
    {
      next: (result) => results.push(result),
      error: () => (ended = true),
      complete: () => (ended = true),
    },
  );
  return { results, ended: () => ended };
}

describe('separate processes', () => {
  test('twenty payments of the whole balance over two gateways: one is done, nineteen are refused', async () => {
    const from = await person(gateways[0]!, 'whole', 10_000n);
    const to = await person(gateways[1]!, 'receiver', 0n);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => pay(gateways[n % 2]!, from, to, `whole-${n}`)),
    );
    expect(answers.filter(({ transfer }) => transfer?.status === 'COMPLETED')).toHaveLength(1);
    const refused = answers.filter(({ transfer }) => transfer === null);
    expect(refused.map(({ userErrors }) => userErrors.map(({ code }) => code))).toEqual(
      Array.from({ length: 19 }, () => ['INSUFFICIENT_FUNDS']),
    );
    await expectBooksOk(database.pool('dwaybank_transfer', { max: 1 }));
  });

  test('one key twenty times over two gateways: one transfer', async () => {
    const from = await person(gateways[0]!, 'repeating', 100_000n);
    const to = await person(gateways[1]!, 'once', 0n);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => pay(gateways[n % 2]!, from, to, 'same')));
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(new Set(answers.map(({ transfer }) => transfer?.id)).size).toBe(1);
    await expectBooksOk(database.pool('dwaybank_transfer', { max: 1 }));
  });

  test('a live balance crosses gateway, wallet, user, risk and transfer, and ends within a second of a logout at the other gateway', async () => {
    const from = await person(gateways[0]!, 'watching', 100_000n);
    const to = await person(gateways[1]!, 'watched', 0n);
    const stream = follow(gateways[0]!, from);
    await until('the snapshot has come', () => stream.results.length === 1);
    await pay(gateways[1]!, from, to, 'watched-payment');
    await until('the change has come', () => stream.results.length === 2);
    expect(stream.results[1]).toEqual({
      data: {
        balanceUpdated: {
          kind: 'CHANGE',
          account: { owner: { displayName: 'watching', riskProfile: { level: 'LOW' } } },
          balance: { version: 2, available: { amount: '900.00' } },
          cause: { amount: { amount: '-100.00' }, transfer: { status: 'COMPLETED' } },
        },
      },
    });
    await ask(gateways[1]!, 'mutation { logout { loggedOut } }', { token: from.token });
    await until('the stream has ended', stream.ended, 1000);
    await expect(ask(gateways[0]!, '{ me { id } }', { token: from.token })).rejects.toThrow('UNAUTHENTICATED');
  });

  test('a subgraph answers no call that the gateway has not signed', async () => {
    const body = JSON.stringify({ query: '{ me { id } }' });
    const forged = Buffer.from(
      JSON.stringify({ viewer: { userId: '0', sessionId: '0', roles: ['ADMIN'], expiresAtMs: 9e15 } }),
    ).toString('base64url');
    const forgeries: Record<string, string>[] = [
      {},
      { 'x-dwaybank-caller': forged },
      { 'x-dwaybank-caller': forged, 'x-dwaybank-signature': `t=${Date.now()},v1=${'0'.repeat(64)}` },
    ];
    for (const [name, url] of Object.entries(subgraphUrls)) {
      for (const headers of forgeries) {
        const response = await fetch(`${url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body,
        });
        expect([name, response.status]).toEqual([name, 401]);
        expect(await response.text()).not.toContain('"data"');
      }
    }
    const question = await fetch(`${subgraphUrls['risk']!}/questions/assess-transfer`, { method: 'POST', body: '{}' });
    expect(question.status).toBe(401);
  });
});
