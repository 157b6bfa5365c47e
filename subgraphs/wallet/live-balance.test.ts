import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { QueryResultRow } from 'pg';
import { placeHold } from '../../tests/holds.ts';
import { releaseHold } from '../../ledger/holds.ts';
import type { Queryable } from '../../platform/db.ts';
import type { EventTail } from '../../platform/event-tail.ts';
import type { StoredEvent } from '../../platform/events.ts';
import { newId, type AccountId, type HoldId } from '../../platform/ids.ts';
import type { SubgraphEvent } from '../../platform/subgraph.ts';
import type { Viewer } from '../../platform/viewer.ts';
import { viewerFor } from '../../tests/one-subgraph.ts';
import { until } from '../../tests/until.ts';
import { startWalletWorld, type WalletWorld } from '../../tests/wallet-world.ts';
import { followBalance } from './follow-balance.ts';

let world: WalletWorld;
let viewer: Viewer;
let accountId: AccountId;
beforeAll(async () => {
  world = await startWalletWorld();
});
afterAll(() => world.close());

let opened: AsyncIterableIterator<SubgraphEvent>[];
beforeEach(async () => {
  opened = [];
  viewer = viewerFor();
  accountId = await world.open(viewer.userId);
});
afterEach(async () => {
  for (const stream of opened) await stream.return!();
});

const LIVE = `subscription ($id: ID!, $after: Int) { balanceUpdated(accountId: $id, afterVersion: $after) {
  kind eventId account { id name balance { version } } balance { version posted { amount } available { amount } asOf }
  cause { id type amount { amount } balanceAfter { amount } description counterparty createdAt } } }`;

interface Update {
  kind: string;
  eventId: string;
  account: { id: AccountId; balance: { version: number } };
  balance: { version: number; posted: { amount: string }; asOf: string };
  cause: { id: string; amount: { amount: string } } | null;
}

function follow(variables: { id?: string; after?: number | null } = {}, as: Viewer | null = viewer) {
  const stream = world.subscribe(LIVE, { viewer: as, variables: { id: accountId, ...variables } });
  opened.push(stream);
  return stream;
}

async function take(stream: AsyncIterableIterator<SubgraphEvent>, count: number) {
  const updates: Update[] = [];
  while (updates.length < count) {
    const { value, done } = (await stream.next()) as IteratorResult<SubgraphEvent, undefined>;
    if (done) throw new Error(`ended after ${updates.length} updates`);
    expect(value.result.errors).toBeUndefined();
    const update = (value.result.data as { balanceUpdated: Update }).balanceUpdated;
    expect(value.position).toBe(update.balance.version);
    expect(update.eventId).toBe(`${update.account.id}:${update.balance.version}`);
    updates.push(update);
  }
  return updates;
}

const versions = (updates: Update[]) => updates.map(({ balance }) => balance.version);
const upTo = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);
const post = (amountMinor: bigint) => world.post({ accountId, amountMinor });
const tailHasToldAll = () => world.deps.tail.caughtUp(AbortSignal.timeout(10_000));
const sql = async (text: string, ...values: unknown[]) =>
  (await world.database.pool('postgres').query<Record<string, unknown>>(text, values)).rows;

/** `total` postings of one cent, four calls at a time and up to five in a call. */
async function postMany(total: number) {
  let left = total;
  const worker = async () => {
    while (left > 0) {
      const count = Math.min(left, 1 + (left % 5));
      left -= count;
      await world.post(...Array.from({ length: count }, () => ({ accountId, amountMinor: 1n })));
    }
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
}

/** Every CHANGE says what the ledger wrote about that version, not what became of it later. */
async function expectAsInLedger(updates: Update[]) {
  const rows = await sql(
    'SELECT version, posted, posting_id, amount, at FROM ledger.balance_changes WHERE account_id = $1 ORDER BY version',
    accountId,
  );
  const cents = (minor: unknown) => (Number(minor) / 100).toFixed(2);
  for (const { kind, balance, cause } of updates) {
    const row = rows[balance.version - 1]!;
    expect(balance).toMatchObject({
      posted: { amount: cents(row['posted']) },
      available: { amount: cents(row['posted']) },
      asOf: (row['at'] as Date).toISOString(),
    });
    expect(kind).toBe('CHANGE');
    expect(cause).toMatchObject({
      id: row['posting_id'],
      amount: { amount: cents(row['amount']) },
      balanceAfter: { amount: cents(row['posted']) },
    });
  }
}

describe('a live balance', () => {
  test('begins with the present and goes on with every change', async () => {
    await world.post({ accountId, amountMinor: 1000n });
    const stream = follow();
    const [snapshot] = await take(stream, 1);
    expect(snapshot).toEqual({
      kind: 'SNAPSHOT',
      eventId: `${accountId}:1`,
      account: { id: accountId, name: 'My USD', balance: { version: 1 } },
      balance: { version: 1, posted: { amount: '10.00' }, available: { amount: '10.00' }, asOf: expect.any(String) },
      cause: null,
    });
    await world.post({
      accountId,
      amountMinor: -250n,
      lineType: 'TRANSFER_OUT',
      counterparty: 'Bo',
      description: 'Rent',
    });
    const [change] = await take(stream, 1);
    expect(change).toMatchObject({
      kind: 'CHANGE',
      balance: { version: 2, posted: { amount: '7.50' } },
      cause: { type: 'TRANSFER_OUT', amount: { amount: '-2.50' }, description: 'Rent', counterparty: 'Bo' },
    });
    await expectAsInLedger([change!]);
  });

  test('misses and repeats nothing while much is posted at once', async () => {
    const stream = follow();
    const posting = postMany(300);
    const [snapshot, ...changes] = await take(stream, 301);
    await posting;
    expect(snapshot!.balance.version).toBe(0);
    expect(versions(changes)).toEqual(upTo(1, 300));
    await expectAsInLedger(changes);
  });

  test('begins wherever it is opened in the middle of postings, without a gap', async () => {
    const posting = postMany(300);
    let done = false;
    void posting.then(() => (done = true));
    const streams: { stream: AsyncIterableIterator<SubgraphEvent>; first: Update }[] = [];
    while (!done && streams.length < 12) {
      const stream = follow();
      const [first] = await take(stream, 1);
      streams.push({ stream, first: first! });
    }
    await posting;
    expect(streams.length).toBeGreaterThan(3);
    expect(streams.some(({ first }) => first.balance.version > 0 && first.balance.version < 300)).toBe(true);
    for (const { stream, first } of streams) {
      expect(first.kind).toBe('SNAPSHOT');
      const changes = await take(stream, 300 - first.balance.version);
      expect(versions(changes)).toEqual(upTo(first.balance.version + 1, 300));
    }
  });

  test('does not miss what is posted right after its beginning was read', async () => {
    const { pool, tail } = world.deps;
    const pausing: Queryable = {
      async query<Row extends QueryResultRow>(sql: { name?: string; text: string; values?: unknown[] }) {
        const result = await pool.query<Row>(sql);
        if (sql.name === 'ledger-accounts-by-ids') {
          await post(1n);
          await tailHasToldAll();
        }
        return result;
      },
    };
    const deps = { pool: pausing, tail, openStreams: new Set<() => void>() };
    const stream = await followBalance(deps, viewer, { accountId }, new AbortController().signal);
    expect((await stream.next()).value).toMatchObject({ position: 0, value: { kind: 'SNAPSHOT' } });
    const next = await Promise.race([stream.next(), delay(5_000, 'nothing came', { ref: false })]);
    expect(next).toMatchObject({ value: { position: 1, value: { kind: 'CHANGE' } } });
    await stream.return!();
  });

  test('goes on when the database was away just as a gap was to be read', async () => {
    await post(1n);
    await tailHasToldAll();
    const { pool, tail } = world.deps;
    let away = 2;
    const breaking: Queryable = {
      query<Row extends QueryResultRow>(sql: { name?: string; text: string; values?: unknown[] }) {
        if (sql.name === 'ledger-accounts-by-ids' || away-- <= 0) return pool.query<Row>(sql);
        return Promise.reject(Object.assign(new Error('the server goes away'), { code: '57P02' }));
      },
    };
    const deps = { pool: breaking, tail, openStreams: new Set<() => void>() };
    const stream = await followBalance(deps, viewer, { accountId, afterVersion: 0 }, new AbortController().signal);
    expect((await stream.next()).value).toMatchObject({ position: 1, value: { kind: 'CHANGE' } });
    expect(away).toBeLessThan(0);
    await stream.return!();
  });

  test('waits for a subscriber who does not read, and costs little meanwhile', async () => {
    const stream = follow();
    await take(stream, 1);
    await postMany(450);
    await tailHasToldAll();
    const before = world.statements();
    const changes = await take(stream, 450);
    expect(versions(changes)).toEqual(upTo(1, 450));
    await expectAsInLedger(changes);
    // Each update reads the account it shows (2 statements). Of the changes at most 100 were kept in memory; the others come
    // in pages of 100 (2 statements each).
    const forPages = world.statements() - before - 450 * 2;
    expect(forPages).toBeGreaterThanOrEqual(4 * 2);
    expect(forPages).toBeLessThanOrEqual(5 * 2);
  });

  test('tells of a hold without a cause', async () => {
    await post(500n);
    const stream = follow();
    await take(stream, 1);
    const ledger = world.database.pool('dwaybank_ledger', { max: 1 });
    const id = newId<HoldId>();
    await placeHold(ledger, { id, accountId, amount: { amountMinor: 200n, currency: 'USD' }, transferId: null });
    // No posting comes after it: the stream has to hear of the hold itself.
    const [held] = await take(stream, 1);
    expect(held).toMatchObject({
      kind: 'CHANGE',
      balance: { version: 2, posted: { amount: '5.00' }, available: { amount: '3.00' } },
      cause: null,
    });
    await post(1n);
    const [posting] = await take(stream, 1);
    expect(posting).toMatchObject({
      balance: { version: 3, available: { amount: '3.01' } },
      cause: { amount: { amount: '0.01' } },
    });
    await releaseHold(ledger, id);
    const [released] = await take(stream, 1);
    expect(released).toMatchObject({ balance: { version: 4, available: { amount: '5.01' } }, cause: null });
  });

  test('goes on after the server has dropped every connection', async () => {
    const stream = follow();
    await take(stream, 1);
    await sql(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'dwaybank_wallet' AND datname = current_database()`,
    );
    for (let n = 0; n < 5; n++) await post(1n);
    expect(versions(await take(stream, 5))).toEqual([1, 2, 3, 4, 5]);
  });
});

describe('afterVersion', () => {
  test('gives what was missed, however much, then what comes, and no snapshot', async () => {
    await postMany(250);
    await tailHasToldAll();
    const stream = follow({ after: 20 });
    const missed = await take(stream, 230);
    expect(versions(missed)).toEqual(upTo(21, 250));
    await expectAsInLedger(missed);
    await postMany(10);
    const changes = await take(stream, 10);
    expect(versions(changes)).toEqual(upTo(251, 260));
    await expectAsInLedger(changes);
  });

  test('of the present gives only what comes', async () => {
    await postMany(3);
    const stream = follow({ after: 3 });
    const next = stream.next();
    // Registered before this posting or not: it is told either way, and nothing before it.
    await post(1n);
    const { value } = (await next) as IteratorYieldResult<SubgraphEvent>;
    expect(value.position).toBe(4);
  });

  test('of 0 gives everything', async () => {
    await postMany(3);
    await tailHasToldAll();
    const updates = await take(follow({ after: 0 }), 3);
    expect(updates.map(({ kind }) => kind)).toEqual(['CHANGE', 'CHANGE', 'CHANGE']);
    expect(versions(updates)).toEqual([1, 2, 3]);
  });
});

describe('following is refused', () => {
  const refusal = async (stream: AsyncIterableIterator<SubgraphEvent>) => {
    const { value } = (await stream.next()) as IteratorYieldResult<SubgraphEvent>;
    expect(value.result.data ?? null).toBeNull();
    expect((await stream.next()).done).toBe(true);
    const [error] = value.result.errors!;
    return { code: error!.extensions['code'], message: error!.message };
  };

  test('for another’s account as for one that does not exist', async () => {
    const missing = await refusal(follow({ id: newId() }));
    expect(missing.code).toBe('NOT_FOUND');
    expect(await refusal(follow({}, viewerFor()))).toEqual(missing);
    expect(await refusal(follow({}, viewerFor(undefined, ['ADMIN'])))).toEqual(missing);
    expect(await refusal(follow({ id: 'no id' }))).toEqual(missing);
    // Whose it is comes before how far it is.
    expect(await refusal(follow({ after: 1_000 }, viewerFor()))).toEqual(missing);
  });

  test('for a version that has not been yet, or cannot be', async () => {
    await post(1n);
    expect(await refusal(follow({ after: 2 }))).toMatchObject({ code: 'VERSION_AHEAD' });
    expect(await refusal(follow({ after: -1 }))).toMatchObject({ code: 'BAD_USER_INPUT' });
  });

  test('for nobody', async () => {
    expect(await refusal(follow({}, null))).toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});

describe('the end', () => {
  /** The real tail, with its followers counted. */
  function counted(tail: EventTail) {
    const counting = { followers: 0, tail: { ...tail } };
    counting.tail.follow = (key, onEvent) => {
      counting.followers++;
      const unfollow = tail.follow(key, onEvent);
      return () => {
        counting.followers--;
        unfollow();
      };
    };
    return counting;
  }
  const open = (tail: EventTail, signal: AbortSignal, openStreams = new Set<() => void>(), as = viewer) =>
    followBalance({ pool: world.deps.pool, tail, openStreams }, as, { accountId }, signal);

  test('comes at once when the subscriber leaves a quiet stream, also while it waits', async () => {
    const { signal } = new AbortController();
    const counting = counted(world.deps.tail);
    const openStreams = new Set<() => void>();
    const stream = await open(counting.tail, signal, openStreams);
    await stream.next();
    const waiting = stream.next();
    expect(counting.followers).toBe(1);
    expect(await stream.return!()).toEqual({ value: undefined, done: true });
    expect(counting.followers).toBe(0);
    expect(openStreams.size).toBe(0);
    expect(await waiting).toEqual({ value: undefined, done: true });
    await post(1n);
    expect(await stream.next()).toEqual({ value: undefined, done: true });
  });

  test('comes when the caller has gone, before or after the beginning', async () => {
    const gone = new AbortController();
    const counting = counted(world.deps.tail);
    const stream = await open(counting.tail, gone.signal);
    await stream.next();
    const waiting = stream.next();
    gone.abort();
    expect(await waiting).toEqual({ value: undefined, done: true });
    const late = await open(counting.tail, AbortSignal.abort());
    expect(await late.next()).toEqual({ value: undefined, done: true });
    expect(counting.followers).toBe(0);
  });

  test('leaves no follower when following was refused', async () => {
    const counting = counted(world.deps.tail);
    await expect(open(counting.tail, new AbortController().signal, undefined, viewerFor())).rejects.toThrow();
    expect(counting.followers).toBe(0);
  });

  test('comes for all streams when the subgraph stops', async () => {
    const other = await startWalletWorld();
    const owner = viewerFor();
    const id = await other.open(owner.userId);
    const stream = other.subscribe(LIVE, { viewer: owner, variables: { id } });
    await stream.next();
    const waiting = stream.next();
    await other.close();
    expect(await waiting).toEqual({ value: undefined, done: true });
  });
});

test('a tail that loses, repeats and disorders changes does not show in the stream', async () => {
  const events: StoredEvent[] = [];
  let tell: (event: StoredEvent) => void = () => {};
  // The account's opening, shortly before, may be told as well.
  const unfollow = world.deps.tail.follow(accountId, (event) => {
    if (event.type === 'EntryPosted') events.push(event);
  });
  const tail: EventTail = {
    ...world.deps.tail,
    follow: (_key, onEvent) => {
      tell = onEvent;
      return () => {};
    },
  };
  const { signal } = new AbortController();
  const stream = await followBalance(
    { pool: world.deps.pool, tail, openStreams: new Set() },
    viewer,
    { accountId },
    signal,
  );
  await stream.next();
  for (let n = 0; n < 40; n++) await post(1n);
  await until('the tail has told of all', () => events.length === 40);
  unfollow();
  // Every third is lost, each is told twice, and pairs are swapped; the last one arrives.
  const told = events.filter((_, n) => n % 3 !== 1 || n === 39);
  const seen: (number | undefined)[] = [];
  for (let n = 0; n < told.length; n += 2) {
    for (const event of [told[n + 1], told[n], told[n + 1]]) if (event) tell(event);
    // Sometimes the subscriber reads in between, sometimes it does not.
    if (n % 6 === 0) seen.push((await stream.next()).value?.position);
  }
  while (seen.length < 40) seen.push((await stream.next()).value?.position);
  expect(seen).toEqual(upTo(1, 40));
  await stream.return!();
});
