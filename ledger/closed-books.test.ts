import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LOGIN_ROLES } from '../bank/owners.ts';
import { newId, type HoldId } from '../platform/ids.ts';
import { expectBooksOk } from '../tests/books.ts';
import { createLedgerWorld, movement, type LedgerWorld, type TestAccount } from '../tests/ledger-world.ts';
import { openAccount } from './accounts.ts';
import { placeHold } from '../tests/holds.ts';
import { releaseHold } from './holds.ts';
import { readSpending, setSpendingLimit } from './limits.ts';
import { postEntry } from './post.ts';

/* Nobody writes the books but the ledger's functions: neither another service, nor its own, nor a person by mistake. */

let world: LedgerWorld;
let account: TestAccount;
beforeAll(async () => {
  world = await createLedgerWorld();
  account = await world.funded(1_000n);
});
afterAll(async () => {
  await expectBooksOk(world.admin);
  await world.drop();
});

const TABLES = [
  'currency',
  'account',
  'entry',
  'posting',
  'balance_changes',
  'spending_limit',
  'hold',
  'hold_change',
  'hold_spending',
  'posting_gate',
];
const READERS = ['dwaybank_ledger', 'dwaybank_wallet', 'dwaybank_transfer'];
const LIMITERS = ['dwaybank_ledger', 'dwaybank_risk'];
const POSTERS = ['dwaybank_ledger', 'dwaybank_transfer'];
const DENIED = { code: '42501' };

describe.each(LOGIN_ROLES)('%s', (role) => {
  test('cannot write any table of the ledger', async () => {
    const pool = world.database.pool(role, { max: 1 });
    for (const table of TABLES) {
      for (const write of [
        `INSERT INTO ledger.${table} SELECT * FROM ledger.${table}`,
        `INSERT INTO ledger.${table} DEFAULT VALUES`,
        `DELETE FROM ledger.${table}`,
        `TRUNCATE ledger.${table}`,
      ]) {
        await expect(pool.query(write)).rejects.toMatchObject(DENIED);
      }
    }
    await expect(pool.query('UPDATE ledger.account SET posted = posted + 1')).rejects.toMatchObject(DENIED);
    await expect(pool.query(`UPDATE ledger.account SET status = 'ACTIVE'`)).rejects.toMatchObject(DENIED);
    await expect(pool.query('ALTER TABLE ledger.posting DISABLE TRIGGER ALL')).rejects.toMatchObject(DENIED);
  });

  test(`${READERS.includes(role) ? 'reads' : 'cannot read'} the books`, async () => {
    const reading = world.database.pool(role, { max: 1 }).query('SELECT count(*) FROM ledger.posting');
    await (READERS.includes(role)
      ? expect(reading).resolves.toBeDefined()
      : expect(reading).rejects.toMatchObject(DENIED));
  });

  test(`${POSTERS.includes(role) ? 'may' : 'may not'} post`, async () => {
    const posting = postEntry(world.database.pool(role, { max: 1 }), movement(account, await world.open(), 1n));
    await (POSTERS.includes(role)
      ? expect(posting).resolves.toMatchObject({ posted: true })
      : expect(posting).rejects.toMatchObject(DENIED));
  });

  test(`${POSTERS.includes(role) ? 'may' : 'may not'} hold money, and stop all posting`, async () => {
    const pool = world.database.pool(role, { max: 1 });
    const id = newId<HoldId>();
    const holding = async () => {
      await placeHold(pool, {
        id,
        accountId: account.accountId,
        amount: { amountMinor: 1n, currency: 'USD' },
        transferId: null,
      });
      await releaseHold(pool, id);
    };
    const stopping = () => pool.query(`SELECT ledger.stop_posting('a test'), ledger.resume_posting()`);
    for (const work of [holding, stopping]) {
      await (POSTERS.includes(role)
        ? expect(work()).resolves.not.toThrow()
        : expect(work()).rejects.toMatchObject(DENIED));
    }
    for (const internal of ['count_spending', 'return_spending', 'lock_for_hold', 'move_held', 'free_held']) {
      const text = `SELECT bool_or(has_function_privilege($1, oid, 'EXECUTE')) AS may FROM pg_proc
                    WHERE pronamespace = 'ledger'::regnamespace AND proname = $2`;
      expect((await world.admin.query({ text, values: [role, internal] })).rows).toEqual([{ may: false }]);
    }
  });

  test(`${LIMITERS.includes(role) ? 'may' : 'may not'} set and read spending limits`, async () => {
    const pool = world.database.pool(role, { max: 1 });
    const limit = { ownerId: account.ownerId, scope: 'TOTAL', dailyMinor: 1n, monthlyMinor: null };
    for (const limiting of [setSpendingLimit(pool, limit), readSpending(pool, [account.ownerId])]) {
      await (LIMITERS.includes(role)
        ? expect(limiting).resolves.not.toThrow()
        : expect(limiting).rejects.toMatchObject(DENIED));
    }
    await expect(pool.query('UPDATE ledger.spending_limit SET day_spent = 0')).rejects.toMatchObject(DENIED);
  });

  test(`${role === 'dwaybank_wallet' ? 'may' : 'may not'} open accounts`, async () => {
    // An account that exists: whoever gets as far as the table meets its primary key.
    const opening = openAccount(world.database.pool(role, { max: 1 }), {
      id: account.accountId,
      ownerId: account.ownerId,
      currency: 'USD',
      kind: 'PERSONAL',
    });
    await expect(opening).rejects.toMatchObject(role === 'dwaybank_wallet' ? { code: '23505' } : DENIED);
  });
});

describe('what is posted stays, even for', () => {
  test.each(['postgres', 'dwaybank_ledger_owner'])('%s', async (role) => {
    const client = await world.database.pool('postgres', { max: 1 }).connect();
    try {
      await client.query(`SET ROLE ${role}`);
      for (const table of ['entry', 'posting', 'balance_changes', 'hold_change']) {
        for (const change of [
          `UPDATE ledger.${table} SET at = at`,
          `DELETE FROM ledger.${table}`,
          `TRUNCATE ledger.${table}`,
        ]) {
          await expect(client.query(change)).rejects.toMatchObject({ code: 'DW002' });
        }
      }
    } finally {
      await client.query('RESET ROLE');
      client.release();
    }
  });
});

describe('the tables themselves refuse', () => {
  test('to change what a hold is, to change one that has ended, and to lose one', async () => {
    const id = await world.hold(account, 1n);
    await releaseHold(world.ledger, id);
    for (const text of [
      `UPDATE ledger.hold SET owner_id = owner_id`,
      `UPDATE ledger.hold SET status = 'OPEN' WHERE id = '${id}'`,
      `DELETE FROM ledger.hold`,
      `TRUNCATE ledger.hold`,
      `UPDATE ledger.hold_spending SET usd = 0`,
      `DELETE FROM ledger.hold_spending`,
      `DELETE FROM ledger.posting_gate`,
      `UPDATE ledger.account SET provider = 'stripe'`,
    ]) {
      await expect(world.admin.query({ text })).rejects.toMatchObject({ code: 'DW002' });
    }
  });

  test.each([
    ['a customer below zero', `posted = -1`],
    ['a customer whose holds exceed the money', `held = posted + 1`],
    ['negative holds', `held = -1`],
    ['a status that nobody knows', `status = 'SLEEPING'`],
  ])('%s', async (_, change) => {
    const update = { text: `UPDATE ledger.account SET ${change} WHERE id = $1`, values: [account.accountId] };
    await expect(world.admin.query(update)).rejects.toMatchObject({ code: '23514' });
  });

  test('a running balance on an account of the bank', async () => {
    const update = `UPDATE ledger.account SET posted = 1 WHERE owner_id IS NULL`;
    await expect(world.admin.query({ text: update })).rejects.toMatchObject({ code: '23514' });
  });
});
