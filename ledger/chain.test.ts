import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { withTransaction, type Queryable } from '../platform/db.ts';
import { newId, type EntryId } from '../platform/ids.ts';
import { expectBooksOk } from '../tests/books.ts';
import { chainEntries } from '../tests/chain-entries.ts';
import {
  createLedgerWorld,
  entryOf,
  leg,
  movement,
  type LedgerWorld,
  type TestAccount,
} from '../tests/ledger-world.ts';
import { countUnchained, extendChain, readChainHead } from './chain.ts';
import { postEntry } from './post.ts';
import { systemAccount } from './accounts.ts';
import { verifyLedger, type VerifyReport } from './verify.ts';

/* The chain over the entries: complete, in order, and what a superuser changes afterwards is found where it was changed. */

let world: LedgerWorld;
let transfer: pg.Pool;
let admin: pg.Pool;
let ada: TestAccount;
let ben: TestAccount;

beforeAll(async () => {
  world = await createLedgerWorld();
  transfer = world.database.pool('dwaybank_transfer', { max: 4 });
  admin = world.database.pool('postgres', { max: 4 });
  [ada, ben] = [await world.funded(1_000_000n), await world.open()];
});
afterAll(async () => {
  await expectBooksOk(world.admin);
  await world.drop();
});

async function pay(count = 1): Promise<EntryId[]> {
  const entries = Array.from({ length: count }, () => movement(ada, ben, 1n));
  for (const entry of entries) expect(await postEntry(world.ledger, entry)).toMatchObject({ posted: true });
  return entries.map(({ id }) => id);
}

const chainAll = () => chainEntries(transfer, 7);

const verify = (tx: Queryable, options: Partial<Parameters<typeof verifyLedger>[1]> = {}): Promise<VerifyReport> =>
  verifyLedger(tx, { from: 1n, anchor: null, ...options });

/** What verifying says after a superuser has done something, which is taken back afterwards. */
async function afterTampering(...statements: [string, unknown[]?][]): Promise<VerifyReport['findings']> {
  const client = await admin.connect();
  try {
    // As a superuser may: no trigger is asked.
    await client.query(`BEGIN; SET LOCAL session_replication_role = 'replica'`);
    for (const [text, values = []] of statements) {
      const { rowCount } = await client.query(text, values);
      expect(rowCount).toBeGreaterThan(0);
    }
    return (await verify(client)).findings;
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

async function positionOf(entryId: EntryId): Promise<string> {
  const { rows } = await admin.query<{ position: string }>(
    'SELECT position FROM ledger.entry_chain WHERE entry_id = $1',
    [entryId],
  );
  return `position ${rows[0]!.position}`;
}

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

describe('what a superuser changes afterwards', () => {
  let victim: EntryId;
  let position: string;
  beforeAll(async () => {
    await pay(3);
    victim = (await pay(1))[0]!;
    await pay(3);
    await chainAll();
    position = await positionOf(victim);
  });
  const changed = () =>
    expect.objectContaining({
      subject: position,
      problem: 'an entry is not as it was chained',
      detail: `entry ${victim}`,
    });

  test.each([
    ['the amount', `UPDATE ledger.posting SET amount = amount * 2 WHERE entry_id = $1`],
    ['the account', `UPDATE ledger.posting SET account_id = gen_random_uuid() WHERE entry_id = $1 AND amount > 0`],
    ['the currency', `UPDATE ledger.posting SET currency = 'EUR' WHERE entry_id = $1`],
    ['the kind of a line', `UPDATE ledger.posting SET line_type = 'FEE' WHERE entry_id = $1`],
    ['the other end of a line', `UPDATE ledger.posting SET counterparty = 'Somebody' WHERE entry_id = $1`],
    ['a description', `UPDATE ledger.entry SET description = 'Another' WHERE id = $1`],
    ['the kind', `UPDATE ledger.entry SET kind = 'TRANSFER' WHERE id = $1`],
    ['the transfer', `UPDATE ledger.entry SET transfer_id = gen_random_uuid() WHERE id = $1`],
    ['the time', `UPDATE ledger.entry SET at = at - interval '1 day' WHERE id = $1`],
    ['what was spent', `UPDATE ledger.entry SET spent_by = gen_random_uuid(), spent_usd = 1 WHERE id = $1`],
    ['the transaction', `UPDATE ledger.entry SET xid = xid + 1 WHERE id = $1`],
    ['the time of a line', `UPDATE ledger.posting SET at = at - interval '1 day' WHERE entry_id = $1`],
  ])('%s is found at its position, and nowhere else in the chain', async (_what, sql) => {
    const findings = await afterTampering([sql, [victim]]);
    expect(findings).toContainEqual(changed());
    expect(findings.filter(({ subject }) => subject.startsWith('position '))).toHaveLength(1);
  });

  test('a line that is added or removed is found', async () => {
    const added = `INSERT INTO ledger.posting SELECT gen_random_uuid(), entry_id, account_id, currency, amount, line_type, counterparty, at
                   FROM ledger.posting WHERE entry_id = $1`;
    expect(await afterTampering([added, [victim]])).toEqual([changed()]);
    expect(await afterTampering(['DELETE FROM ledger.posting WHERE entry_id = $1 AND amount > 0', [victim]])).toEqual([
      changed(),
    ]);
  });

  test('a line that is added under another time than its entry is found', async () => {
    const added = `INSERT INTO ledger.posting SELECT gen_random_uuid(), entry_id, account_id, currency, amount, line_type, counterparty, at + interval '1 year'
                   FROM ledger.posting WHERE entry_id = $1 LIMIT 1`;
    expect(await afterTampering([added, [victim]])).toMatchObject([
      { problem: 'a posting belongs to no entry of its time' },
    ]);
  });

  test('an entry that is removed is found at its position', async () => {
    const findings = await afterTampering(
      ['DELETE FROM ledger.posting WHERE entry_id = $1', [victim]],
      ['DELETE FROM ledger.entry WHERE id = $1', [victim]],
    );
    expect(findings).toEqual([{ problem: 'an entry is missing', subject: position, detail: `entry ${victim}` }]);
  });

  test('an entry that is put in where the chain has passed is found', async () => {
    const id = newId<EntryId>();
    const findings = await afterTampering([
      `INSERT INTO ledger.entry (id, kind, at, xid) SELECT $2, kind, at, xid FROM ledger.entry WHERE id = $1`,
      [victim, '00000000-0000-7000-8000-000000000000'],
    ]);
    expect(findings).toMatchObject([{ problem: 'an entry was put in behind the chain' }]);
    const before = await afterTampering([
      `INSERT INTO ledger.entry (id, kind, at, xid) VALUES ($1, 'FUNDING', now(), NULL)`,
      [id],
    ]);
    expect(before).toMatchObject([{ problem: 'an entry was put in behind the chain', subject: id }]);
  });

  test('an entry that is dated back when it is put in at the end is a warning, as a clock that was wrong is', async () => {
    const client = await admin.connect();
    const id = newId<EntryId>();
    try {
      await client.query(`BEGIN; SET LOCAL session_replication_role = 'replica'`);
      // Of the last transaction that the chain has come to, and behind its last entry: that is where the chain goes on.
      await client.query(
        `INSERT INTO ledger.entry (id, kind, at, xid) SELECT $1, 'FUNDING', now() - interval '1 day', max(xid) FROM ledger.entry_chain`,
        [id],
      );
      expect(await extendChain(client, 100)).toBe(1);
      expect(await verify(client)).toMatchObject({
        findings: [],
        warnings: [{ problem: 'an entry is dated long before the one before it', detail: `entry ${id}` }],
      });
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
  });

  test('two entries that change places are found at both', async () => {
    const at = Number(position.split(' ')[1]);
    const swapped = await afterTampering(
      [
        `CREATE TEMP TABLE swap ON COMMIT DROP AS SELECT * FROM ledger.entry_chain WHERE position IN (${at}, ${at + 1})`,
      ],
      [`DELETE FROM ledger.entry_chain WHERE position IN ($1, $2)`, [at, at + 1]],
      [
        `INSERT INTO ledger.entry_chain SELECT s.position, o.entry_id, o.xid, s.hash, s.chained_at FROM swap s JOIN swap o ON o.position <> s.position`,
      ],
    );
    expect(swapped.map(({ subject }) => subject)).toEqual([position, `position ${at + 1}`]);
  });

  test('a position that is removed is found', async () => {
    const findings = await afterTampering(['DELETE FROM ledger.entry_chain WHERE entry_id = $1', [victim]]);
    expect(findings).toContainEqual(expect.objectContaining({ problem: 'the chain has a gap', subject: position }));
    expect(findings).toContainEqual(
      expect.objectContaining({ problem: 'an entry was put in behind the chain', subject: victim }),
    );
  });

  test('a chain that was written anew is found by an end of it that was noted', async () => {
    const client = await admin.connect();
    try {
      const head = await readChainHead(client);
      await client.query(`BEGIN; SET LOCAL session_replication_role = 'replica'`);
      await client.query('UPDATE ledger.posting SET amount = amount * 2 WHERE entry_id = $1', [victim]);
      await client.query('DELETE FROM ledger.entry_chain');
      // As the forger would: the function chains all of it again. The transaction itself is above its horizon, and its entries are not new.
      await chainEntries(client, 1_000);
      const anchor = { position: head.position, hash: head.hash! };
      expect((await verify(client)).findings).toEqual([]);
      expect((await verify(client, { anchor })).findings).toMatchObject([
        { problem: 'the chain is not as it was noted', subject: `position ${head.position}` },
      ]);
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
  });

  test('is not looked for before the position that verifying begins at', async () => {
    const from = BigInt(position.split(' ')[1]!) + 1n;
    const report = await withTransaction(admin, (tx) => verify(tx, { from }));
    expect(report).toMatchObject({ findings: [], positions: Number(report.head.position - from + 1n) });
  });
});
