import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { withTransaction } from '../platform/db.ts';
import { expectBooksOk } from '../tests/books.ts';
import { chainEntries } from '../tests/chain-entries.ts';
import { openChainWorld, verify, type ChainWorld } from '../tests/chain-world.ts';
import {
  createLedgerWorld,
  entryOf,
  leg,
  movement,
  type LedgerWorld,
  type TestAccount,
} from '../tests/ledger-world.ts';
import { systemAccount } from './accounts.ts';
import { countUnchained, extendChain, readChainHead } from './chain.ts';
import { postEntry } from './post.ts';

/* The chain over the entries: complete, in order, and written by nobody but its function. */

let world: LedgerWorld;
let transfer: pg.Pool;
let admin: pg.Pool;
let ada: TestAccount;
let pay: ChainWorld['pay'];
let chainAll: ChainWorld['chainAll'];
let positionOf: ChainWorld['positionOf'];

beforeAll(async () => {
  ({ world, transfer, admin, ada, pay, chainAll, positionOf } = await openChainWorld());
});
afterAll(async () => {
  await expectBooksOk(world.admin);
  await world.drop();
});

describe('the chain', () => {
  test('has every entry once, in positions without a gap, and verifies', async () => {
    await pay(20);
    await chainAll();
    const { rows } = await admin.query<{ entries: string; chained: string; last: string }>(
      `SELECT (SELECT count(*) FROM ledger.entry) AS entries, count(DISTINCT entry_id) AS chained, max(position) AS last FROM ledger.entry_chain`,
    );
    expect(rows[0]!.chained).toBe(rows[0]!.entries);
    expect(rows[0]!.last).toBe(rows[0]!.entries);
    const report = await withTransaction(admin, (tx) => verify(tx));
    expect(report).toMatchObject({ findings: [], unchained: 0, positions: Number(rows[0]!.entries) });
    expect(report.head).toEqual(await readChainHead(transfer));
  });

  test('has entries that touch no customer too', async () => {
    const [settlement, suspense] = await Promise.all(
      ['SETTLEMENT', 'SUSPENSE'].map((kind) => systemAccount(world.ledger, kind as 'SETTLEMENT', 'EUR')),
    );
    const there = entryOf([leg(settlement!, -5n, 'EUR'), leg(suspense!, 5n, 'EUR')]);
    const back = entryOf([leg(suspense!, -5n, 'EUR'), leg(settlement!, 5n, 'EUR')]);
    for (const entry of [there, back]) await postEntry(world.ledger, entry);
    await chainAll();
    expect(await positionOf(there.id)).toMatch(/\d+$/);
    expect(await positionOf(back.id)).toMatch(/\d+$/);
  });

  test('waits for an entry that is written and not committed yet, and passes none by', async () => {
    await chainAll();
    const client = await world.database.pool('dwaybank_ledger', { max: 1 }).connect();
    const slow = movement(ada, await world.open(), 3n);
    await client.query('BEGIN');
    // Another customer's, so that nobody waits for the lock of the first.
    const cleo = await world.funded(10n);
    await postEntry(client, {
      ...slow,
      legs: slow.legs.map((each, index) => (index === 0 ? { ...each, accountId: cleo.accountId } : each)),
    });
    const late = await pay(3);
    while ((await extendChain(transfer, 7)) > 0);
    expect(await countUnchained(transfer, 100)).toBeGreaterThanOrEqual(3);
    await client.query('COMMIT');
    client.release();
    await chainAll();
    expect(await countUnchained(transfer, 100)).toBe(0);
    const positions = await Promise.all([slow.id, ...late].map(positionOf));
    expect(new Set(positions).size).toBe(4);
    expect((await withTransaction(admin, (tx) => verify(tx))).findings).toEqual([]);
  });

  test('is extended by one process at a time, to the same chain', async () => {
    await pay(30);
    await Promise.all(Array.from({ length: 4 }, async () => chainAll()));
    await chainAll();
    const { rows } = await admin.query('SELECT FROM ledger.entry_chain GROUP BY entry_id HAVING count(*) > 1');
    expect(rows).toEqual([]);
    expect((await withTransaction(admin, (tx) => verify(tx))).findings).toEqual([]);
  });

  test('begins with the entries that were there before it, in the order of their ids', async () => {
    const other = await createLedgerWorld();
    try {
      const account = await other.funded(100n);
      for (let n = 0; n < 5; n++) await other.fund(account, 1n);
      const superuser = other.database.pool('postgres', { max: 1 });
      await superuser.query(
        `SET session_replication_role = 'replica'; UPDATE ledger.entry SET xid = NULL; SET session_replication_role = 'origin'`,
      );
      await other.fund(account, 1n);
      const pool = other.database.pool('dwaybank_transfer', { max: 1 });
      await chainEntries(pool, 2);
      const { rows } = await superuser.query<{ sorted: boolean; count: string }>(
        `SELECT bool_and(before < entry_id) AS sorted, count(*) FROM (SELECT entry_id, lag(entry_id) OVER (ORDER BY position) AS before FROM ledger.entry_chain) c`,
      );
      expect(rows[0]).toEqual({ sorted: true, count: '7' });
      expect((await withTransaction(superuser, (tx) => verify(tx))).findings).toEqual([]);
    } finally {
      await other.drop();
    }
  });

  test('cannot be written by anybody but its function', async () => {
    for (const role of ['dwaybank_ledger', 'dwaybank_transfer', 'dwaybank_wallet']) {
      const pool = world.database.pool(role, { max: 1 });
      for (const table of ['entry_chain', 'proof', 'proved_sum']) {
        await expect(pool.query(`DELETE FROM ledger.${table}`)).rejects.toMatchObject({ code: '42501' });
        await expect(pool.query(`INSERT INTO ledger.${table} DEFAULT VALUES`)).rejects.toMatchObject({ code: '42501' });
      }
    }
    await expect(admin.query(`UPDATE ledger.entry_chain SET hash = hash`)).rejects.toThrow();
    await expect(world.ledger.query({ text: 'SELECT ledger.extend_chain(1)' })).rejects.toMatchObject({
      code: '42501',
    });
  });
});
