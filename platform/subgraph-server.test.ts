import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'graphql';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { until } from '../tests/until.ts';
import { systemClock } from './clock.ts';
import { codedError, deadlineExceeded } from './graph-errors.ts';
import { newId, type SessionId, type UserId } from './ids.ts';
import { createPushStream, type PushStream } from './push-stream.ts';
import { createHttpTransport } from './subgraph-http-transport.ts';
import { listenSubgraph, serveSubgraph, type ListeningSubgraph } from './subgraph-server.ts';
import type { SourceEvent, Subgraph, SubgraphContext, SubgraphEvent, SubgraphTransport } from './subgraph.ts';
import { signCall, type Caller } from './viewer.ts';

const KEY = Buffer.alloc(32, 1);
const logged: string[] = [];
const log = pino({ level: 'error' }, { write: (line: string) => void logged.push(line) });

const caller: Caller = {
  viewer: { userId: newId<UserId>(), sessionId: newId<SessionId>(), roles: ['CUSTOMER'], expiresAtMs: 1 },
  origin: { ip: '203.0.113.7', deviceId: 'phone' },
  requestId: 'request-1',
};

/** What resolvers saw and made. */
const seen = { loaders: 0, ran: 0, signal: null as AbortSignal | null };
const sources: PushStream<SourceEvent<number>>[] = [];
let closedSources = 0;

const subgraph: Subgraph = {
  name: 'wallet',
  typeDefs: `
    type Thing @key(fields: "id") { id: ID! name: String }
    type Query {
      caller: String! echo(amount: Decimal at: DateTime): String
      coded: String plain: String strict: [Strict!] never: String
    }
    type Strict { id: ID! broken: String! }
    type Subscription { counted: Int! refused: Int! lost: Int! loaderOf: Int! }`,
  resolvers: {
    Thing: { __resolveReference: ({ id }: { id: string }) => ({ id, name: `Thing ${id}` }) },
    Strict: {
      broken: () => {
        throw codedError('NOT_TODAY', 'Come back tomorrow.');
      },
    },
    Query: {
      caller: (_: unknown, __: unknown, { viewer, origin, requestId }: SubgraphContext) => {
        seen.ran++;
        return JSON.stringify({ viewer, origin, requestId });
      },
      echo: (_: unknown, { amount, at }: { amount?: string; at?: Date }) => amount ?? at?.toISOString() ?? null,
      coded: () => {
        throw codedError('NOT_TODAY', 'Come back tomorrow.');
      },
      plain: () => {
        throw new Error('relation "secret" does not exist');
      },
      strict: () => [{ id: '1' }],
      never: (_: unknown, __: unknown, { signal }: SubgraphContext) => {
        seen.signal = signal;
        return new Promise(() => {});
      },
    },
    Subscription: {
      counted: {
        subscribe: () => {
          const source = createPushStream<SourceEvent<number>>({ limit: 100, onReturn: () => closedSources++ });
          sources.push(source);
          return source.values;
        },
        resolve: (value: number) => value,
      },
      refused: {
        subscribe: () => {
          throw codedError('NOT_FOUND', 'There is no such thing.');
        },
      },
      lost: {
        subscribe: async function* () {
          yield { value: 1, position: 1 };
          throw new Error('connection to 10.0.0.1 was lost');
        },
        resolve: (value: number) => value,
      },
      loaderOf: {
        subscribe: async function* () {
          yield { value: null };
          yield { value: null };
        },
        resolve: (_: unknown, __: unknown, { loaders }: SubgraphContext<{ number: number }>) => loaders.number,
      },
    },
  } as unknown as Subgraph['resolvers'],
  createLoaders: () => ({ number: ++seen.loaders }),
  listeners: [],
  answers: { double: (body) => Promise.resolve({ doubled: (body as { number: number }).number * 2 }) },
  stop: () => Promise.resolve(),
};

const served = serveSubgraph(subgraph, {
  commonTypeDefs: 'scalar Decimal scalar DateTime scalar Date scalar CurrencyCode',
  log,
});
let listening: ListeningSubgraph;
let remote: SubgraphTransport;

beforeAll(async () => {
  listening = await listenSubgraph(served, { port: 0, host: '127.0.0.1', key: KEY, clock: systemClock, log });
  remote = createHttpTransport({ name: 'wallet', url: listening.url, key: KEY, clock: systemClock, log });
});
afterAll(async () => {
  await remote.close();
  await listening.close();
});

const transports = (): [string, SubgraphTransport][] => [
  ['in process', served.transport],
  ['over HTTP', remote],
];

const request = (query: string, variables: Record<string, unknown> = {}, signal = AbortSignal.timeout(5000)) => ({
  query,
  variables,
  caller,
  signal,
});

/** As JSON, which both ways must agree in. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

async function collect(events: AsyncIterable<SubgraphEvent>): Promise<unknown[]> {
  const collected: unknown[] = [];
  for await (const event of events) collected.push(plain(event));
  return collected;
}

describe('both ways to a subgraph', () => {
  test.each<[string, string, Record<string, unknown>, unknown]>([
    ['data of the caller', '{ caller }', {}, { data: { caller: JSON.stringify(caller) } }],
    [
      'coded errors',
      '{ coded }',
      {},
      {
        data: { coded: null },
        errors: [{ message: 'Come back tomorrow.', path: ['coded'], extensions: { code: 'NOT_TODAY' } }],
      },
    ],
    [
      'a null that climbs',
      '{ strict { id broken } }',
      {},
      {
        data: { strict: null },
        errors: [{ message: 'Come back tomorrow.', path: ['strict', 0, 'broken'], extensions: { code: 'NOT_TODAY' } }],
      },
    ],
    [
      'faults',
      '{ plain }',
      {},
      {
        data: { plain: null },
        errors: [{ message: expect.not.stringContaining('secret'), path: ['plain'], extensions: { code: 'INTERNAL' } }],
      },
    ],
    [
      'entities',
      'query ($r: [_Any!]!) { _entities(representations: $r) { ... on Thing { id name } } }',
      {
        r: [
          { __typename: 'Thing', id: '1' },
          { __typename: 'Thing', id: '2' },
        ],
      },
      {
        data: {
          _entities: [
            { id: '1', name: 'Thing 1' },
            { id: '2', name: 'Thing 2' },
          ],
        },
      },
    ],
    [
      'scalars',
      'query ($a: Decimal, $t: DateTime) { a: echo(amount: $a) t: echo(at: $t) }',
      { a: '12.50', t: '2026-01-31T12:00:00+01:00' },
      { data: { a: '12.50', t: '2026-01-31T11:00:00.000Z' } },
    ],
    [
      'a wrong scalar',
      'query ($a: Decimal) { echo(amount: $a) }',
      { a: 12.5 },
      { errors: [{ message: expect.stringContaining('Decimal'), extensions: { code: 'BAD_USER_INPUT' } }] },
    ],
  ])('give the same: %s', async (_, query, variables, expected) => {
    for (const [, transport] of transports()) {
      const result = plain(await transport.execute(request(query, variables))) as {
        errors?: { locations?: unknown }[];
      };
      expect(result).toEqual(expected);
    }
  });

  test('log what clients are not told, with the request id', async () => {
    for (const [, transport] of transports()) {
      logged.length = 0;
      await transport.execute(request('{ plain }'));
      expect(logged.filter((line) => line.includes('secret') && line.includes('request-1'))).toHaveLength(1);
    }
  });

  test('give up at the deadline with its reason', async () => {
    for (const [way, transport] of transports()) {
      const controller = new AbortController();
      const answer = transport.execute(request('{ never }', {}, controller.signal));
      setTimeout(() => controller.abort(deadlineExceeded()), 50);
      await expect(answer).rejects.toMatchObject({ extensions: { code: 'DEADLINE_EXCEEDED' } });
      if (way === 'in process') expect(seen.signal!.aborted).toBe(true);
    }
  });

  test('tell the resolver over HTTP that nobody waits any more', async () => {
    const controller = new AbortController();
    seen.signal = null;
    const answer = remote.execute(request('{ never }', {}, controller.signal));
    await until('it runs', () => seen.signal);
    const { signal } = seen as { signal: AbortSignal };
    const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
    controller.abort(deadlineExceeded());
    await expect(answer).rejects.toThrow();
    await aborted;
  });

  test('answer questions', async () => {
    for (const [, transport] of transports()) {
      expect(await transport.ask('double', { number: 21 }, AbortSignal.timeout(1000))).toEqual({ doubled: 42 });
      for (const unknown of ['unknown', 'constructor', '__proto__']) {
        await expect(transport.ask(unknown, {}, AbortSignal.timeout(1000))).rejects.toThrow();
      }
    }
  });

  test('stream events with their positions, one after the other', async () => {
    for (const [, transport] of transports()) {
      sources.length = 0;
      const events = transport.subscribe(request('subscription { counted }', {}, new AbortController().signal));
      const first = events.next();
      await until('the source is open', () => sources.length > 0);
      sources[0]!.push({ value: 1, position: 7 });
      expect(plain((await first).value)).toEqual({ result: { data: { counted: 1 } }, position: 7 });
      sources[0]!.end({ value: 2 });
      expect(await collect(events)).toEqual([{ result: { data: { counted: 2 } } }]);
      sources.length = 0;
    }
  });

  test('tell a refused subscription as one event without data, and then the end', async () => {
    for (const [, transport] of transports()) {
      const events = await collect(transport.subscribe(request('subscription { refused }')));
      expect(events).toEqual([
        {
          result: {
            errors: [
              expect.objectContaining({ message: 'There is no such thing.', extensions: { code: 'NOT_FOUND' } }),
            ],
          },
        },
      ]);
    }
  });

  test('tell a source that fails without saying how', async () => {
    for (const [, transport] of transports()) {
      const events = await collect(transport.subscribe(request('subscription { lost }')));
      expect(events).toEqual([
        { result: { data: { lost: 1 } }, position: 1 },
        {
          result: { errors: [{ message: expect.not.stringContaining('10.0.0.1'), extensions: { code: 'INTERNAL' } }] },
        },
      ]);
    }
  });

  test('give each event loaders of its own', async () => {
    for (const [, transport] of transports()) {
      const events = await collect(transport.subscribe(request('subscription { loaderOf }')));
      const [first, second] = events.map(
        (event) => (event as { result: { data: { loaderOf: number } } }).result.data.loaderOf,
      );
      expect(second).toBe(first! + 1);
    }
  });

  test('leave a quiet stream at once, and the source with it', async () => {
    for (const [, transport] of transports()) {
      sources.length = 0;
      closedSources = 0;
      const events = transport.subscribe(request('subscription { counted }', {}, new AbortController().signal));
      const waiting = events.next();
      await until('the source is open', () => sources.length > 0);
      await events.return!();
      expect(await waiting).toEqual({ value: undefined, done: true });
      await until('the source is closed', () => closedSources > 0);
      expect(closedSources).toBe(1);
    }
  });

  test('leave it when the signal says so', async () => {
    for (const [, transport] of transports()) {
      sources.length = 0;
      closedSources = 0;
      const controller = new AbortController();
      const waiting = transport.subscribe(request('subscription { counted }', {}, controller.signal)).next();
      await until('the source is open', () => sources.length > 0);
      controller.abort();
      expect(await waiting).toEqual({ value: undefined, done: true });
      await until('the source is closed', () => closedSources > 0);
    }
  });
});

describe('in process', () => {
  test('a parsed operation is not parsed again', async () => {
    const document = parse('{ caller }');
    const result = await served.transport.execute({ ...request('this text is not looked at'), document });
    expect(result.errors).toBeUndefined();
  });
});

describe('a call over HTTP', () => {
  const body = JSON.stringify({ query: '{ caller }', variables: {} });
  const post = async (headers: Record<string, string>, sent = body, path = '/graphql') => {
    seen.ran = 0;
    const response = await fetch(`${listening.url}${path}`, { method: 'POST', body: sent, headers });
    return { status: response.status, answer: (await response.json()) as unknown, ran: seen.ran };
  };
  const signed = (
    overrides: { key?: Buffer; subgraph?: string; path?: string; body?: string; caller?: Caller; atMs?: number } = {},
  ) =>
    signCall(
      overrides.key ?? KEY,
      { subgraph: overrides.subgraph ?? 'wallet', path: overrides.path ?? '/graphql', body: overrides.body ?? body },
      overrides.caller ?? caller,
      overrides.atMs ?? Date.now(),
    );
  const refused = {
    status: 401,
    answer: { errors: [{ message: expect.any(String), extensions: { code: 'UNSIGNED_CALL' } }] },
    ran: 0,
  };

  test('is answered when it is signed', async () => {
    expect(await post(signed())).toMatchObject({ status: 200, ran: 1 });
  });

  test.each<[string, () => Record<string, string>]>([
    ['no signature', () => ({})],
    ['a viewer but no signature', () => ({ 'x-dwaybank-caller': signed()['x-dwaybank-caller']! })],
    ['another key', () => signed({ key: Buffer.alloc(32, 2) })],
    ['another subgraph', () => signed({ subgraph: 'user' })],
    ['another path', () => signed({ path: '/questions/double' })],
    ['another body', () => signed({ body: `${body} ` })],
    ['an old signature', () => signed({ atMs: Date.now() - 31_000 })],
    [
      'another viewer put in',
      () => ({
        ...signed(),
        'x-dwaybank-caller': signed({ caller: { ...caller, viewer: null } })['x-dwaybank-caller']!,
      }),
    ],
    ['a malformed signature', () => ({ ...signed(), 'x-dwaybank-signature': 'v1=00' })],
  ])('with %s is refused and runs nothing', async (_, headers) => {
    expect(await post(headers())).toEqual(refused);
    expect(await post(headers(), '{not even JSON')).toEqual(refused);
    expect(await post(headers(), '{}', '/questions/double')).toEqual(refused);
  });

  test('that asks for what this subgraph has not is told so instead of answered with gaps', async () => {
    const result = await remote.execute(request('{ caller newField }'));
    expect(plain(result)).toEqual({ errors: [{ message: expect.any(String), extensions: { code: 'INTERNAL' } }] });
    expect(logged.at(-1)).toContain('newField');
  });

  test('may ask for health without a signature, and for nothing else', async () => {
    expect(await (await fetch(`${listening.url}/health`)).json()).toEqual({ status: 'ok' });
    expect((await fetch(`${listening.url}/graphql`)).status).toBe(405);
    expect((await fetch(`${listening.url}/`)).status).toBe(404);
  });

  test('a socket without a signature is closed, and a subscription without one refused', async () => {
    const open = async (payload: unknown) => {
      const socket = new WebSocket(`${listening.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
      const messages: unknown[] = [];
      let closedWith: number | undefined;
      socket.on('message', (message: Buffer) => messages.push(JSON.parse(message.toString())));
      socket.once('close', (code) => (closedWith = code));
      await new Promise((resolve) => socket.once('open', resolve));
      socket.send(JSON.stringify({ type: 'connection_init', payload }));
      await until('it is decided', () => messages.length > 0 || closedWith !== undefined);
      return { socket, messages, closedWith };
    };
    expect((await open(undefined)).closedWith).toBe(4403);
    expect((await open(signed())).closedWith).toBe(4403);
    const { socket, messages } = await open(signed({ body: '' }));
    expect(messages).toEqual([{ type: 'connection_ack' }]);
    const subscribe = {
      id: '1',
      type: 'subscribe',
      payload: { query: 'subscription { counted }', variables: {}, extensions: signed() },
    };
    socket.send(JSON.stringify(subscribe));
    await until('it is answered', () => messages.length > 1);
    expect(messages[1]).toMatchObject({ id: '1', type: 'error', payload: [{ extensions: { code: 'UNSIGNED_CALL' } }] });
    socket.terminate();
  });
});
