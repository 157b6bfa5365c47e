import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { withTransaction } from '../platform/db.ts';
import { newId, type EntryId } from '../platform/ids.ts';
import { expectBooksOk } from '../tests/books.ts';
import { chainEntries } from '../tests/chain-entries.ts';
import { openChainWorld, verify, type ChainWorld } from '../tests/chain-world.ts';
import { extendChain, readChainHead } from './chain.ts';
import type { VerifyReport } from './verify.ts';

/* What a superuser changes afterwards is found, at the position where it was changed. */

let chain: ChainWorld;
let victim: EntryId;
let position: string;

beforeAll(async () => {
  chain = await openChainWorld();
  await chain.pay(3);
  victim = (await chain.pay(1))[0]!;
  await chain.pay(3);
  await chain.chainAll();
  position = await chain.positionOf(victim);
});
afterAll(async () => {
  await expectBooksOk(chain.world.admin);
  await chain.world.drop();
});

/** What verifying says after a superuser has done something, which is taken back afterwards. */
async function afterTampering(...statements: [string, unknown[]?][]): Promise<VerifyReport['findings']> {
  const client = await chain.admin.connect();
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
  const client = await chain.admin.connect();
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
    [`CREATE TEMP TABLE swap ON COMMIT DROP AS SELECT * FROM ledger.entry_chain WHERE position IN (${at}, ${at + 1})`],
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
  const client = await chain.admin.connect();
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
  const report = await withTransaction(chain.admin, (tx) => verify(tx, { from }));
  expect(report).toMatchObject({ findings: [], positions: Number(report.head.position - from + 1n) });
});
