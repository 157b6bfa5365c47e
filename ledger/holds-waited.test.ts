import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { newId, type HoldId } from '../platform/ids.ts';
import { expectBooksOk } from '../tests/books.ts';
import { createLedgerWorld, movement, type LedgerWorld, type TestAccount } from '../tests/ledger-world.ts';
import { until } from '../tests/until.ts';
import { captureHold, increaseHold, keepHold, placeHold, type HoldSpending } from '../tests/holds.ts';
import { expireHolds, releaseHold } from './holds.ts';

/* Whoever has waited for a lock decides by what is there then, and not by what was there when it began to wait. */

let world: LedgerWorld;
let payer: TestAccount;
let payee: TestAccount;
let other: pg.PoolClient;
beforeAll(async () => {
  world = await createLedgerWorld();
  payee = await world.open();
  other = await world.database.pool('postgres', { max: 1 }).connect();
});
afterEach(() => expectBooksOk(world.admin));
afterAll(async () => {
  other.release(true);
  await world.drop();
});

const spending = (amountMinor: bigint): HoldSpending => ({
  ownerId: payer.ownerId,
  usdMinor: amountMinor,
  amountMinor,
  bankDailyUsdMinor: 1_000_00n,
  bankMonthlyUsdMinor: 5_000_00n,
});

async function held(amountMinor: bigint): Promise<HoldId> {
  payer = await world.funded(100n);
  return world.hold(payer, amountMinor, { spending: spending(amountMinor) });
}

/** What only the passing of time does in production. */
const expireNow = (id: HoldId) =>
  world.admin.query({ text: 'UPDATE ledger.hold SET expires_at = clock_timestamp() WHERE id = $1', values: [id] });

const isWaiting = async (name: string) => {
  const text = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1`;
  return (await world.admin.query({ text, values: [`%ledger.${name}%`] })).rowCount === 1;
};

/** Begins something while another transaction has done `first` and not committed it; what it says once that is committed. */
async function afterWaiting<Said>(
  name: string,
  first: () => Promise<unknown>,
  begin: () => Promise<Said>,
  meanwhile?: () => Promise<void>,
): Promise<Said> {
  await other.query('BEGIN');
  try {
    await first();
    const saying = begin();
    // Told at the end; until then nobody looks at it.
    saying.catch(() => {});
    await until(`${name} waits`, () => isWaiting(name));
    await meanwhile?.();
    await other.query('COMMIT');
    return await saying;
  } finally {
    await other.query('ROLLBACK');
  }
}

const CLOSED = { ok: false, refusal: 'HOLD_CLOSED' };

describe('a hold that ends while somebody waits for it', () => {
  test.each<[string, (id: HoldId) => Promise<unknown>, unknown]>([
    ['increase_hold', (id) => increaseHold(world.ledger, id, 1n, spending(1n)), CLOSED],
    ['capture_hold', (id) => captureHold(world.ledger, id, movement(payer, payee, 1n), { final: false }), CLOSED],
    ['release_hold', (id) => releaseHold(world.ledger, id), CLOSED],
    ['keep_hold', (id) => keepHold(world.ledger, id), 'HOLD_CLOSED'],
  ])('is closed for it: %s', async (name, act, says) => {
    const id = await held(60n);
    expect(
      await afterWaiting(
        name,
        () => releaseHold(other, id),
        () => act(id),
      ),
    ).toEqual(says);
  });

  test('is smaller for it when a part was taken: a capture, and a release, of more than is left', async () => {
    const take = (id: HoldId) => captureHold(other, id, movement(payer, payee, 50n), { final: false });
    const first = await held(60n);
    expect(
      await afterWaiting(
        'capture_hold',
        () => take(first),
        () => captureHold(world.ledger, first, movement(payer, payee, 20n), { final: true }),
      ),
    ).toEqual({ ok: false, refusal: 'CAPTURE_EXCEEDS_HOLD' });
    const second = await held(60n);
    expect(
      await afterWaiting(
        'release_hold',
        () => take(second),
        () => releaseHold(world.ledger, second, 20n),
      ),
    ).toEqual({ ok: false, refusal: 'RELEASE_EXCEEDS_HOLD' });
  });

  test('is not placed on what was spent meanwhile', async () => {
    await held(60n);
    const id = newId<HoldId>();
    const asked = { id, accountId: payer.accountId, amount: { amountMinor: 40n, currency: 'USD' }, transferId: null };
    expect(
      await afterWaiting(
        'place_hold',
        () => placeHold(other, { ...asked, id: newId<HoldId>() }),
        () => placeHold(world.ledger, asked),
      ),
    ).toEqual({ ok: false, refusal: 'INSUFFICIENT_FUNDS' });
  });
});

describe('whoever works on a hold that counts waits for the limits before it has the account', () => {
  test.each<[string, (id: HoldId) => Promise<unknown>]>([
    ['keep_hold', (id) => keepHold(world.ledger, id)],
    ['increase_hold', (id) => increaseHold(world.ledger, id, 1n, spending(1n))],
    ['release_hold', (id) => releaseHold(world.ledger, id)],
    ['capture_hold', (id) => captureHold(world.ledger, id, movement(payer, payee, 1n), { final: true })],
    ['expire_holds', async (id) => [await expireNow(id), await expireHolds(world.ledger, 10)]],
  ])('%s', async (name, act) => {
    const id = await held(60n);
    const limits = `SELECT FROM ledger.spending_limit WHERE owner_id = $1 AND scope = 'TOTAL' FOR NO KEY UPDATE`;
    await afterWaiting(
      name,
      () => other.query(limits, [payer.ownerId]),
      () => act(id),
      async () => {
        await other.query('SELECT FROM ledger.account WHERE id = $1 FOR NO KEY UPDATE NOWAIT', [payer.accountId]);
      },
    );
  });
});

test('a hold that is kept while the sweep waits for it is not swept', async () => {
  const id = await held(60n);
  await expireNow(id);
  const keep = async () => {
    await other.query('SELECT FROM ledger.account WHERE id = $1 FOR NO KEY UPDATE', [payer.accountId]);
    await other.query('UPDATE ledger.hold SET expires_at = NULL WHERE id = $1', [id]);
  };
  expect(await afterWaiting('expire_holds', keep, () => expireHolds(world.ledger, 10))).toBe(0);
  expect(await releaseHold(world.ledger, id)).toMatchObject({ ok: true });
});

test('a hold lasts from the moment at which it is placed, however long its transaction has gone on before', async () => {
  payer = await world.funded(100n);
  const id = newId<HoldId>();
  await other.query('BEGIN');
  const { rows } = await other.query<{ begun: Date }>('SELECT now() AS begun');
  await until('some time has passed', async () => {
    const { rows: now } = await other.query<{ later: boolean }>(
      `SELECT clock_timestamp() > now() + interval '20 milliseconds' AS later`,
    );
    return now[0]!.later;
  });
  const amount = { amountMinor: 1n, currency: 'USD' };
  const verdict = await placeHold(other, {
    id,
    accountId: payer.accountId,
    amount,
    transferId: null,
    lastsSeconds: 60,
  });
  await other.query('COMMIT');
  const { placedAt, expiresAt } = verdict as { placedAt: Date; expiresAt: Date };
  expect(placedAt.getTime()).toBeGreaterThan(rows[0]!.begun.getTime());
  expect(expiresAt.getTime() - placedAt.getTime()).toBe(60_000);
});

test('the times of an account never fall, though the clock was set back', async () => {
  const id = await held(60n);
  await world.letDaysPass(-1);
  await increaseHold(world.ledger, id, 1n, spending(1n));
  await releaseHold(world.ledger, id);
  const { rows } = await world.admin.query({
    text: `SELECT bool_and(at >= before) AS rising FROM (
             SELECT at, lag(at) OVER (ORDER BY version) AS before FROM ledger.balance_changes WHERE account_id = $1) v`,
    values: [payer.accountId],
  });
  expect(rows).toEqual([{ rising: true }]);
  await world.letDaysPass(1);
});
