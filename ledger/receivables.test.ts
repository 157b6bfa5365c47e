import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { newId, type EntryId, type PocketId, type UserId } from '../platform/ids.ts';
import { expectBooksOk } from '../tests/books.ts';
import { createLedgerWorld, movement, type LedgerWorld, type TestAccount } from '../tests/ledger-world.ts';
import { reverseEntry } from '../tests/reversals.ts';
import { until } from '../tests/until.ts';
import { balances } from './balances.ts';
import { setOverdraft } from './overdraft.ts';
import { movePocket, openPocket } from './pockets.ts';
import { postEntry } from './post.ts';
import { stopPosting } from './posting-gate.ts';
import { collectReceivable, findCollectable, outstandingReceivables, receivablesOf } from './receivables.ts';

/* What a customer owes after a reversal of spent money, and how it is collected: never more than is owed, nor than there is. */

let world: LedgerWorld;
let transfer: pg.Pool;
beforeAll(async () => {
  world = await createLedgerWorld();
  transfer = world.database.pool('dwaybank_transfer', { max: 6 });
});
afterEach(() => expectBooksOk(world.admin));
afterAll(() => world.drop());

/** Ben was paid, has spent it, and the payment was taken back: he owes `owed`. */
async function debt(owed: bigint): Promise<{ id: EntryId; ben: TestAccount }> {
  const [ada, ben, shop] = [await world.funded(owed), await world.open(), await world.open()];
  const paid = movement(ada, ben, owed);
  for (const entry of [paid, movement(ben, shop, owed)]) await postEntry(world.ledger, entry);
  const { id, verdict, receivableMinor } = await reverseEntry(transfer, paid.id, null, 'RECEIVABLE');
  expect([verdict, receivableMinor]).toEqual(['POSTED', owed]);
  return { id, ben };
}

const collect = (receivableId: EntryId, { accountId }: TestAccount, entryId = newId<EntryId>()) =>
  collectReceivable(transfer, { receivableId, accountId }, entryId);
const collected = (amountMinor: bigint) => ({ verdict: 'COLLECTED', amountMinor });
const postedOf = async ({ accountId }: TestAccount) =>
  (await balances(world.ledger, [accountId])).get(accountId)!.postedMinor;
const owedBy = async ({ ownerId }: TestAccount) => {
  const [receivable] = await receivablesOf(world.ledger, { debtorId: ownerId, after: null, limit: 10 });
  return receivable!;
};
const standing = async (): Promise<string> => {
  const { rows } = await world.admin.query<{ sum: string }>({
    text: `SELECT coalesce(sum(p.amount), 0) AS sum FROM ledger.posting p JOIN ledger.account a ON a.id = p.account_id
           WHERE a.kind = 'RECEIVABLE' AND a.currency = 'USD'`,
  });
  return rows[0]!.sum;
};

describe('a receivable', () => {
  test('is taken from what there is, in parts, and is settled when nothing is owed', async () => {
    const before = BigInt(await standing());
    const { id, ben } = await debt(100n);
    expect(BigInt(await standing())).toBe(before - 100n);
    await world.fund(ben, 30n);
    expect(await collect(id, ben)).toEqual(collected(30n));
    expect(await owedBy(ben)).toMatchObject({
      collected: { amountMinor: 30n },
      outstanding: { amountMinor: 70n },
      settledAt: null,
    });
    await world.fund(ben, 90n);
    expect(await collect(id, ben)).toEqual(collected(70n));
    expect(await postedOf(ben)).toBe(20n);
    expect(await collect(id, ben)).toEqual({ verdict: 'SETTLED', amountMinor: 0n });
    const settled = await owedBy(ben);
    expect(settled).toMatchObject({ id, outstanding: { amountMinor: 0n }, settledAt: expect.any(Date) });
    expect(settled.collections.map(({ amount }) => amount.amountMinor)).toEqual([70n, 30n]);
    expect(BigInt(await standing())).toBe(before);
  });

  test('is of the customer: from any of their accounts in its currency, and from no other', async () => {
    const { id, ben } = await debt(50n);
    const other = await world.open({ ownerId: ben.ownerId, kind: 'SAVINGS' });
    const euros = await world.open({ ownerId: ben.ownerId, currency: 'EUR' });
    const stranger = await world.funded(100n);
    await world.fund(other, 20n);
    await world.fund(euros, 100n);
    const mine = (await findCollectable(transfer, 100)).filter(({ receivableId }) => receivableId === id);
    expect(mine).toEqual([{ receivableId: id, accountId: other.accountId }]);
    expect(await collect(id, other)).toEqual(collected(20n));
    for (const wrong of [euros, stranger]) await expect(collect(id, wrong)).rejects.toMatchObject({ code: 'DW003' });
    await expect(collect(newId(), other)).rejects.toMatchObject({ code: 'DW003' });
  });

  test('leaves alone what is held, what is in a pocket, and what is there by overdraft alone', async () => {
    const { id, ben } = await debt(100n);
    await world.fund(ben, 60n);
    await world.hold(ben, 25n);
    const pocket = newId<PocketId>();
    await openPocket(world.ledger, { id: pocket, accountId: ben.accountId, most: 5 });
    await movePocket(world.ledger, pocket, 15n);
    await setOverdraft(world.ledger, { accountId: ben.accountId, amountMinor: 500n, changedBy: newId<UserId>() });
    expect(await collect(id, ben)).toEqual(collected(20n));
    expect(await collect(id, ben)).toEqual({ verdict: 'NOTHING_AVAILABLE', amountMinor: 0n });
    expect(await postedOf(ben)).toBe(40n);
    expect(await findCollectable(transfer, 100)).not.toContainEqual({ receivableId: id, accountId: ben.accountId });
  });

  test.each(['FROZEN', 'CLOSED'])('waits while the account is %s', async (status) => {
    const { id, ben } = await debt(10n);
    await world.fund(ben, 10n);
    const set = (to: string) =>
      world.admin.query({ text: 'UPDATE ledger.account SET status = $2 WHERE id = $1', values: [ben.accountId, to] });
    await set(status);
    expect(await findCollectable(transfer, 100)).not.toContainEqual({ receivableId: id, accountId: ben.accountId });
    const before = await world.fingerprint();
    expect(await collect(id, ben)).toEqual({ verdict: `ACCOUNT_${status}`, amountMinor: 0n });
    expect(await world.fingerprint()).toEqual(before);
    await set('ACTIVE');
    expect(await collect(id, ben)).toEqual(collected(10n));
  });

  test('is not collected while posting is stopped', async () => {
    const other = await createLedgerWorld();
    try {
      const [ada, ben, shop] = [await other.funded(10n), await other.open(), await other.open()];
      const paid = movement(ada, ben, 10n);
      for (const entry of [paid, movement(ben, shop, 10n)]) await postEntry(other.ledger, entry);
      const { id } = await reverseEntry(other.ledger, paid.id, null, 'RECEIVABLE');
      await other.fund(ben, 10n);
      await stopPosting(other.database.pool('dwaybank_transfer', { max: 1 }), 'a test');
      await expect(
        collectReceivable(other.ledger, { receivableId: id, accountId: ben.accountId }, newId()),
      ).rejects.toMatchObject({ code: 'DW010' });
      await expectBooksOk(other.admin);
    } finally {
      await other.drop();
    }
  });

  test('that is collected once more under the same entry is told what was done then', async () => {
    const { id, ben } = await debt(100n);
    await world.fund(ben, 40n);
    const entryId = newId<EntryId>();
    expect(await collect(id, ben, entryId)).toEqual(collected(40n));
    await world.fund(ben, 5n);
    expect(await collect(id, ben, entryId)).toEqual(collected(40n));
    expect(await postedOf(ben)).toBe(5n);
  });

  test('is told with its age, the oldest first', async () => {
    const { id, ben } = await debt(7n);
    const later = await debt(8n);
    await world.letDaysPass(3);
    const told = await outstandingReceivables(world.ledger, { after: null, limit: 100 });
    const ids = told.map((each) => each.id);
    expect(ids.indexOf(id)).toBeLessThan(ids.indexOf(later.id));
    expect(told.find((each) => each.id === id)).toMatchObject({ debtorId: ben.ownerId, ageDays: 3 });
    expect(
      (await outstandingReceivables(world.ledger, { after: id, limit: 100 })).map((each) => each.id),
    ).not.toContain(id);
  });
});

/** Begins everything while somebody has the accounts' locks, so that all of it waits, and then goes on at once. */
async function whileLocked<Result>(accounts: TestAccount[], begin: () => Promise<Result>[]): Promise<Result[]> {
  const client = await world.database.pool('postgres', { max: 1 }).connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT FROM ledger.account WHERE id = ANY ($1) ORDER BY id FOR UPDATE', [
      accounts.map(({ accountId }) => accountId),
    ]);
    const begun = begin();
    await until('all of them wait', async () => {
      const { rows } = await world.admin.query<{ waiting: number }>({
        text: `SELECT count(*)::int AS waiting FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%collect_receivable%'`,
      });
      return rows[0]!.waiting === begun.length;
    });
    await client.query('COMMIT');
    return await Promise.all(begun);
  } finally {
    client.release(true);
  }
}

describe('at once', () => {
  test('many collections take what is owed once, from several accounts too', async () => {
    const { id, ben } = await debt(100n);
    const other = await world.open({ ownerId: ben.ownerId });
    await world.fund(ben, 80n);
    await world.fund(other, 80n);
    const attempts = await whileLocked([ben, other], () =>
      Array.from({ length: 6 }, (_, n) => collect(id, n % 2 ? ben : other)),
    );
    expect(attempts.reduce((sum, { amountMinor }) => sum + amountMinor, 0n)).toBe(100n);
    expect((await postedOf(ben)) + (await postedOf(other))).toBe(60n);
  });

  test('a payment and a collection never take the same money', async () => {
    const shop = await world.open();
    for (let round = 0; round < 10; round++) {
      const { id, ben } = await debt(10n);
      await world.fund(ben, 10n);
      const [paid, taken] = await Promise.all([postEntry(world.ledger, movement(ben, shop, 10n)), collect(id, ben)]);
      expect([paid.posted, taken.verdict === 'COLLECTED'].filter(Boolean)).toHaveLength(1);
      expect(await postedOf(ben)).toBe(0n);
    }
  });

  test('two debts of one customer are paid out of the same money one after the other', async () => {
    const first = await debt(30n);
    const [ada, shop] = [await world.funded(30n), await world.open()];
    const paid = movement(ada, first.ben, 30n);
    for (const entry of [paid, movement(first.ben, shop, 30n)]) await postEntry(world.ledger, entry);
    const second = await reverseEntry(transfer, paid.id, null, 'RECEIVABLE');
    await world.fund(first.ben, 40n);
    await Promise.all([collect(first.id, first.ben), collect(second.id, first.ben)]);
    expect(await postedOf(first.ben)).toBe(0n);
    const owed = await receivablesOf(world.ledger, { debtorId: first.ben.ownerId, after: null, limit: 10 });
    expect(owed.reduce((sum, { outstanding }) => sum + outstanding.amountMinor, 0n)).toBe(20n);
  });
});

test('a connection that breaks before the commit leaves nothing, and the next attempt collects', async () => {
  const { id, ben } = await debt(100n);
  await world.fund(ben, 100n);
  const before = await world.fingerprint();
  const client = await transfer.connect();
  await client.query('BEGIN');
  expect(await collectReceivable(client, { receivableId: id, accountId: ben.accountId }, newId())).toEqual(
    collected(100n),
  );
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  await world.admin.query({ text: 'SELECT pg_terminate_backend($1, 10000)', values: [rows[0]!.pid] });
  client.release(true);
  expect(await world.fingerprint()).toEqual(before);
  expect(await collect(id, ben)).toEqual(collected(100n));
});

test.each([
  ['what was collected is raised', `UPDATE ledger.receivable SET collected = collected + 1 WHERE id = $1`],
  ['a debt is forgotten', `DELETE FROM ledger.receivable WHERE id = $1`],
  ['a debt is another’s', `UPDATE ledger.receivable SET debtor_id = gen_random_uuid() WHERE id = $1`],
  ['a collection is forgotten', `DELETE FROM ledger.receivable_collection WHERE receivable_id = $1`],
  [
    'a collection is another’s',
    `UPDATE ledger.receivable_collection SET account_id = gen_random_uuid() WHERE receivable_id = $1`,
  ],
])('the books are not right when %s', async (_what, text) => {
  const { id, ben } = await debt(100n);
  await world.fund(ben, 40n);
  await collect(id, ben);
  const client = await world.database.pool('postgres', { max: 1 }).connect();
  try {
    await client.query(`BEGIN; SET LOCAL session_replication_role = 'replica'`);
    await client.query(text, [id]);
    await expect(expectBooksOk(client)).rejects.toThrow(/BOOKS NOT OK/);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
});
