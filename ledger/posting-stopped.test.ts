import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { newId, type HoldId } from '../platform/ids.ts';
import { expectBooksOk } from '../tests/books.ts';
import { createLedgerWorld, movement, type LedgerWorld, type TestAccount } from '../tests/ledger-world.ts';
import { until } from '../tests/until.ts';
import { captureHold, increaseHold, keepHold, placeHold } from '../tests/holds.ts';
import { expireHolds, releaseHold } from './holds.ts';
import { postEntry } from './post.ts';

/* The gate that stops all posting: nothing new is decided, and what was promised before is kept. */

let world: LedgerWorld;
let from: TestAccount;
let to: TestAccount;
let open: HoldId;
beforeAll(async () => {
  world = await createLedgerWorld();
  from = await world.funded(1_000n);
  to = await world.open();
});
afterEach(async () => {
  await switchGate(`ledger.resume_posting()`);
  await expectBooksOk(world.admin);
});
afterAll(() => world.drop());

const STOPPED = { code: 'DW010', message: 'posting is stopped: the books are being looked at' };
async function switchGate(call: string): Promise<boolean> {
  return (await world.ledger.query<{ done: boolean }>({ text: `SELECT ${call} AS done` })).rows[0]!.done;
}
const stop = () => switchGate(`ledger.stop_posting('the books are being looked at')`);

test('stops postings and holds until it is opened again, and says why', async () => {
  const id = await world.hold(from, 10n);
  expect(await stop()).toBe(true);
  const before = await world.fingerprint();
  await expect(postEntry(world.ledger, movement(from, to, 1n))).rejects.toMatchObject(STOPPED);
  await expect(world.hold(from, 1n)).rejects.toMatchObject(STOPPED);
  await expect(increaseHold(world.ledger, id, 1n)).rejects.toMatchObject(STOPPED);
  expect(await world.fingerprint()).toEqual(before);
  expect(await switchGate('ledger.resume_posting()')).toBe(true);
  expect(await postEntry(world.ledger, movement(from, to, 1n))).toMatchObject({ posted: true });
});

test('lets held money go where it was promised, or back', async () => {
  const [first, second, third] = [
    await world.hold(from, 10n),
    await world.hold(from, 10n),
    await world.hold(from, 10n),
  ];
  await stop();
  expect(await keepHold(world.ledger, first)).toBe('KEPT');
  expect(await captureHold(world.ledger, first, movement(from, to, 10n), { final: true })).toMatchObject({ ok: true });
  expect(await releaseHold(world.ledger, second)).toMatchObject({ ok: true });
  const text = 'UPDATE ledger.hold SET expires_at = clock_timestamp() WHERE id = $1';
  await world.admin.query({ text, values: [third] });
  expect(await expireHolds(world.ledger, 10)).toBe(1);
});

test('keeps the time and reason of who stopped it first', async () => {
  await stop();
  expect(await switchGate(`ledger.stop_posting('another reason')`)).toBe(false);
  const { rows } = await world.ledger.query({ text: 'SELECT reason FROM ledger.posting_gate' });
  expect(rows).toEqual([{ reason: 'the books are being looked at' }]);
  expect(await switchGate('ledger.resume_posting()')).toBe(true);
  expect(await switchGate('ledger.resume_posting()')).toBe(false);
});

test.each([
  ['post_batch', () => postEntry(world.ledger, movement(from, to, 1n))],
  ['place_hold', () => world.hold(from, 1n)],
  ['increase_hold', () => increaseHold(world.ledger, open, 1n)],
])('is met by who has waited for a lock meanwhile: %s', async (name, begin) => {
  const blocker = await world.database.pool('postgres', { max: 1 }).connect();
  open = await world.hold(from, 1n);
  try {
    await blocker.query('BEGIN');
    await blocker.query('SELECT FROM ledger.account WHERE id = $1 FOR UPDATE', [from.accountId]);
    const refused = expect(begin()).rejects.toMatchObject(STOPPED);
    await until(`${name} waits`, async () => {
      const text = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1`;
      return (await world.admin.query({ text, values: [`%ledger.${name}%`] })).rowCount;
    });
    await stop();
    await blocker.query('COMMIT');
    await refused;
  } finally {
    blocker.release();
  }
});

test('keeps nobody from hearing again what was decided before: a hold that is there, a batch of which nothing is wanted', async () => {
  const hold = {
    id: newId<HoldId>(),
    accountId: from.accountId,
    amount: { amountMinor: 1n, currency: 'USD' },
    transferId: null,
  };
  const placed = await placeHold(world.ledger, hold);
  await stop();
  expect(await placeHold(world.ledger, hold)).toEqual(placed);
  const { rows } = await world.ledger.query({
    text: `SELECT verdict FROM ledger.post_batch(ARRAY[gen_random_uuid()], ARRAY['TRANSFER'], ARRAY[NULL::uuid], ARRAY[NULL], ARRAY[false], ARRAY[1, 1],
             ARRAY[gen_random_uuid(), gen_random_uuid()], ARRAY[$1, $2]::uuid[], ARRAY['USD', 'USD'], ARRAY[-1, 1],
             ARRAY['TRANSFER_OUT', 'TRANSFER_IN'], ARRAY[NULL, NULL]::text[])`,
    values: [from.accountId, to.accountId],
  });
  expect(rows).toEqual([{ verdict: null }]);
});
