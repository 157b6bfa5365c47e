import { afterEach, describe, expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { createClient, type Client } from 'graphql-ws';
import { WebSocket } from 'ws';
import { newId, type SessionId, type UserId } from '../../platform/ids.ts';
import { composeSmallBank, startSmallBank, type SmallBank, type SmallBankOptions } from '../../tests/small-bank.ts';
import { until } from '../../tests/until.ts';

let bank: SmallBank;
const clients: Client[] = [];

const start = async (options?: SmallBankOptions): Promise<SmallBank> => (bank = await startSmallBank(options));
afterEach(async () => {
  for (const client of clients.splice(0)) await client.dispose();
  await bank.stop();
});

interface Followed {
  data: Record<string, unknown>[];
  errors: { message: string; extensions: { code: string; requestId: string } }[];
  completed: boolean;
  leave(): void;
}

/** A client of its own socket. */
function connect(connectionParams: Record<string, unknown>, onClosed: (code: number) => void = () => {}): Client {
  const client = createClient({
    url: bank.socketUrl,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    connectionParams,
    on: { closed: (event) => onClosed((event as { code: number }).code) },
  });
  clients.push(client);
  return client;
}

/** Follows a subscription; what comes is collected. */
function follow(client: Client, query: string, variables: Record<string, unknown> = {}): Followed {
  const followed: Followed = { data: [], errors: [], completed: false, leave: () => {} };
  followed.leave = client.subscribe(
    { query, variables },
    {
      next: ({ data, errors }) => {
        if (data) followed.data.push(data);
        if (errors) followed.errors.push(...(errors as unknown as Followed['errors']));
      },
      error: (error) => {
        if (Array.isArray(error)) followed.errors.push(...(error as Followed['errors']));
        followed.completed = true;
      },
      complete: () => {
        followed.completed = true;
      },
    },
  );
  return followed;
}

const BALANCE =
  'subscription ($id: ID!, $after: Int) { balanceUpdated(accountId: $id, afterVersion: $after) { kind version } }';
const versionsOf = ({ data }: Followed) =>
  data.map((update) => (update['balanceUpdated'] as { version: number }).version);
const codesOf = ({ errors }: Followed) => errors.map(({ extensions }) => extensions.code);
const signedIn = async (options?: Parameters<SmallBank['sign']>[0], onClosed?: (code: number) => void) =>
  connect({ authorization: `Bearer ${await bank.sign(options)}` }, onClosed);

describe.each(['in-process', 'http'] as const)('live streams, subgraphs %s', (wiring) => {
  test('cross subgraphs per event, with aliases, fragments, variables and conditions', async () => {
    await start({ wiring });
    const followed = follow(
      await signedIn(),
      `subscription Live($id: ID!, $withOwner: Boolean = true, $scale: Int!) {
        update: balanceUpdated(accountId: $id) {
          kind
          v: version
          account { ...named twice: name again: owner @include(if: $withOwner) { id riskScore(scale: $scale) } }
          ... on BalanceUpdate { account { skipped: name @skip(if: $withOwner) } }
        }
      }
      fragment named on Account { id owner { displayName level: riskLevel } }`,
      { id: '7', scale: 9 },
    );
    await until('the snapshot', () => followed.data.length === 1);
    bank.versions.post('7');
    await until('the change', () => followed.data.length === 2);
    const account = {
      id: '7',
      owner: { displayName: expect.stringMatching(/^User /), level: 'LOW' },
      twice: 'Account 7',
      again: { id: expect.any(String), riskScore: 9 },
    };
    expect(followed.errors).toEqual([]);
    expect(followed.data).toEqual([
      { update: { kind: 'SNAPSHOT', v: 0, account } },
      { update: { kind: 'CHANGE', v: 1, account } },
    ]);
  });

  test('resume after a version, and say when there is no such version yet', async () => {
    await start({ wiring });
    const client = await signedIn();
    for (let version = 1; version <= 5; version++) bank.versions.post('1');
    const resumed = follow(client, BALANCE, { id: '1', after: 2 });
    await until('what was missed', () => resumed.data.length === 3);
    bank.versions.post('1');
    await until('what is new', () => resumed.data.length === 4);
    expect(versionsOf(resumed)).toEqual([3, 4, 5, 6]);

    const ahead = follow(client, BALANCE, { id: '1', after: 99 });
    const missing = follow(client, BALANCE, { id: 'none' });
    await until('both are refused', () => ahead.completed && missing.completed);
    expect([codesOf(ahead), codesOf(missing)]).toEqual([['VERSION_AHEAD'], ['NOT_FOUND']]);
    expect([...ahead.data, ...missing.data]).toEqual([]);
    expect(ahead.errors[0]!.extensions.requestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('an error in one event costs its field and carries its path; the stream goes on', async () => {
    await start({ wiring });
    const followed = follow(
      await signedIn(),
      'subscription { balanceUpdated(accountId: "1") { version fragile account { broken owner { riskLevel } } } }',
    );
    bank.versions.post('1');
    await until('the snapshot', () => followed.data.length >= 1);
    bank.versions.post('1');
    await until('the change', () => followed.data.length >= 2);
    expect(versionsOf(followed).at(-1)).toBe(2);
    const last = followed.data.at(-1)!['balanceUpdated'];
    expect(last).toEqual({ version: 2, fragile: 'whole', account: { broken: null, owner: { riskLevel: 'LOW' } } });
    expect(followed.errors).toContainEqual({
      message: expect.not.stringContaining('SELECT'),
      path: ['balanceUpdated', 'account', 'broken'],
      extensions: { code: 'INTERNAL', requestId: expect.any(String) },
    });
  });

  test('equal subscriptions of one session share one upstream, which closes when the last leaves', async () => {
    await start({ wiring });
    const session = { userId: newId<UserId>(), sessionId: newId<SessionId>() };
    const [one, two] = [await signedIn(session), await signedIn(session)];
    const followed = [
      follow(one, BALANCE, { id: '1' }),
      follow(one, BALANCE, { id: '1' }),
      follow(two, BALANCE, { id: '1' }),
    ];
    await until('all have begun', () => followed.every(({ data }) => data.length === 1));
    await until('only one is left open', () => bank.versions.open === 1);
    bank.asked.length = 0;
    bank.versions.post('1');
    await until('all have the change', () => followed.every(({ data }) => data.length === 2));
    expect(bank.asked.filter(({ subgraph }) => subgraph === 'wallet')).toHaveLength(1);

    followed[0]!.leave();
    followed[2]!.leave();
    bank.versions.post('1');
    await until('who stays still follows', () => followed[1]!.data.length === 3);
    expect(followed[0]!.data).toHaveLength(2);
    // Nothing happens any more: leaving must close the upstream all the same.
    followed[1]!.leave();
    await until('the upstream is closed', () => bank.versions.open === 0);
  });

  test('different callers, sessions, variables and selections share nothing', async () => {
    await start({ wiring });
    const userId = newId<UserId>();
    const [one, two, three] = [await signedIn({ userId }), await signedIn({ userId }), await signedIn()];
    const followed = [
      follow(one, BALANCE, { id: '1' }),
      follow(two, BALANCE, { id: '1' }),
      follow(three, BALANCE, { id: '1' }),
      follow(one, BALANCE, { id: '2' }),
      follow(one, BALANCE.replace('kind', 'kind kind'), { id: '1' }),
    ];
    await until('all have begun', () => followed.every(({ data }) => data.length === 1));
    expect(bank.versions.open).toBe(5);
  });

  test('a socket that vanishes closes what it followed', async () => {
    await start({ wiring });
    const client = await signedIn();
    let socket: WebSocket | undefined;
    client.on('opened', (opened) => (socket = opened as WebSocket));
    const followed = follow(client, BALANCE, { id: '1' });
    await until('it has begun', () => followed.data.length === 1);
    socket!.terminate();
    await until('the upstream is closed', () => bank.versions.open === 0);
  });

  test('a late subscriber misses nothing and repeats nothing while versions race', async () => {
    await start({ wiring });
    const client = await signedIn();
    const first = follow(client, BALANCE, { id: '1' });
    await until('the first has begun', () => first.data.length === 1);
    // Versions come before, between and after the moments at which the late ones attach and read their present.
    bank.versions.beforeSnapshot = async () => {
      for (let step = 0; step < 3; step++) {
        bank.versions.post('1');
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const late: Followed[] = [];
    for (let joiner = 0; joiner < 12; joiner++) {
      late.push(follow(client, BALANCE, { id: '1' }));
      bank.versions.post('1');
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until('the late ones have begun', () => late.every(({ data }) => data.length > 0));
    for (let version = 0; version < 20; version++) bank.versions.post('1');
    const end = bank.versions.current('1');
    await until('all have come to the end', () => [first, ...late].every((one) => versionsOf(one).at(-1) === end));
    for (const followed of [first, ...late]) {
      const versions = versionsOf(followed);
      expect(versions).toEqual(versions.map((_, index) => versions[0]! + index));
      expect(followed.data[0]!['balanceUpdated']).toMatchObject({ kind: 'SNAPSHOT' });
      expect(followed.errors).toEqual([]);
    }
    await until('they share one upstream in the end', () => bank.versions.open === 1);
  });

  test('a source that ends completes its stream, and one without positions is shared only from its beginning', async () => {
    await start({ wiring });
    const client = await signedIn();
    const counted = follow(client, 'subscription { ticked(count: 3) }');
    await until('it has completed', () => counted.completed);
    expect(counted.data).toEqual([{ ticked: 0 }, { ticked: 1 }, { ticked: 2 }]);
    expect(counted.errors).toEqual([]);

    const first = follow(client, 'subscription { ticked }');
    await until('it has begun', () => first.data.length === 1);
    const late = follow(client, 'subscription { ticked }');
    await until('the late one has its own beginning', () => late.data.length === 1);
    expect(bank.ticks.open).toBe(2);
    bank.ticks.tick();
    await until('both go on', () => first.data.length === 2 && late.data.length === 2);
    first.leave();
    late.leave();
    // The source is an async generator: it learns of it with its next event at the latest.
    await until('both sources have ended', () => {
      bank.ticks.tick();
      return bank.ticks.open === 0;
    });
  });
});

describe('who may follow', () => {
  test.each<[string, (good: string) => Record<string, unknown>]>([
    ['no token', () => ({})],
    ['garbage', () => ({ authorization: 'Bearer garbage' })],
    ['a token that is no text', () => ({ token: 5 })],
    ['a tampered token', (good) => ({ token: `${good.slice(0, -4)}AAAA` })],
  ])('a socket with %s is refused', async (_, paramsFor) => {
    await start();
    let closedWith = 0;
    const followed = follow(
      connect(paramsFor(await bank.sign()), (code) => (closedWith = code)),
      BALANCE,
      { id: '1' },
    );
    await until('it is closed', () => closedWith !== 0 && followed.completed);
    expect(closedWith).toBe(4403);
    expect(followed.data).toEqual([]);
    expect(bank.versions.opened).toBe(0);
  });

  test('the token may stand as authorization, Authorization or token', async () => {
    await start();
    const token = await bank.sign();
    for (const params of [{ authorization: `Bearer ${token}` }, { Authorization: `Bearer ${token}` }, { token }]) {
      const followed = follow(connect(params), BALANCE, { id: '1' });
      await until('it has begun', () => followed.data.length === 1);
    }
  });

  test('a socket that says nothing is closed', async () => {
    await start();
    const socket = new WebSocket(bank.socketUrl, 'graphql-transport-ws');
    const code = await new Promise((resolve) => socket.once('close', resolve));
    expect(code).toBe(4408);
  });

  test('an ended session ends its streams and its socket within a second, also quiet ones, and no others', async () => {
    await start();
    const sessionId = newId<SessionId>();
    let closedWith = 0;
    const client = await signedIn({ sessionId }, (code) => (closedWith = code));
    const followed = [follow(client, BALANCE, { id: '1' }), follow(client, BALANCE, { id: '2' })];
    const other = follow(await signedIn(), BALANCE, { id: '1' });
    await until('all have begun', () => [...followed, other].every(({ data }) => data.length === 1));
    bank.endSession(sessionId);
    await until('the socket is closed', () => closedWith !== 0, 5_000);
    expect(closedWith).toBe(4401);
    for (const one of followed) expect([codesOf(one), one.completed]).toEqual([['UNAUTHENTICATED'], true]);
    await until('its upstreams are closed', () => bank.versions.open === 1);
    bank.versions.post('1');
    await until('the other goes on', () => other.data.length === 2);
    expect(followed.map(({ data }) => data.length)).toEqual([1, 1]);
  });

  test('a stream ends within a second of its token’s end', async () => {
    await start();
    let closedWith = 0;
    const expiresAt = (Math.floor(Date.now() / 1000) + 5) * 1000;
    const followed = follow(await signedIn({ expiresInSeconds: 5 }, (code) => (closedWith = code)), BALANCE, {
      id: '1',
    });
    await until('it has begun', () => followed.data.length === 1);
    await until('the socket is closed', () => closedWith !== 0);
    // A second, and what a busy machine adds.
    expect(Date.now() - expiresAt).toBeLessThan(5_000);
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAt);
    expect([codesOf(followed), closedWith]).toEqual([['UNAUTHENTICATED'], 4401]);
  });

  test('logout over the socket itself is answered and then ends it', async () => {
    await start();
    let closedWith = 0;
    const client = await signedIn({}, (code) => (closedWith = code));
    const followed = follow(client, BALANCE, { id: '1' });
    await until('it has begun', () => followed.data.length === 1);
    follow(client, 'mutation { logout }');
    await until('the socket is closed', () => closedWith === 4401);
    expect(codesOf(followed)).toEqual(['UNAUTHENTICATED']);
  });
});

describe('operations on a socket', () => {
  test('queries and mutations answer, with the same masks', async () => {
    await start();
    const client = await signedIn();
    const query = follow(client, 'query ($id: ID!) { account(id: $id) { name broken } me { displayName } }', {
      id: '1',
    });
    await until('it is answered', () => query.completed);
    expect(query.data).toEqual([
      { account: { name: 'Account 1', broken: null }, me: { displayName: expect.any(String) } },
    ]);
    expect(codesOf(query)).toEqual(['INTERNAL']);
    expect(query.errors[0]!.extensions.requestId).toEqual(expect.any(String));
  });

  test.each([
    ['too large', `{ me { ${'id '.repeat(5000)} } }`, 'QUERY_TOO_LARGE'],
    [
      'a subscription too large',
      `subscription { balanceUpdated(accountId: "1") { ${'kind '.repeat(500)} } }`,
      'QUERY_TOO_COMPLEX',
    ],
    ['not GraphQL', 'subscription {', 'GRAPHQL_PARSE_FAILED'],
    ['unknown fields', 'subscription { nothing }', 'GRAPHQL_VALIDATION_FAILED'],
    ['two root fields', 'subscription { a: ticked b: ticked }', 'GRAPHQL_VALIDATION_FAILED'],
    [
      'a condition on the root field',
      'subscription ($x: Boolean!) { ticked @include(if: $x) }',
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'several operations without a name',
      'subscription A { ticked } subscription B { ticked }',
      'OPERATION_RESOLUTION_FAILURE',
    ],
    ['a variable of the wrong type', BALANCE, 'BAD_USER_INPUT'],
  ])('%s is refused with a code, and the socket goes on', async (_, query, code) => {
    await start();
    const client = await signedIn();
    const refused = follow(client, query, query === BALANCE ? { id: { not: 'an id' } } : { x: true });
    await until('it is refused', () => refused.completed);
    expect([...new Set(codesOf(refused))]).toEqual([code]);
    const good = follow(client, BALANCE, { id: '1' });
    await until('another begins', () => good.data.length === 1);
    expect(bank.versions.opened).toBe(1);
  });

  test('a socket carries a bounded number of them', async () => {
    await start();
    const client = await signedIn();
    const followed = Array.from({ length: 101 }, (_, index) => follow(client, BALANCE, { id: String(index) }));
    await until('each has begun or was refused', () =>
      followed.every(({ data, completed }) => data.length > 0 || completed),
    );
    expect(followed.filter(({ completed }) => completed).map(codesOf)).toEqual([['TOO_MANY_SUBSCRIPTIONS']]);
  });

  test('a message that is too large or no message closes the socket and nothing else', async () => {
    await start();
    const send = async (message: string) => {
      const socket = new WebSocket(bank.socketUrl, 'graphql-transport-ws');
      await new Promise((resolve) => socket.once('open', resolve));
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.send(message);
      return closed;
    };
    expect(await send('x'.repeat(1024 * 1024 + 1))).toBe(1009);
    expect(await send('not json')).toBe(4400);
    expect(await send('{"type":"subscribe","id":"1","payload":{"query":"{ signedIn }"}}')).toBe(4401);
    expect((await bank.query('{ signedIn }')).status).toBe(200);
  });
});

describe('when the ground moves', () => {
  test('a lost subgraph ends its streams with SUBSCRIPTION_SOURCE_LOST', async () => {
    await start({ wiring: 'http' });
    const client = await signedIn();
    const followed = follow(client, BALANCE, { id: '1' });
    await until('it has begun', () => followed.data.length === 1);
    await bank.kill('wallet');
    await until('it has ended', () => followed.completed);
    expect(codesOf(followed)).toEqual(['SUBSCRIPTION_SOURCE_LOST']);
    const again = follow(client, BALANCE, { id: '1' });
    await until('it is refused', () => again.completed);
    expect(codesOf(again)).toEqual(['SUBGRAPH_UNAVAILABLE']);
  });

  test('a lost subgraph beside the stream costs its fields only', async () => {
    await start({ wiring: 'http' });
    const followed = follow(
      await signedIn(),
      'subscription { balanceUpdated(accountId: "1") { version account { owner { displayName riskLevel } } } }',
    );
    await until('it has begun', () => followed.data.length === 1);
    await bank.kill('risk');
    bank.versions.post('1');
    await until('the change came', () => followed.data.length === 2);
    expect(followed.data[1]).toEqual({
      balanceUpdated: { version: 1, account: { owner: { displayName: expect.any(String), riskLevel: null } } },
    });
    expect(codesOf(followed)).toEqual(['SUBGRAPH_UNAVAILABLE']);
  });

  test('a new supergraph serves new streams while the running ones keep theirs', async () => {
    await start();
    const client = await signedIn();
    const old = follow(client, BALANCE, { id: '1' });
    await until('it has begun', () => old.data.length === 1);
    writeFileSync(
      bank.supergraphPath,
      composeSmallBank((name, typeDefs) => (name === 'wallet' ? typeDefs.replace('fragile: String', '') : typeDefs)),
    );
    const fragile = 'subscription { balanceUpdated(accountId: "1") { fragile } }';
    await until('the field is gone', async () => {
      const tried = follow(client, fragile);
      await until('it is decided', () => tried.completed || tried.data.length > 0);
      tried.leave();
      return codesOf(tried).includes('GRAPHQL_VALIDATION_FAILED');
    });
    bank.versions.post('1');
    const fresh = follow(client, BALANCE, { id: '1' });
    await until('both go on', () => old.data.length === 2 && fresh.data.length === 1);
    expect(versionsOf(old)).toEqual([0, 1]);
  });

  test('a gateway that closes says goodbye to its sockets and closes its upstreams', async () => {
    await start();
    let closedWith = 0;
    const followed = follow(await signedIn({}, (code) => (closedWith = code)), BALANCE, { id: '1' });
    await until('it has begun', () => followed.data.length === 1);
    await bank.gateway.close();
    expect(bank.versions.open).toBe(0);
    await until('the client knows', () => closedWith !== 0);
    expect(closedWith).toBe(1001);
  });
});
