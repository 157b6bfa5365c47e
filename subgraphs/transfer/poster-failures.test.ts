import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { balances } from '../../ledger/balances.ts';
import type { Queryable } from '../../platform/db.ts';
import { createLog } from '../../platform/log.ts';
import { expectBooksOk } from '../../tests/books.ts';
import { createLedgerWorld, type LedgerWorld, type TestAccount } from '../../tests/ledger-world.ts';
import { planned } from '../../tests/planned-transfers.ts';
import { until } from '../../tests/until.ts';
import { createPoster, type Poster, type PosterLimits } from './poster.ts';

/* What the poster does when something is slow, breaks or ends. The database is real; only the way to it is disturbed. */

const log = createLog('silent');
let world: LedgerWorld;
let pool: pg.Pool;
let signals = 0;
const posters: Poster[] = [];

beforeAll(async () => {
  world = await createLedgerWorld();
  pool = world.database.pool('dwaybank_transfer');
});
afterEach(async () => {
  await Promise.all(posters.splice(0).map((each) => each.stop()));
  await expectBooksOk(world.admin);
});
afterAll(() => world.drop());

function posterOn(on: Queryable, limits: Partial<PosterLimits> = {}): Poster {
  const created = createPoster({ pool: on, wakeUp: { signal: () => signals++ }, log }, limits);
  posters.push(created);
  return created;
}

type Statement = Parameters<Queryable['query']>[0];
type Answer = Promise<{ rows: never[]; rowCount: number | null }>;

/** The pool, with something done around each call. */
function around(disturb: (statement: Statement, run: () => Answer) => Answer): Queryable {
  return { query: (statement) => disturb(statement, () => pool.query(statement)) };
}

/** Makes each call wait until it is let go, and counts what each carries. */
function gate() {
  const sizes: number[] = [];
  const held: (() => void)[] = [];
  const through = around(async (statement, run) => {
    // The third value is the array of transfer ids.
    sizes.push(String(statement.values![1]).split(',').length);
    await new Promise<void>((resolve) => held.push(resolve));
    return run();
  });
  const letGo = () => {
    for (const go of held.splice(0)) go();
  };
  return { through, sizes, held, letGo };
}

const balanceOf = async ({ accountId }: TestAccount) =>
  (await balances(world.ledger, [accountId])).get(accountId)!.postedMinor;
const entriesOf = async (transferId: string) =>
  (await world.admin.query({ text: 'SELECT FROM ledger.entry WHERE transfer_id = $1', values: [transferId] })).rows
    .length;

describe('gathering', () => {
  test('a single transfer leaves at once, and what comes while the connections are busy goes together', async () => {
    const [from, to] = await Promise.all([world.funded(1_000n), world.open()]);
    const { through, sizes, held, letGo } = gate();
    const poster = posterOn(through, { connections: 2, maxBatch: 4 });
    const first = poster.post(planned(from, to, 1n));
    await until('the first call', () => held.length === 1);
    const second = poster.post(planned(from, to, 1n));
    await until('the second call', () => held.length === 2);
    const rest = Array.from({ length: 6 }, () => poster.post(planned(from, to, 1n)));
    letGo();
    await until('two more calls', () => sizes.length === 4);
    letGo();
    await Promise.all([first, second, ...rest]);
    expect(sizes).toEqual([1, 1, 4, 2]);
    expect(await balanceOf(to)).toBe(8n);
  });

  test('what comes in one turn of the event loop goes together', async () => {
    const [from, to] = await Promise.all([world.funded(1_000n), world.open()]);
    const { through, sizes, held, letGo } = gate();
    const poster = posterOn(through);
    const verdicts = Array.from({ length: 5 }, () => poster.post(planned(from, to, 1n)));
    await until('a call', () => held.length === 1);
    letGo();
    await Promise.all(verdicts);
    expect(sizes).toEqual([5]);
  });
});

describe('bounds', () => {
  test('refuses with POSTER_BUSY what waits too long for a lock, and the same key succeeds later', async () => {
    const [from, to] = await Promise.all([world.funded(1_000n), world.open()]);
    const impatient = world.database.pool('dwaybank_transfer', { max: 2 });
    impatient.on('connect', (client) => void client.query("SET lock_timeout = '100ms'"));
    const holder = await world.database.pool('postgres', { max: 1 }).connect();
    const attempt = planned(from, to, 100n);
    try {
      await holder.query('BEGIN');
      await holder.query('SELECT FROM ledger.account WHERE id = $1 FOR UPDATE', [from.accountId]);
      await expect(posterOn(impatient).post(attempt)).rejects.toMatchObject({ name: 'Refusal', code: 'POSTER_BUSY' });
      await holder.query('ROLLBACK');
    } finally {
      holder.release();
    }
    expect(await entriesOf(attempt.transferId)).toBe(0);
    expect(await posterOn(impatient).post(attempt)).toMatchObject({ outcome: 'DONE' });
    expect(await balanceOf(from)).toBe(900n);
  });

  test('refuses with POSTER_BUSY what the queue cannot take, and nothing of it is done', async () => {
    const [from, to] = await Promise.all([world.funded(1_000n), world.open()]);
    const { through, held, letGo } = gate();
    const poster = posterOn(through, { connections: 1, maxWaiting: 2 });
    const underWay = poster.post(planned(from, to, 1n));
    await until('a call', () => held.length === 1);
    const waiting = [poster.post(planned(from, to, 1n)), poster.post(planned(from, to, 1n))];
    const surplus = planned(from, to, 1n);
    await expect(poster.post(surplus)).rejects.toMatchObject({ name: 'Refusal', code: 'POSTER_BUSY' });
    letGo();
    await until('the next call', () => held.length === 1);
    letGo();
    await Promise.all([underWay, ...waiting]);
    expect(await balanceOf(to)).toBe(3n);
    // The same key may be used again.
    const again = poster.post({ ...surplus });
    await until('a call', () => held.length === 1);
    letGo();
    expect(await again).toMatchObject({ outcome: 'DONE' });
  });

  test('refuses with POSTER_BUSY what has waited past its deadline, without sending it', async () => {
    const [from, to] = await Promise.all([world.funded(1_000n), world.open()]);
    const { through, sizes, held, letGo } = gate();
    const poster = posterOn(through, { connections: 1, deadlineMs: 30 });
    const underWay = poster.post(planned(from, to, 1n));
    await until('a call', () => held.length === 1);
    const late = poster.post(planned(from, to, 1n)).catch((error: unknown) => error);
    const deadline = performance.now() + 40;
    await until('the deadline to pass', () => performance.now() > deadline);
    letGo();
    expect(await underWay).toMatchObject({ outcome: 'DONE' });
    expect(await late).toMatchObject({ code: 'POSTER_BUSY' });
    expect(sizes).toEqual([1]);
    expect(await balanceOf(to)).toBe(1n);
  });

  test('stopping takes no more and waits for what was taken', async () => {
    const [from, to] = await Promise.all([world.funded(1_000n), world.open()]);
    const { through, held, letGo } = gate();
    const poster = posterOn(through, { connections: 1 });
    const taken = [poster.post(planned(from, to, 1n))];
    await until('a call', () => held.length === 1);
    taken.push(poster.post(planned(from, to, 1n)));
    let stopped = false;
    const stopping = poster.stop().then(() => {
      stopped = true;
    });
    await expect(poster.post(planned(from, to, 1n))).rejects.toMatchObject({ code: 'POSTER_STOPPED' });
    letGo();
    await until('the waiting call', () => held.length === 1);
    expect(stopped).toBe(false);
    letGo();
    await stopping;
    expect((await Promise.all(taken)).map(({ outcome }) => outcome)).toEqual(['DONE', 'DONE']);
    await poster.stop();
    expect(await balanceOf(to)).toBe(2n);
  });
});

describe('when a call fails', () => {
  test('one item that the database cannot take does not disturb its neighbours', async () => {
    const [from, to] = await Promise.all([world.funded(1_000n), world.open()]);
    const poster = posterOn(pool);
    const poison = planned(from, to, 1n, { description: 'a\0b' });
    const results = await Promise.allSettled([
      poster.post(planned(from, to, 1n)),
      poster.post(poison),
      poster.post(planned(from, to, 1n)),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: { code: '22021' } });
    expect(await entriesOf(poison.transferId)).toBe(0);
    expect(await balanceOf(to)).toBe(2n);
  });

  test('unbalanced legs fail alone', async () => {
    const [from, to] = await Promise.all([world.funded(1_000n), world.open()]);
    const poster = posterOn(pool);
    const good = planned(from, to, 1n);
    const bad = planned(from, to, 1n, { legs: good.legs.slice(0, 1) });
    const results = await Promise.allSettled([poster.post(good), poster.post(bad)]);
    expect(results).toMatchObject([{ value: { outcome: 'DONE' } }, { reason: { code: 'DW003' } }]);
    expect(await balanceOf(from)).toBe(999n);
  });

  test.each(['40P01', '40001'])('%s is tried again', async (state) => {
    const [from, to] = await Promise.all([world.funded(1_000n), world.open()]);
    let failures = 2;
    const poster = posterOn(
      around(async (_, run) => {
        // A real error of that state, in place of the call.
        if (failures-- > 0)
          return pool.query(`DO $$ BEGIN RAISE EXCEPTION 'victim' USING ERRCODE = '${state}'; END $$`);
        return run();
      }),
    );
    expect(await poster.post(planned(from, to, 5n))).toMatchObject({ outcome: 'DONE' });
    expect(await balanceOf(from)).toBe(995n);
  });
});

describe('when the connection breaks', () => {
  test('after the commit: the transfer is done, once, and reported as done', async () => {
    const [from, to] = await Promise.all([world.funded(1_000n), world.open()]);
    let calls = 0;
    const poster = posterOn(
      around(async (_, run) => {
        const answer = await run();
        if (++calls === 1) throw new Error('Connection terminated unexpectedly');
        return answer;
      }),
    );
    const attempts = [planned(from, to, 100n), planned(from, to, 5_000n)];
    const before = signals;
    const verdicts = await Promise.all(attempts.map((attempt) => poster.post(attempt)));
    expect(verdicts).toEqual([
      { outcome: 'DONE', transferId: attempts[0]!.transferId, at: expect.any(Date) },
      { outcome: 'REFUSED', code: 'INSUFFICIENT_FUNDS' },
    ]);
    expect(calls).toBe(2);
    expect(signals).toBe(before + 1);
    expect(await entriesOf(attempts[0]!.transferId)).toBe(1);
    expect(await balanceOf(from)).toBe(900n);
    const [row] = (
      await world.admin.query({
        text: 'SELECT updated_at FROM transfer.transfer WHERE id = $1',
        values: [attempts[0]!.transferId],
      })
    ).rows;
    expect((verdicts[0] as { at: Date }).at).toEqual(row!.updated_at);
  });

  test('before the commit: the transfer is done all the same, once', async () => {
    const [from, to] = await Promise.all([world.funded(1_000n), world.open()]);
    const holder = await world.database.pool('postgres', { max: 1 }).connect();
    try {
      await holder.query('BEGIN');
      await holder.query('SELECT FROM ledger.account WHERE id = $1 FOR UPDATE', [from.accountId]);
      const poster = posterOn(pool);
      const attempt = planned(from, to, 100n);
      const verdict = poster.post(attempt);
      const waiting = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%create_transfers%'`;
      const pid = await until(
        'the call waits for the account',
        async () => (await world.admin.query<{ pid: number }>({ text: waiting })).rows[0]?.pid,
      );
      await world.admin.query({ text: 'SELECT pg_terminate_backend($1)', values: [pid] });
      await until('the call is made again', async () => {
        const again = (await world.admin.query<{ pid: number }>({ text: waiting })).rows[0]?.pid;
        return again !== undefined && again !== pid;
      });
      await holder.query('ROLLBACK');
      expect(await verdict).toMatchObject({ outcome: 'DONE', transferId: attempt.transferId });
      expect(await entriesOf(attempt.transferId)).toBe(1);
      expect(await balanceOf(from)).toBe(900n);
    } finally {
      holder.release();
    }
  });

  test('and stays broken: says that the outcome is unknown, and the same key tells it later', async () => {
    const [from, to] = await Promise.all([world.funded(1_000n), world.open()]);
    let calls = 0;
    const breaking = around(async (_, run) => {
      if (++calls === 1) await run();
      throw new Error('Connection terminated unexpectedly');
    });
    const attempt = planned(from, to, 100n);
    await expect(posterOn(breaking, { deadlineMs: 2_000 }).post(attempt)).rejects.toMatchObject({
      name: 'OutcomeUnknownError',
      extensions: { code: 'OUTCOME_UNKNOWN' },
      cause: { message: 'Connection terminated unexpectedly' },
    });
    expect(calls).toBeGreaterThan(1);
    const again = planned(from, to, 100n, { idempotencyKey: attempt.idempotencyKey });
    expect(await posterOn(pool).post(again)).toEqual({
      outcome: 'REPLAYED',
      transferId: attempt.transferId,
      code: null,
    });
    expect(await balanceOf(from)).toBe(900n);
  });
});
