import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { effects, openEventLogWorld, quietLog, userRegistered, type EventLogWorld } from '../tests/event-log-world.ts';
import { recordNames } from '../tests/recording-listener.ts';
import { until } from '../tests/until.ts';
import { appendEvents, readHead } from './event-log.ts';
import { runListeners, type Listener, type ListenerRunner } from './event-listeners.ts';
import { newId } from './ids.ts';
import { createLocalWakeUp } from './wake-up.ts';

const NAME = 'transfer.effects';
let world: EventLogWorld;
let runners: ListenerRunner[];

beforeEach(async () => {
  world = await openEventLogWorld();
  runners = [];
});

afterEach(async () => {
  await Promise.all(runners.map((runner) => runner.stop()));
  await world.close();
});

function start(listener: Listener, { pollMs = 20, pool = world.pool } = {}): ListenerRunner {
  const runner = runListeners({ pool, wakeUp: createLocalWakeUp(quietLog), log: quietLog, pollMs }, [listener]);
  runners.push(runner);
  return runner;
}

const soon = () => AbortSignal.timeout(10_000);

describe('a listener', () => {
  test('handles what was in the log before it, and what comes after, once and in order', async () => {
    await world.register('Ada');
    const runner = start(recordNames(NAME));
    await runner.caughtUp(NAME, soon());
    expect(await effects(world)).toEqual(['Ada']);
    await world.register('Bo');
    await world.register('Cy');
    await runner.caughtUp(NAME, soon());
    expect(await effects(world)).toEqual(['Ada', 'Bo', 'Cy']);
  });

  test('goes on where it was after a restart', async () => {
    await world.register('Ada');
    const first = start(recordNames(NAME));
    await first.caughtUp(NAME, soon());
    await first.stop();
    await world.register('Bo');
    await start(recordNames(NAME)).caughtUp(NAME, soon());
    expect(await effects(world)).toEqual(['Ada', 'Bo']);
  });

  test('that appends events has their readers woken, after its commit and only then', async () => {
    const wakeUp = createLocalWakeUp(quietLog);
    const atSignal: Promise<string[]>[] = [];
    wakeUp.onSignal(() => atSignal.push(effects(world)));
    const recording = recordNames(NAME);
    const listener: Listener<'UserRegistered'> = {
      ...recording,
      async handle(events, tx, appended) {
        await recording.handle(events, tx, appended);
        if (events.some(({ payload }) => payload.displayName === 'Bo')) appended();
      },
    };
    const runner = runListeners({ pool: world.pool, wakeUp, log: quietLog, pollMs: 20 }, [listener]);
    runners.push(runner);
    await world.register('Ada');
    await runner.caughtUp(NAME, soon());
    expect(atSignal).toEqual([]);
    await world.register('Bo');
    await until('the signal', () => atSignal[0]);
    expect(await atSignal[0]).toEqual(['Ada', 'Bo']);
    await runner.caughtUp(NAME, soon());
    expect(atSignal).toHaveLength(1);
  });

  test('passes events of other types, more of them than one read takes', async () => {
    const ended = { sessionId: newId(), userId: newId(), reason: 'LOGOUT' } as const;
    const ends = Array.from({ length: 600 }, () => ({
      type: 'SessionEnded' as const,
      key: String(ended.userId),
      // These ids are of no kind that anything here looks at.
      payload: ended as never,
    }));
    await appendEvents(world.pool, ends);
    await world.register('Ada');
    const runner = start(recordNames(NAME));
    await runner.caughtUp(NAME, soon());
    expect(await effects(world)).toEqual(['Ada']);
    const { rows } = await world.admin.query<{ xid: string; id: string }>(
      'SELECT xid, id FROM platform.listener_cursor',
    );
    expect(rows).toEqual([await readHead(world.admin)]);
  });

  test('does not skip an event whose transaction began earlier and commits later', async () => {
    const early = await world.pool.connect();
    await early.query('BEGIN');
    await appendEvents(early, [userRegistered(newId(), 'early')]);
    await world.register('late');
    const runner = start(recordNames(NAME));
    // The later event is visible and waits all the same: the earlier transaction may still put something before it.
    await expect(runner.caughtUp(NAME, AbortSignal.timeout(300))).rejects.toThrow();
    expect(await effects(world)).toEqual([]);
    await early.query('COMMIT');
    early.release();
    await runner.caughtUp(NAME, soon());
    expect(await effects(world)).toEqual(['early', 'late']);
  });

  test('is woken by a signal long before its poll', async () => {
    const wakeUp = createLocalWakeUp(quietLog);
    const deps = { pool: world.pool, wakeUp, log: quietLog, pollMs: 1_000_000 };
    const runner = runListeners(deps, [recordNames(NAME)]);
    runners.push(runner);
    await until('the listener sleeps', async () => {
      const { rows } = await world.admin.query<{ idle: boolean }>(
        `SELECT count(*) > 0 AS idle FROM pg_stat_activity
         WHERE usename = 'dwaybank_transfer' AND state = 'idle' AND query LIKE '%listener_cursor%'`,
      );
      return rows[0]!.idle;
    });
    await world.register('Ada');
    wakeUp.signal();
    await until('the effect', async () => (await effects(world)).length > 0);
  });

  test('two processes with the same listener do everything once', async () => {
    const other = world.connectAs('dwaybank_transfer');
    start(recordNames(NAME), { pollMs: 1 });
    start(recordNames(NAME), { pollMs: 1, pool: other });
    const names = Array.from({ length: 60 }, (_, n) => `user ${n}`);
    for (const name of names) await world.register(name);
    await Promise.all(runners.map((runner) => runner.caughtUp(NAME, soon())));
    expect(await effects(world)).toEqual(names);
  });

  test('survives the loss of every connection', async () => {
    const runner = start(recordNames(NAME));
    await world.register('Ada');
    await runner.caughtUp(NAME, soon());
    await world.admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE usename = 'dwaybank_transfer' AND datname = current_database()`,
    );
    await until('a new connection works', () => world.register('Bo').catch(() => null));
    await until('both effects', async () => (await effects(world)).length >= 2);
    expect(await effects(world)).toEqual(['Ada', 'Bo']);
  });

  test('refuses to be moved by another service', async () => {
    const stranger = world.connectAs('dwaybank_wallet');
    await start(recordNames(NAME)).caughtUp(NAME, soon());
    await expect(stranger.query(`SELECT platform.lock_cursor('${NAME}')`)).rejects.toThrow(/not of dwaybank_wallet/);
    await expect(stranger.query(`SELECT platform.advance_cursor('${NAME}', '9', 9)`)).rejects.toThrow(/not of/);
    await expect(stranger.query('UPDATE platform.listener_cursor SET id = 0')).rejects.toThrow(/permission denied/);
  });
});

describe('a listener that is killed between its effect and its cursor', () => {
  test('has done nothing, and does it once after the restart', async () => {
    await world.register('Ada');
    const script = path.resolve('tests/crashing-listener.ts');
    const child = spawn(process.execPath, ['--import', 'tsx', script, world.transferUrl], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    const exited = once(child, 'exit');
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await exited;
    expect(await effects(world)).toEqual([]);
    await start(recordNames(NAME)).caughtUp(NAME, soon());
    expect(await effects(world)).toEqual(['Ada']);
  });
});

describe('an event that cannot be handled', () => {
  let broken = true;
  const attempts = new Map<string, number>();
  const fussy = recordNames(NAME, async (events) => {
    for (const { payload } of events) {
      attempts.set(payload.displayName, (attempts.get(payload.displayName) ?? 0) + 1);
      if (broken && payload.displayName === 'poison') throw new Error('cannot digest this');
    }
  });

  beforeEach(() => {
    broken = true;
    attempts.clear();
  });

  const parked = async () => {
    const { rows } = await world.admin.query<{ listener: string; error: string; attempts: number }>(
      'SELECT listener, error, attempts FROM platform.parked_event',
    );
    return rows;
  };

  test('is parked after three attempts while everything around it is handled once', async () => {
    for (const name of ['before', 'poison', 'after']) await world.register(name);
    await start(fussy).caughtUp(NAME, soon());
    expect(await effects(world)).toEqual(['before', 'after']);
    expect(await parked()).toEqual([{ listener: NAME, error: 'cannot digest this', attempts: 3 }]);
    // Once within its batch, three times alone.
    expect(attempts.get('poison')).toBe(4);
  });

  test('is parked also when only its commit would fail', async () => {
    await world.admin.query(
      'ALTER TABLE transfer.effect ADD CONSTRAINT once UNIQUE (name) DEFERRABLE INITIALLY DEFERRED',
    );
    for (const name of ['Ada', 'Ada', 'Bo']) await world.register(name);
    await start(recordNames(NAME)).caughtUp(NAME, soon());
    expect(await effects(world)).toEqual(['Ada', 'Bo']);
    expect(await parked()).toHaveLength(1);
  });

  test('is handled when somebody asks for another try and the fault is gone', async () => {
    await world.register('poison');
    const runner = start(fussy);
    await runner.caughtUp(NAME, soon());
    await world.admin.query('SELECT platform.retry_parked_events(NULL)');
    await until(
      'the fourth attempt',
      async () => (await world.admin.query('SELECT FROM platform.parked_event WHERE attempts = 4')).rowCount,
    );
    expect(await effects(world)).toEqual([]);
    broken = false;
    await world.admin.query(`SELECT platform.retry_parked_events('${NAME}')`);
    await until('nothing is parked', async () => (await parked()).length === 0);
    expect(await effects(world)).toEqual(['poison']);
  });

  test('is not found in a fault of the database', async () => {
    const faults = ['08006', '40P01', '55P03', '42P01', '42703', '42883', '42501'];
    const unlucky = recordNames(NAME, async (_events, tx) => {
      const state = faults.pop();
      if (state) await tx.query({ text: `DO $$ BEGIN RAISE EXCEPTION 'fault' USING ERRCODE = '${state}'; END $$` });
    });
    await world.register('Ada');
    await start(unlucky).caughtUp(NAME, soon());
    expect(await effects(world)).toEqual(['Ada']);
    expect(await parked()).toEqual([]);
  });
});

describe('a replay', () => {
  test('shows a running listener everything from a position on again, and no other listener anything', async () => {
    await world.register('Ada');
    const from = await readHead(world.admin);
    await world.register('Bo');
    const runner = start(recordNames(NAME));
    const other = start(recordNames('transfer.others'));
    await runner.caughtUp(NAME, soon());
    await other.caughtUp('transfer.others', soon());
    await world.admin.query('DELETE FROM transfer.effect');
    const { rows } = await world.admin.query(
      `SELECT platform.replay_listener('${NAME}', $1::xid8, $2::bigint) AS found`,
      [from.xid, from.id],
    );
    expect(rows).toEqual([{ found: true }]);
    await runner.caughtUp(NAME, soon());
    expect(await effects(world)).toEqual(['Ada', 'Bo']);
  });

  test('of a listener that does not exist says so', async () => {
    const { rows } = await world.admin.query(`SELECT platform.replay_listener('transfer.nobody', '1', 1) AS found`);
    expect(rows).toEqual([{ found: false }]);
  });
});

describe('the event log', () => {
  test('refuses every change of what it holds, even by its owner', async () => {
    await world.register('Ada');
    for (const change of [
      'UPDATE platform.event SET key = key',
      'DELETE FROM platform.event',
      'TRUNCATE platform.event CASCADE',
    ]) {
      await expect(world.admin.query(change)).rejects.toThrow(/only ever appended/);
      await expect(world.pool.query(change)).rejects.toThrow(/permission denied/);
    }
  });

  test('takes no event from the gateway, which only reads', async () => {
    const gateway = world.connectAs('dwaybank_gateway');
    await expect(appendEvents(gateway, [userRegistered(newId(), 'Eve')])).rejects.toThrow(/permission denied/);
    await world.register('Ada');
    expect((await gateway.query('SELECT key FROM platform.event')).rowCount).toBe(1);
  });

  test('has nothing of a transaction that was rolled back', async () => {
    const client = await world.pool.connect();
    await client.query('BEGIN');
    await appendEvents(client, [userRegistered(newId(), 'Ada')]);
    await client.query('ROLLBACK');
    client.release();
    await world.register('Bo');
    await start(recordNames(NAME)).caughtUp(NAME, soon());
    expect(await effects(world)).toEqual(['Bo']);
  });
});
