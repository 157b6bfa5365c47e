import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import type { Queryable } from '../platform/db.ts';
import type { HoldId } from '../platform/ids.ts';
import { expectBooksOk } from '../tests/books.ts';
import { createLedgerWorld, movement, type LedgerWorld, type TestAccount } from '../tests/ledger-world.ts';
import { until } from '../tests/until.ts';
import { balances } from './balances.ts';
import { captureHold, increaseHold, keepHold } from '../tests/holds.ts';
import { expireHolds, releaseHold } from './holds.ts';

let world: LedgerWorld;
let from: TestAccount;
let to: TestAccount;
beforeAll(async () => {
  world = await createLedgerWorld();
  to = await world.open();
});
afterEach(async () => {
  await expireHolds(world.ledger, 100);
  await expectBooksOk(world.admin);
});
afterAll(() => world.drop());

const capture = (hold: HoldId, db: Queryable = world.ledger, amountMinor = 60n) =>
  captureHold(db, hold, movement(from, to, amountMinor), { final: true });
const refused = (refusal: string) => ({ ok: false, refusal });
const DONE = expect.objectContaining({ ok: true });
const EXPIRED = refused('HOLD_EXPIRED');

async function heldUntilNow(amountMinor = 60n): Promise<HoldId> {
  from = await world.funded(100n);
  const id = await world.hold(from, amountMinor);
  await expireNow(id);
  return id;
}

/** What only the passing of time does in production; long enough ago for a machine whose clock is set back a little. */
const expireNow = (id: HoldId) =>
  world.admin.query({
    text: `UPDATE ledger.hold SET expires_at = clock_timestamp() - interval '1 minute' WHERE id = $1`,
    values: [id],
  });

async function statusOf(id: HoldId): Promise<string> {
  const text = 'SELECT status FROM ledger.hold WHERE id = $1';
  return (await world.ledger.query<{ status: string }>({ text, values: [id] })).rows[0]!.status;
}

const heldOn = async (account: TestAccount) =>
  (await balances(world.ledger, [account.accountId])).get(account.accountId)!.heldMinor;

/** Waits until the database's clock is past a hold's expiry. */
const past = (id: HoldId) =>
  until('the expiry', async () => {
    const text = 'SELECT expires_at <= clock_timestamp() AS past FROM ledger.hold WHERE id = $1';
    return (await world.admin.query<{ past: boolean }>({ text, values: [id] })).rows[0]!.past;
  });

/** Waits until a call of a function waits for a lock. */
const waitsFor = (name: string) =>
  until(`${name} waits`, async () => {
    const text = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1`;
    return (await world.admin.query({ text, values: [`%${name}%`] })).rowCount;
  });

async function inTransaction<Result>(work: (tx: pg.PoolClient) => Promise<Result>): Promise<Result> {
  const pool = world.database.pool('dwaybank_ledger', { max: 1 });
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } finally {
    client.release();
    await pool.end();
  }
}

describe('a hold past its expiry', () => {
  test('cannot be captured, increased or kept, though no sweep has come by', async () => {
    const id = await heldUntilNow();
    const before = await world.fingerprint();
    expect(await capture(id)).toEqual(EXPIRED);
    expect(await increaseHold(world.ledger, id, 1n)).toEqual(EXPIRED);
    expect(await keepHold(world.ledger, id)).toBe('HOLD_EXPIRED');
    expect(await world.fingerprint()).toEqual(before);
    expect(await statusOf(id)).toBe('OPEN');
  });

  test('is ended by the sweep: the money is free, and everybody is told', async () => {
    const id = await heldUntilNow();
    expect(await expireHolds(world.ledger, 100)).toBe(1);
    expect(await statusOf(id)).toBe('EXPIRED');
    expect(await heldOn(from)).toBe(0n);
    const { rows } = await world.admin.query<{ status: string; held: string }>({
      text: `SELECT payload ->> 'status' AS status, payload #>> '{changes,0,held}' AS held FROM platform.event
             WHERE type = 'HoldChanged' AND key = $1 ORDER BY xid, id`,
      values: [id],
    });
    expect(rows).toEqual([
      { status: 'OPEN', held: '60' },
      { status: 'EXPIRED', held: '0' },
    ]);
    expect(await capture(id)).toEqual(EXPIRED);
    expect(await keepHold(world.ledger, id)).toBe('HOLD_EXPIRED');
    expect(await releaseHold(world.ledger, id)).toEqual(refused('HOLD_CLOSED'));
    expect(await expireHolds(world.ledger, 100)).toBe(0);
  });

  test('keeps what was captured of it', async () => {
    from = await world.funded(100n);
    const id = await world.hold(from, 60n);
    await captureHold(world.ledger, id, movement(from, to, 20n), { final: false });
    await expireNow(id);
    expect(await expireHolds(world.ledger, 100)).toBe(1);
    const { rows } = await world.admin.query({
      text: 'SELECT status, captured, released FROM ledger.hold WHERE id = $1',
      values: [id],
    });
    expect(rows).toEqual([{ status: 'EXPIRED', captured: '20', released: '40' }]);
  });

  test('may still be released: the money is free either way', async () => {
    const id = await heldUntilNow();
    expect(await releaseHold(world.ledger, id)).toEqual(DONE);
    expect(await statusOf(id)).toBe('RELEASED');
  });

  test('is swept in its turn, the oldest first', async () => {
    from = await world.funded(100n);
    const ids = [await world.hold(from, 10n), await world.hold(from, 10n), await world.hold(from, 10n)];
    for (const id of [ids[1]!, ids[2]!, ids[0]!]) await expireNow(id);
    expect(await expireHolds(world.ledger, 2)).toBe(2);
    expect(await Promise.all(ids.map(statusOf))).toEqual(['OPEN', 'EXPIRED', 'EXPIRED']);
    expect(await expireHolds(world.ledger, 2)).toBe(1);
  });
});

describe('a hold that is not past its expiry', () => {
  test('is left alone by the sweep, also when it never ends', async () => {
    from = await world.funded(100n);
    const ids = [await world.hold(from, 10n), await world.hold(from, 10n, { lastsSeconds: null })];
    expect(await expireHolds(world.ledger, 100)).toBe(0);
    expect(await Promise.all(ids.map(statusOf))).toEqual(['OPEN', 'OPEN']);
  });

  test('that is kept outlasts the expiry of then', async () => {
    from = await world.funded(100n);
    const id = await world.hold(from, 60n);
    const later = new Date(Date.now() + 3_600_000);
    expect(await keepHold(world.ledger, id, later)).toBe('KEPT');
    const expiry = async () =>
      (await world.admin.query({ text: 'SELECT expires_at FROM ledger.hold WHERE id = $1', values: [id] })).rows;
    expect(await expiry()).toEqual([{ expires_at: later }]);
    expect(await keepHold(world.ledger, id)).toBe('KEPT');
    expect(await expiry()).toEqual([{ expires_at: null }]);
    expect(await capture(id)).toEqual(DONE);
  });

  test('of no time at all is a bug', async () => {
    from = await world.funded(100n);
    await expect(world.hold(from, 1n, { lastsSeconds: 0 })).rejects.toMatchObject({ code: 'DW003' });
  });
});

describe('the clock that decides', () => {
  test('is not that of the transaction, which may have begun long before', async () => {
    from = await world.funded(100n);
    await inTransaction(async (tx) => {
      await tx.query('SELECT now()');
      const id = await world.hold(from, 60n, { lastsSeconds: 0.05 });
      await past(id);
      expect(await capture(id, tx)).toEqual(EXPIRED);
      expect(await keepHold(tx, id)).toBe('HOLD_EXPIRED');
      expect(await increaseHold(tx, id, 1n)).toEqual(EXPIRED);
      expect(await expireHolds(tx, 100)).toBe(1);
    });
  });

  test('is read after the lock was had: who waited past the expiry is late', async () => {
    from = await world.funded(100n);
    const id = await world.hold(from, 60n, { lastsSeconds: 1 });
    const late = await inTransaction(async (tx) => {
      await tx.query({ text: 'SELECT ledger.balance_as_of($1, clock_timestamp())', values: [from.accountId] });
      const capturing = capture(id);
      await waitsFor('capture_hold');
      await past(id);
      return { capturing };
    });
    expect(await late.capturing).toEqual(EXPIRED);
    expect(await expireHolds(world.ledger, 100)).toBe(1);
  });

  test('lets a capture and the expiry that meet end in exactly one of both', async () => {
    from = await world.funded(10_000n);
    const ids: HoldId[] = [];
    for (let n = 0; n < 40; n++) ids.push(await world.hold(from, 60n, { lastsSeconds: 0.25 }));
    const captures = ids.map(async (id, index) => {
      await until('its moment', async () => {
        const text = `SELECT clock_timestamp() > expires_at - make_interval(secs => $2) AS now FROM ledger.hold WHERE id = $1`;
        const near = await world.admin.query<{ now: boolean }>({ text, values: [id, (index % 5) / 200] });
        return near.rows[0]!.now;
      });
      return (await capture(id)).ok;
    });
    let swept = 0;
    const sweeping = until('all are past', async () => {
      swept += await expireHolds(world.ledger, 7);
      const text = `SELECT FROM ledger.hold WHERE account_id = $1 AND status = 'OPEN'`;
      return (await world.admin.query({ text, values: [from.accountId] })).rowCount === 0;
    });
    const captured = await Promise.all(captures);
    await sweeping;
    expect(await Promise.all(ids.map(statusOf))).toEqual(captured.map((ok) => (ok ? 'CAPTURED' : 'EXPIRED')));
    expect(swept).toBe(captured.filter((ok) => !ok).length);
    expect(await heldOn(from)).toBe(0n);
  });

  test('is asked by a sweep that locks accounts in the order of everybody', async () => {
    const [low, high] = [await world.funded(100n), await world.funded(100n)];
    // The older one is on the account that is to be locked last.
    for (const account of [high, low]) await expireNow(await world.hold(account, 5n));
    const lock = 'SELECT FROM ledger.account WHERE id = $1 FOR NO KEY UPDATE';
    const blocker = await world.database.pool('postgres', { max: 1 }).connect();
    try {
      await blocker.query('BEGIN');
      await blocker.query(lock, [low.accountId]);
      const sweeping = expireHolds(world.ledger, 100);
      await waitsFor('expire_holds');
      expect(await blocker.query(`${lock} NOWAIT`, [high.accountId])).toMatchObject({ rowCount: 1 });
      await blocker.query('COMMIT');
      expect(await sweeping).toBe(2);
    } finally {
      blocker.release(true);
    }
  });

  test('lets two sweeps at once end each hold once', async () => {
    from = await world.funded(10_000n);
    const others = await Promise.all([world.funded(100n), world.funded(100n)]);
    for (const account of [from, ...others, from, ...others, from]) await expireNow(await world.hold(account, 5n));
    const swept = await Promise.all([1, 2, 3].map(() => expireHolds(world.ledger, 100)));
    expect(swept.reduce((sum, count) => sum + count, 0)).toBe(7);
  });
});
