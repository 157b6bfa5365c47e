import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { expectBooksOk } from '../tests/books.ts';
import {
  createLedgerWorld,
  entryOf,
  leg,
  movement,
  type LedgerWorld,
  type TestAccount,
} from '../tests/ledger-world.ts';
import { reverseEntry } from '../tests/reversals.ts';
import { until } from '../tests/until.ts';
import { systemAccount } from './accounts.ts';
import { balances } from './balances.ts';
import { postEntry } from './post.ts';

/* Reversals at the ledger's own door: without the locks and looks of the refund that customers ask for. */

let world: LedgerWorld;
let transfer: pg.Pool;
let ada: TestAccount;
let ben: TestAccount;
beforeAll(async () => {
  world = await createLedgerWorld();
  transfer = world.database.pool('dwaybank_transfer', { max: 10 });
});
afterEach(() => expectBooksOk(world.admin));
afterAll(() => world.drop());

async function paid(amountMinor = 100n) {
  [ada, ben] = [await world.funded(amountMinor), await world.open()];
  const entry = movement(ada, ben, amountMinor);
  await postEntry(world.ledger, entry);
  return entry.id;
}
const postedOf = async ({ accountId }: TestAccount) =>
  (await balances(world.ledger, [accountId])).get(accountId)!.postedMinor;

describe('a reversal', () => {
  test('asked for by many at once takes back no more than there was', async () => {
    const id = await paid();
    await world.fund(ben, 1_000n);
    const said = await Promise.all(Array.from({ length: 8 }, () => reverseEntry(transfer, id, 30n)));
    expect(said.map(({ verdict }) => verdict).toSorted()).toEqual([
      ...Array<string>(3).fill('POSTED'),
      ...Array<string>(5).fill('REFUND_EXCEEDS_REMAINING'),
    ]);
    expect(await postedOf(ada)).toBe(90n);
  });

  test('takes nothing that is held, and lays that out', async () => {
    const id = await paid();
    await world.hold(ben, 70n);
    expect(await reverseEntry(transfer, id, 40n)).toMatchObject({ verdict: 'INSUFFICIENT_FUNDS' });
    expect(await reverseEntry(transfer, id, 40n, 'RECEIVABLE')).toMatchObject({
      verdict: 'POSTED',
      receivableMinor: 10n,
    });
    expect(await postedOf(ben)).toBe(70n);
  });

  test('lays out what the recipient spends while it waits for them', async () => {
    const id = await paid();
    const shop = await world.open();
    const other = await transfer.connect();
    try {
      await other.query('BEGIN');
      await postEntry(other, movement(ben, shop, 60n));
      const reversing = reverseEntry(transfer, id, null, 'RECEIVABLE');
      await until('it waits for the account', async () => {
        const text = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%reverse_entry%'`;
        return (await world.admin.query({ text })).rowCount;
      });
      await other.query('COMMIT');
      expect(await reversing).toMatchObject({ verdict: 'POSTED', receivableMinor: 60n });
    } finally {
      other.release(true);
    }
  });

  test('is of one movement between two customers and of nothing else', async () => {
    await paid();
    const settlement = await systemAccount(world.ledger, 'SETTLEMENT', 'USD');
    const deposit = entryOf([leg(settlement, -50n), leg(ben.accountId, 50n)]);
    const two = entryOf([
      leg(ben.accountId, -20n),
      leg(ada.accountId, 20n),
      leg(ben.accountId, -20n),
      leg((await world.open()).accountId, 20n),
    ]);
    for (const entry of [deposit, two]) {
      expect(await postEntry(world.ledger, entry)).toMatchObject({ posted: true });
      const before = await world.fingerprint();
      expect(await reverseEntry(transfer, entry.id, null)).toMatchObject({ verdict: 'NOT_REVERSIBLE' });
      expect(await world.fingerprint()).toEqual(before);
    }
  });
});
