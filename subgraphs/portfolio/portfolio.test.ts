import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type UserId } from '../../platform/ids.ts';
import type { NewEvent } from '../../platform/event-log.ts';
import { viewerFor } from '../../tests/one-subgraph.ts';
import {
  accountOpened,
  entryPosted,
  eventAccount,
  openProjectionWorld,
  type EventAccount,
  type ProjectionWorld,
} from '../../tests/projection-world.ts';
import { until } from '../../tests/until.ts';
import { createPortfolioSubgraph } from './subgraph.ts';

const NOW = new Date('2026-03-10T15:00:00.000Z');
const PAUSE_MS = 100;
let world: ProjectionWorld;

beforeAll(async () => {
  // The subgraph is not started: it has no rates. Those are in rates.test.ts.
  world = await openProjectionWorld('portfolio', (deps) => createPortfolioSubgraph({ ...deps, pauseMs: PAUSE_MS }), {
    clock: { now: () => NOW },
  });
});
afterAll(() => world.close());

const daysAgo = (days: number) => new Date(NOW.getTime() - days * 86_400_000);

function deposit(account: EventAccount, amountMinor: bigint, at = daysAgo(0.5)): NewEvent<'EntryPosted'> {
  return entryPosted([{ account, amountMinor, lineType: amountMinor < 0n ? 'WITHDRAWAL' : 'DEPOSIT' }], at);
}

interface Portfolio {
  id: string;
  total: { amount: string; currency: string };
  asOf: string;
  stale: boolean;
  ratesDate: string | null;
  holdings: Record<string, unknown>[];
  change: { absolute: { amount: string }; ratio: string | null };
  history: { date: string; total: { amount: string } }[];
}

const FIELDS = `id total { amount currency } asOf stale ratesDate
  holdings { currency quantity price { amount currency } value { amount currency } share accounts { id } }`;

async function portfolioOf(
  id: string,
  {
    viewer = viewerFor(id as UserId),
    args = '',
    fields = FIELDS,
  }: { viewer?: ReturnType<typeof viewerFor> | null; args?: string; fields?: string } = {},
) {
  const query = `query ($id: ID!) { _entities(representations: [{ __typename: "User", id: $id }]) {
    ... on User { portfolio${args} { ${fields} } } } }`;
  const { data, errors } = await world.execute<{ _entities: { portfolio: Portfolio | null }[] }>(query, {
    viewer,
    variables: { id },
  });
  return { portfolio: data?._entities[0]?.portfolio ?? null, errors };
}

describe('User.portfolio', () => {
  test('values everything in the currency of the oldest account and lists what has no price', async () => {
    const owner = newId<UserId>();
    const [first, second, euros] = [eventAccount(owner), eventAccount(owner), eventAccount(owner, 'EUR')];
    await world.append([
      accountOpened(euros, daysAgo(1)),
      accountOpened(first, daysAgo(3)),
      accountOpened(second, daysAgo(2)),
      deposit(first, 10_000n),
      deposit(second, 2_550n),
      deposit(euros, 77n),
    ]);
    const { portfolio, errors } = await portfolioOf(owner);
    expect(errors).toEqual([]);
    expect(portfolio).toEqual({
      id: `${owner}:USD`,
      total: { amount: '125.50', currency: 'USD' },
      asOf: NOW.toISOString(),
      stale: true,
      ratesDate: null,
      holdings: [
        {
          currency: 'USD',
          quantity: '125.50',
          price: { amount: '1.00', currency: 'USD' },
          value: { amount: '125.50', currency: 'USD' },
          share: '1',
          accounts: [{ id: first.id }, { id: second.id }],
        },
        { currency: 'EUR', quantity: '0.77', price: null, value: null, share: null, accounts: [{ id: euros.id }] },
      ],
    });
    const inEuros = await portfolioOf(owner, { args: '(currency: "EUR")' });
    expect(inEuros.portfolio).toMatchObject({ id: `${owner}:EUR`, total: { amount: '0.77', currency: 'EUR' } });
  });

  test('of somebody without accounts is empty', async () => {
    const { portfolio } = await portfolioOf(newId<UserId>(), {
      fields: `${FIELDS} change { absolute { amount } ratio }`,
    });
    expect(portfolio).toMatchObject({
      total: { amount: '0.00', currency: 'USD' },
      holdings: [],
      change: { absolute: { amount: '0.00' }, ratio: null },
    });
  });

  test('is null for others, for nobody and for what is no id; staff may look', async () => {
    const owner = newId<UserId>();
    const account = eventAccount(owner);
    await world.append([accountOpened(account), deposit(account, 5n)]);
    expect(await portfolioOf(owner, { viewer: viewerFor() })).toEqual({ portfolio: null, errors: [] });
    expect(await portfolioOf(owner, { viewer: null })).toEqual({ portfolio: null, errors: [] });
    expect(await portfolioOf('no id', { viewer: viewerFor() })).toEqual({ portfolio: null, errors: [] });
    expect((await portfolioOf(owner, { viewer: viewerFor(newId(), ['SUPPORT']) })).portfolio).not.toBeNull();
  });

  test('refuses a currency that the bank does not know', async () => {
    const { errors } = await portfolioOf(newId<UserId>(), { args: '(currency: "XYZ")' });
    expect(errors).toEqual([expect.objectContaining({ code: 'UNSUPPORTED_CURRENCY' })]);
  });

  test('does not go by the order of events, but by versions', async () => {
    const owner = newId<UserId>();
    const account = eventAccount(owner);
    const [one, two, three] = [deposit(account, 100n), deposit(account, 20n), deposit(account, 3n)];
    await world.append([three, one]);
    expect((await portfolioOf(owner)).portfolio?.total.amount).toBe('1.23');
    await world.append([accountOpened(account), two, two, one]);
    expect((await portfolioOf(owner)).portfolio?.total.amount).toBe('1.23');
    const { rows } = await world.admin.query(
      'SELECT version::int, posted::int FROM portfolio.balance WHERE account_id = $1 ORDER BY version',
      [account.id],
    );
    expect(rows).toEqual([
      { version: 1, posted: 100 },
      { version: 2, posted: 120 },
      { version: 3, posted: 123 },
    ]);
  });

  test('reads everybody’s accounts with one statement, and the rates with one', async () => {
    const staff = viewerFor(newId(), ['SUPPORT']);
    const users = Array.from({ length: 10 }, () => ({ __typename: 'User', id: newId() }));
    await portfolioOf(newId<UserId>());
    const before = world.statements();
    const { data } = await world.execute<{ _entities: unknown[] }>(
      `query ($users: [_Any!]!) { _entities(representations: $users) { ... on User { portfolio { total { amount } } } } }`,
      { viewer: staff, variables: { users } },
    );
    expect(data._entities).toHaveLength(10);
    // The rates of the portfolio before are good for a second; when that has just passed, they are read once more.
    expect([1, 2]).toContain(world.statements() - before);
  });
});

describe('change and history', () => {
  async function ownerWithPast(): Promise<UserId> {
    const owner = newId<UserId>();
    const account = eventAccount(owner);
    await world.append([
      accountOpened(account, daysAgo(40)),
      deposit(account, 10_000n, daysAgo(40)),
      deposit(account, -4_000n, daysAgo(5)),
      deposit(account, 2_000n, daysAgo(0.5)),
    ]);
    return owner;
  }

  test.each([
    ['(period: DAY)', '20.00', '0.333333'],
    ['', '20.00', '0.333333'],
    ['(period: WEEK)', '-20.00', '-0.2'],
    ['(period: MONTH)', '-20.00', '-0.2'],
    ['(period: YEAR)', '80.00', null],
    ['(period: ALL)', '80.00', null],
  ])('change%s is %s', async (args, absolute, ratio) => {
    const { portfolio } = await portfolioOf(await ownerWithPast(), {
      fields: `change${args} { absolute { amount } ratio }`,
    });
    expect(portfolio?.change).toEqual({ absolute: { amount: absolute }, ratio });
  });

  test('history has the balance at the end of each day', async () => {
    const owner = await ownerWithPast();
    const fields = 'history(from: "2026-03-04", to: "2026-03-10", points: 7) { date total { amount } }';
    const { portfolio } = await portfolioOf(owner, { fields });
    expect(portfolio?.history.map(({ date, total }) => [date, total.amount])).toEqual([
      ['2026-03-04', '100.00'],
      ['2026-03-05', '60.00'],
      ['2026-03-06', '60.00'],
      ['2026-03-07', '60.00'],
      ['2026-03-08', '60.00'],
      ['2026-03-09', '60.00'],
      ['2026-03-10', '80.00'],
    ]);
  });

  test('history refuses days in the wrong order', async () => {
    const fields = 'history(from: "2026-03-04", to: "2026-03-03") { date }';
    const { errors } = await portfolioOf(newId<UserId>(), { fields });
    expect(errors).toEqual([expect.objectContaining({ code: 'BAD_USER_INPUT' })]);
  });
});

describe('portfolioUpdated', () => {
  const QUERY =
    'subscription ($currency: CurrencyCode) { portfolioUpdated(currency: $currency) { total { amount currency } } }';

  /** Reads a stream until it ends, into a list. */
  function read(stream: ReturnType<ProjectionWorld['subscribe']>) {
    const seen: { amount: unknown; position: number | undefined; atMs: number }[] = [];
    const ended = (async () => {
      for await (const { result, position } of stream) {
        const { portfolioUpdated } = result.data as { portfolioUpdated: { total: { amount: string } } };
        seen.push({ amount: portfolioUpdated.total.amount, position, atMs: performance.now() });
      }
    })();
    return { seen, ended };
  }

  test('shows the portfolio now, then what it came to, never more often than the pause allows', async () => {
    const owner = newId<UserId>();
    const account = eventAccount(owner);
    const stream = world.subscribe(QUERY, { viewer: viewerFor(owner), variables: { currency: null } });
    const { seen, ended } = read(stream);
    await until('the empty portfolio', () => seen.length === 1);
    await world.append([accountOpened(account)], { unheard: true });
    for (let n = 0; n < 50; n++) await world.append([deposit(account, 1n)], { unheard: true });
    await until('the last of them', () => seen.at(-1)?.amount === '0.50');
    expect(seen.length).toBeLessThan(50);
    seen.slice(1).forEach(({ atMs, position }, index) => {
      // A timer may be early by a millisecond against the other clock.
      expect(atMs - seen[index]!.atMs).toBeGreaterThan(PAUSE_MS - 10);
      expect(position).toBeGreaterThan(seen[index]!.position!);
    });
    await stream.return!();
    await ended;
  });

  test('tells nothing of other people’s money, and ends at once on a quiet stream', async () => {
    const stream = world.subscribe(QUERY, { viewer: viewerFor() });
    const { seen, ended } = read(stream);
    await until('the empty portfolio', () => seen.length === 1);
    const other = eventAccount(newId<UserId>());
    await world.append([accountOpened(other), deposit(other, 100n)]);
    await world.deps.tail.caughtUp(AbortSignal.timeout(10_000));
    await stream.return!();
    await ended;
    expect(seen).toHaveLength(1);
  });

  test('ends by the caller’s signal, and with the subgraph', async () => {
    const leave = new AbortController();
    const first = read(world.subscribe(QUERY, { viewer: viewerFor(), signal: leave.signal }));
    await until('the empty portfolio', () => first.seen.length === 1);
    leave.abort();
    await first.ended;

    const own = await openProjectionWorld('portfolio', createPortfolioSubgraph);
    const second = read(own.subscribe(QUERY, { viewer: viewerFor() }));
    await until('the empty portfolio', () => second.seen.length === 1);
    await own.close();
    await second.ended;
  });

  test('shows what is there when its listener is late, and the rest when that has come', async () => {
    const owner = newId<UserId>();
    const account = eventAccount(owner);
    let late = true;
    const slow = await openProjectionWorld(
      'portfolio',
      (deps) => createPortfolioSubgraph({ ...deps, pauseMs: PAUSE_MS }),
      { listenersCaughtUp: () => (late ? Promise.reject(new Error('not in time')) : Promise.resolve()) },
    );
    const stream = slow.subscribe(QUERY, { viewer: viewerFor(owner) });
    const { seen, ended } = read(stream);
    await until('the empty portfolio', () => seen.length === 1);
    await slow.append([accountOpened(account), deposit(account, 100n)]);
    await until('the deposit', () => seen.at(-1)?.amount === '1.00');
    late = false;
    await stream.return!();
    await ended;
    await slow.close();
  });

  test.each([
    [null, null, 'UNAUTHENTICATED'],
    [viewerFor(), 'XYZ', 'UNSUPPORTED_CURRENCY'],
  ])('refuses the viewer %j with currency %s', async (viewer, currency, code) => {
    const codes = [];
    for await (const { result } of world.subscribe(QUERY, { viewer, variables: { currency } })) {
      codes.push(result.errors?.[0]?.extensions['code']);
    }
    expect(codes).toEqual([code]);
  });
});
