import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type EntryId, type HoldId, type PocketId } from '../platform/ids.ts';
import type { Queryable } from '../platform/db.ts';
import { expectBooksOk } from '../tests/books.ts';
import { createLedgerWorld, movement, type LedgerWorld, type TestAccount } from '../tests/ledger-world.ts';
import { captureHold, increaseHold, keepHold } from '../tests/holds.ts';
import { releaseHold } from './holds.ts';
import { closePocket, movePocket, openPocket } from './pockets.ts';

/* What a service may do with held money: nothing past the functions for it, and nothing at all with a pocket's. */

let world: LedgerWorld;
let account: TestAccount;
let other: TestAccount;

beforeAll(async () => {
  world = await createLedgerWorld();
  [account, other] = [await world.funded(10_000n), await world.open()];
});
afterAll(async () => {
  await expectBooksOk(world.admin);
  await world.drop();
});

const services = ['dwaybank_transfer', 'dwaybank_ledger'];

/** Posts 1 from one account to the other and says beside it what is held. */
const POSTING = (name: string, held: string) => `SELECT verdict FROM ledger.${name}(
  ARRAY[gen_random_uuid()], ARRAY['T'], ARRAY[NULL]::uuid[], ARRAY[NULL]::text[], ARRAY[true], ARRAY[1, 1],
  ARRAY[gen_random_uuid(), gen_random_uuid()], ARRAY['${account.accountId}', '${other.accountId}']::uuid[], ARRAY['USD', 'USD'],
  ARRAY[-1, 1]::numeric[], ARRAY['TRANSFER_OUT', 'TRANSFER_IN'], ARRAY[NULL, NULL]::text[] ${held})`;

describe.each(services)('%s', (role) => {
  test('posts, and does not say what is held while it does', async () => {
    const pool = world.database.pool(role, { max: 1 });
    expect((await pool.query(POSTING('post_batch', ''))).rows).toEqual([{ verdict: 'POSTED' }]);
    const before = await world.fingerprint();
    const held = ', p_leg_held => ARRAY[-1, 0]::numeric[]';
    await expect(pool.query(POSTING('post_batch', held))).rejects.toMatchObject({ code: '42883' });
    await expect(pool.query(POSTING('post_batch_with_holds', held))).rejects.toMatchObject({ code: '42501' });
    const parts = ['release_any_hold($1, NULL)', 'increase_any_hold($1, 1, NULL, NULL, NULL, NULL)'];
    for (const part of parts) {
      await expect(pool.query(`SELECT ledger.${part}`, [newId()])).rejects.toMatchObject({ code: '42501' });
    }
    expect(await world.fingerprint()).toEqual(before);
  });

  test.each<[string, (db: Queryable, hold: HoldId) => Promise<unknown>]>([
    ['release', (db, hold) => releaseHold(db, hold)],
    ['release a part of', (db, hold) => releaseHold(db, hold, 1n)],
    ['increase', (db, hold) => increaseHold(db, hold, 1n)],
    ['end at some time', (db, hold) => keepHold(db, hold, new Date(Date.now() + 1_000))],
    ['capture', (db, hold) => captureHold(db, hold, { ...movement(account, other, 1n), id: newId<EntryId>() }, { final: true })],
  ])('cannot %s what is in a pocket, and its owner goes on with it', async (_what, touch) => {
    const { pocket, hold } = await filledPocket();
    const before = await world.fingerprint();
    await expect(touch(world.database.pool(role, { max: 1 }), hold)).rejects.toMatchObject({
      code: 'DW003',
      message: `hold ${hold} is money in a pocket`,
    });
    expect(await world.fingerprint()).toEqual(before);
    expect(await movePocket(world.ledger, pocket, 5n)).toBeNull();
    expect(await movePocket(world.ledger, pocket, -60n)).toBeNull();
    expect(await closePocket(world.ledger, pocket)).toBeNull();
  }); // prettier-ignore
});

async function filledPocket(): Promise<{ pocket: PocketId; hold: HoldId }> {
  const pocket = newId<PocketId>();
  expect(await openPocket(world.ledger, { id: pocket, accountId: account.accountId, most: 20 })).toBeNull();
  expect(await movePocket(world.ledger, pocket, 100n)).toBeNull();
  const { rows } = await world.admin.query<{ hold_id: HoldId }>({
    text: 'SELECT hold_id FROM ledger.pocket WHERE id = $1',
    values: [pocket],
  });
  return { pocket, hold: rows[0]!.hold_id };
}
