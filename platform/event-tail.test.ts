import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { openEventLogWorld, quietLog, userRegistered, type EventLogWorld } from '../tests/event-log-world.ts';
import { until } from '../tests/until.ts';
import { appendEvents, readHead, readLastSettled } from './event-log.ts';
import { createEventTail, type EventTail } from './event-tail.ts';
import { newId, type AccountId, type EntryId, type UserId } from './ids.ts';
import { createLocalWakeUp } from './wake-up.ts';

let world: EventLogWorld;
let tail: EventTail;

beforeEach(async () => {
  world = await openEventLogWorld();
  tail = await openTail(20);
});

afterEach(async () => {
  await tail.close();
  await world.close();
});

function openTail(pollMs: number, wakeUp = createLocalWakeUp(quietLog)): Promise<EventTail> {
  return createEventTail({ pool: world.pool, wakeUp, log: quietLog, pollMs });
}

/** The names of users a tail tells of, as they come. */
function followNames(of: EventTail = tail): { names: string[]; stop: () => void } {
  const names: string[] = [];
  const stop = of.followType('UserRegistered', ({ payload }) => names.push(payload.displayName));
  return { names, stop };
}

const soon = () => AbortSignal.timeout(10_000);

describe('the event tail', () => {
  test('tells of what commits after the registration, in order, and not of the past', async () => {
    await world.register('past');
    await tail.caughtUp(soon());
    const { names } = followNames();
    const expected = Array.from({ length: 30 }, (_, n) => `user ${n}`);
    for (const name of expected) await world.register(name);
    await tail.caughtUp(soon());
    expect(names).toEqual(expected);
  });

  test('tells also of what was begun before the registration and commits after it', async () => {
    const early = await world.pool.connect();
    await early.query('BEGIN');
    await appendEvents(early, [userRegistered(newId(), 'early')]);
    await world.register('past');
    // Time for several reads of the idle tail, all of which must stay below the open transaction.
    await until('the tail has read again', rounds(5));
    const { names } = followNames();
    await until('the tail has read as a follower', rounds(5));
    expect(names).toEqual([]);
    await early.query('COMMIT');
    early.release();
    await tail.caughtUp(soon());
    expect(names).toContain('early');
  });

  test('tells who registers while it looks for the end of the log also what commits before it has looked', async () => {
    const looking = holdLooks();
    const idle = await createEventTail({
      pool: looking.pool,
      wakeUp: createLocalWakeUp(quietLog),
      log: quietLog,
      pollMs: 20,
    });
    looking.hold();
    await until('the idle tail looks for the end', looking.isHeld);
    const { names } = followNames(idle);
    await world.register('Ada');
    looking.release();
    await idle.caughtUp(soon());
    expect(names).toEqual(['Ada']);
    await idle.close();
  });

  test('begins at an event and not at a transaction that left none, whose number a crash would give out again', async () => {
    await world.register('Ada');
    const ada = await readHead(world.admin);
    for (let n = 0; n < 3; n++) await world.admin.query('SELECT pg_current_xact_id()');
    // The horizon is the server's: a transaction open in another database holds it back for a while.
    const settled = await until('the event has settled', async () => {
      const last = await readLastSettled(world.admin);
      return last.id === ada.id && last;
    });
    expect(settled).toEqual(ada);
  });

  test('tells nothing more after unfollowing', async () => {
    const { names, stop } = followNames();
    await world.register('Ada');
    await tail.caughtUp(soon());
    stop();
    await world.register('Bo');
    await tail.caughtUp(soon());
    expect(names).toEqual(['Ada']);
  });

  test('tells an entry to the followers of each account and owner in it, once each', async () => {
    const [source, destination] = [newId<AccountId>(), newId<AccountId>()];
    const [sender, recipient] = [newId<UserId>(), newId<UserId>()];
    const told: Record<string, number> = { source: 0, destination: 0, sender: 0, recipient: 0, stranger: 0 };
    const keys = { source, destination, sender, recipient, stranger: newId<UserId>() };
    for (const [name, key] of Object.entries(keys)) tail.follow(key, () => (told[name]! += 1));
    const change = (accountId: AccountId, ownerId: UserId) => ({
      accountId, ownerId, currency: 'USD', version: 1, posted: '1', held: '0', overdraft: '0', at: '2026-01-01T00:00:00.000Z',
      postingId: null, amountMinor: '1', lineType: null, counterparty: null, description: null,
    }); // prettier-ignore
    await appendEvents(world.pool, [
      {
        type: 'EntryPosted',
        key: source,
        payload: {
          entryId: newId<EntryId>(),
          transferId: null,
          kind: 'INTERNAL',
          changes: [change(source, sender), change(destination, recipient)],
        },
      },
    ]);
    await tail.caughtUp(soon());
    expect(told).toEqual({ source: 1, destination: 1, sender: 1, recipient: 1, stranger: 0 });
  });

  test('loses nothing while its connections are cut again and again', async () => {
    const { names } = followNames();
    const writer = world.connectAs('dwaybank_user');
    const expected = Array.from({ length: 40 }, (_, n) => `user ${n}`);
    for (const [n, name] of expected.entries()) {
      await appendEvents(writer, [userRegistered(newId(), name)]);
      if (n % 10 === 5) {
        await world.admin.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE usename = 'dwaybank_transfer' AND datname = current_database()`,
        );
      }
    }
    await until('every name has been told', () => names.length >= expected.length);
    expect(names).toEqual(expected);
  });

  test('goes on when a follower throws, and tells the others', async () => {
    tail.followType('UserRegistered', () => {
      throw new Error('a bug in one stream');
    });
    const { names } = followNames();
    await world.register('Ada');
    await world.register('Bo');
    await tail.caughtUp(soon());
    expect(names).toEqual(['Ada', 'Bo']);
  });

  test('is woken by a signal long before its poll', async () => {
    const wakeUp = createLocalWakeUp(quietLog);
    const sleepy = await openTail(1_000_000, wakeUp);
    const { names } = followNames(sleepy);
    await world.register('Ada');
    wakeUp.signal();
    await until('the name has been told', () => names.length > 0);
    await sleepy.close();
  });

  test('tells soon what an older transaction held back, though nobody signals the end of that', async () => {
    const wakeUp = createLocalWakeUp(quietLog);
    const sleepy = await openTail(1_000_000, wakeUp);
    const { names } = followNames(sleepy);
    const older = await world.pool.connect();
    await older.query('BEGIN');
    await older.query('SELECT pg_current_xact_id()');
    await world.register('Ada');
    wakeUp.signal();
    await until('the tail has read again', rounds(5));
    expect(names).toEqual([]);
    await older.query('COMMIT');
    older.release();
    await until('the name has been told', () => names.length > 0);
    await sleepy.close();
  });

  test('gives up waiting when the signal says so', async () => {
    const open = await world.pool.connect();
    await open.query('BEGIN');
    await appendEvents(open, [userRegistered(newId(), 'early')]);
    await world.register('late');
    await expect(tail.caughtUp(AbortSignal.timeout(100))).rejects.toThrow();
    await open.query('ROLLBACK');
    open.release();
    await tail.caughtUp(soon());
  });
});

/** True after so many more transactions in this database: each read of the tail is one. */
function rounds(count: number): () => Promise<boolean> {
  let goal: number | undefined;
  return async () => {
    const { rows } = await world.admin.query<{ n: string }>(
      'SELECT pg_stat_get_db_xact_commit(oid) AS n FROM pg_database WHERE datname = current_database()',
    );
    goal ??= Number(rows[0]!.n) + count;
    return Number(rows[0]!.n) >= goal;
  };
}

/** The world's pool, whose reads of the horizon can be held before they reach the server. */
function holdLooks() {
  let gate: { opened: Promise<void>; open: () => void } | null = null;
  let held = false;
  const query = async (sql: { name: string }): Promise<unknown> => {
    if (sql.name === 'platform-read-last-settled' && gate) {
      held = true;
      await gate.opened;
    }
    return world.pool.query(sql as unknown as pg.QueryConfig);
  };
  return {
    // Of a pool the tail uses nothing else.
    pool: { query } as unknown as pg.Pool,
    isHeld: () => held,
    hold() {
      let open = (): void => {};
      const opened = new Promise<void>((resolve) => (open = resolve));
      gate = { opened, open };
    },
    release: () => gate?.open(),
  };
}
