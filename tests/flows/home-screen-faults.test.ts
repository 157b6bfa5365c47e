import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runSubgraphs, type RunningSubgraphs } from '../../bank/run-subgraphs.ts';
import { serviceRole } from '../../bank/owners.ts';
import { runGateway } from '../../gateway/run-gateway.ts';
import { systemClock } from '../../platform/clock.ts';
import { readConfig } from '../../platform/config.ts';
import { createLog } from '../../platform/log.ts';
import { createHttpTransport } from '../../platform/subgraph-http-transport.ts';
import { listenSubgraph, type ListeningSubgraph } from '../../platform/subgraph-server.ts';
import { SUBGRAPH_NAMES, type SubgraphName, type SubgraphTransport } from '../../platform/subgraph.ts';
import { CALLER_KEY } from '../../platform/viewer.ts';
import { createLocalWakeUp } from '../../platform/wake-up.ts';
import { NO_PROVIDERS } from '../../providers/providers.ts';
import { ask } from '../graph-client.ts';
import { HOME_SCREEN, type HomeScreen } from '../home-screen.ts';
import { until } from '../until.ts';
import { openWorld, type Person, type World } from '../world.ts';

/* One part of the bank fails, and the rest of the home screen stands: in one process, and with each part behind HTTP. */

type Me = NonNullable<HomeScreen['me']>;

/** What each subgraph answers of the screen. */
const FIELDS: Record<Exclude<SubgraphName, 'user'>, (keyof Me)[]> = {
  wallet: ['accounts', 'paymentMethods'],
  portfolio: ['portfolio'],
  transfer: ['transfers'],
  risk: ['riskProfile'],
  insights: ['insights'],
};
const PARTS = Object.entries(FIELDS) as [SubgraphName, (keyof Me)[]][];
const DAYS = { from: '2026-11-01', to: '2026-11-30' };

interface Screen {
  status: number;
  me: Me | null;
  codes: unknown[];
}

let world: World;
let person: Person;
beforeAll(async () => {
  world = await openWorld();
  person = await world.register('Somebody');
  await world.openAccount(person, 'USD', '100.00');
  // The portfolio follows the log: screens are compared once it has come through.
  await until('the whole screen knows the money', async () => {
    const { me } = await screen(world.urls[0]!);
    return me?.portfolio?.total.amount === '100.00';
  });
});
afterAll(() => world.close());

async function screen(url: string, query = HOME_SCREEN): Promise<Screen> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${person.accessToken}` },
    body: JSON.stringify({ query, ...(query === HOME_SCREEN && { variables: DAYS }) }),
  });
  // The gateway answers in JSON whatever happens.
  const { data, errors = [] } = (await response.json()) as {
    data: HomeScreen | null;
    errors?: { extensions: { code: string } }[];
  };
  return {
    status: response.status,
    me: data?.me ?? null,
    codes: [...new Set(errors.map(({ extensions }) => extensions.code))],
  };
}

function expectOnlyMissing(found: Screen, whole: Screen, fields: readonly (keyof Me)[], code: string): void {
  expect(found.codes).toEqual([code]);
  for (const field of Object.keys(whole.me!) as (keyof Me)[]) {
    if (fields.includes(field)) expect([field, found.me![field]]).toEqual([field, null]);
    else expect([field, found.me![field]]).toEqual([field, whole.me![field]]);
  }
}

describe('in one process', () => {
  test.each(PARTS)('%s without its tables costs its own fields', async (name, fields) => {
    const whole = await screen(world.urls[0]!);
    expect(whole.codes).toEqual([]);
    await world.admin.query(`REVOKE USAGE ON SCHEMA ${name} FROM ${serviceRole(name)}`);
    try {
      expectOnlyMissing(await screen(world.urls[0]!), whole, fields, 'INTERNAL');
    } finally {
      await world.admin.query(`GRANT USAGE ON SCHEMA ${name} TO ${serviceRole(name)}`);
    }
    expect((await screen(world.urls[0]!)).me).toEqual(whole.me);
  });
});

describe('with each part behind HTTP', () => {
  let subgraphs: RunningSubgraphs;
  const listening = new Map<SubgraphName, ListeningSubgraph>();
  let gateway: { url: string; close(): Promise<void> };
  const ended: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    const { database } = world;
    const log = createLog('silent');
    const wakeUp = createLocalWakeUp(log);
    const config = readConfig({ NODE_ENV: 'test', PORT: '0' });
    const shared = {
      config,
      databaseUrl: database.adminUrl,
      secrets: database.secrets,
      wakeUp,
      clock: systemClock,
      log,
    };
    subgraphs = await runSubgraphs({ ...shared, providers: NO_PROVIDERS, names: SUBGRAPH_NAMES });
    for (const name of SUBGRAPH_NAMES) listening.set(name, await listen(name, 0));
    const key = database.secrets.key(CALLER_KEY);
    const transports = Object.fromEntries(
      SUBGRAPH_NAMES.map((name) => [
        name,
        createHttpTransport({ name, url: listening.get(name)!.url, key, clock: systemClock, log }),
      ]),
      // Object.fromEntries loses the names' type; they are all there by construction.
    ) as Record<SubgraphName, SubgraphTransport>;
    gateway = await runGateway({ ...shared, transports });
    ended.push(
      () => gateway.close(),
      ...SUBGRAPH_NAMES.map((name) => () => transports[name].close()),
      ...SUBGRAPH_NAMES.map((name) => () => listening.get(name)!.close()),
      () => subgraphs.stop(),
      () => wakeUp.close(),
    );
  });
  afterAll(async () => {
    for (const end of ended) await end();
  });

  function listen(name: SubgraphName, port: number): Promise<ListeningSubgraph> {
    const served = subgraphs.served.find(({ subgraph }) => subgraph.name === name)!;
    const key = world.database.secrets.key(CALLER_KEY);
    return listenSubgraph(served, { port, host: '127.0.0.1', key, clock: systemClock, log: createLog('silent') });
  }

  /** Ends one subgraph's door for as long as `work` takes. */
  async function without(name: SubgraphName, work: () => Promise<void>): Promise<void> {
    const door = listening.get(name)!;
    await door.close();
    await work();
    listening.set(name, await listen(name, Number(new URL(door.url).port)));
  }

  test.each(PARTS)('%s away costs its own fields, and they are there again when it is back', async (name, fields) => {
    const whole = await screen(gateway.url);
    expect(whole.codes).toEqual([]);
    await without(name, async () => {
      expectOnlyMissing(await screen(gateway.url), whole, fields, 'SUBGRAPH_UNAVAILABLE');
    });
    expect((await screen(gateway.url)).me).toEqual(whole.me);
  });

  test('user away costs the person’s name, which no screen that asks for it can do without', async () => {
    await without('user', async () => {
      // displayName is never null by contract, so nothing of a person whose name is asked for can be shown.
      expect(await screen(gateway.url)).toEqual({ status: 200, me: null, codes: ['SUBGRAPH_UNAVAILABLE'] });
      const others = await screen(gateway.url, '{ me { accounts { edges { node { name } } } riskProfile { level } } }');
      expect(others).toMatchObject({ codes: [], me: { accounts: { edges: [expect.anything()] } } });
    });
  });

  test('money still moves when what only shows it is away', async () => {
    const receiver = await world.register('Receiver');
    const to = await world.openAccount(receiver);
    const { me } = await screen(gateway.url);
    const from = me!.accounts!.edges[0]!.node.id;
    await without('insights', () =>
      without('portfolio', async () => {
        const { createTransfer } = await ask<{ createTransfer: { transfer: { status: string } | null } }>(
          gateway.url,
          'mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { status } } }',
          {
            token: person.accessToken,
            variables: {
              input: {
                idempotencyKey: 'while-away',
                source: { accountId: from },
                destination: { accountId: to },
                amount: { amount: '1.00', currency: 'USD' },
              },
            },
          },
        );
        expect(createTransfer.transfer?.status).toBe('COMPLETED');
      }),
    );
  });
});
