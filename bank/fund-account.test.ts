import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { openAccount } from '../ledger/accounts.ts';
import { balances } from '../ledger/balances.ts';
import { newId, parseId, type AccountId, type UserId } from '../platform/ids.ts';
import { expectBooksOk } from '../tests/books.ts';
import { createTestDatabase, type TestDatabase } from '../tests/database.ts';
import { accountToFund, fundAccount, openingEntryId } from './fund-account.ts';

let database: TestDatabase;
let ledger: pg.Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  ledger = database.pool('dwaybank_ledger');
});
afterAll(async () => {
  await expectBooksOk(database.pool('postgres', { max: 1 }));
  await database.drop();
});

const ownerId = newId<UserId>();

async function newAccount(currency = 'USD', kind: 'PERSONAL' | 'SAVINGS' = 'PERSONAL'): Promise<AccountId> {
  const id = newId<AccountId>();
  await openAccount(database.pool('dwaybank_wallet', { max: 1 }), { id, ownerId, currency, kind });
  return id;
}

async function balanceOf(account: AccountId): Promise<{ posted: bigint; version: number }> {
  const balance = (await balances(ledger, [account])).get(account)!;
  return { posted: balance.postedMinor, version: balance.version };
}

test('money comes out of the settlement account, which goes below zero by as much', async () => {
  const accountId = await newAccount('KWD');
  expect(await fundAccount(ledger, { accountId, money: { amountMinor: 12_345n, currency: 'KWD' } })).toBe(true);
  expect(await balanceOf(accountId)).toEqual({ posted: 12_345n, version: 1 });
  const { rows } = await ledger.query(
    `SELECT a.kind, p.amount FROM ledger.posting p JOIN ledger.account a ON a.id = p.account_id
      WHERE p.currency = 'KWD' ORDER BY p.amount`,
  );
  expect(rows).toEqual([
    { kind: 'SETTLEMENT', amount: '-12345' },
    { kind: 'PERSONAL', amount: '12345' },
  ]);
});

test('an opening is paid once, however often and however many at once ask for it', async () => {
  const accountId = await newAccount();
  const opening = { accountId, money: { amountMinor: 500n, currency: 'USD' }, entryId: openingEntryId(accountId) };
  const paid = await Promise.all(Array.from({ length: 8 }, () => fundAccount(ledger, opening)));
  expect(paid.filter(Boolean)).toHaveLength(1);
  expect(await fundAccount(ledger, opening)).toBe(false);
  expect(await balanceOf(accountId)).toEqual({ posted: 500n, version: 1 });
});

test('each account has an opening of its own, with an id of the usual form', async () => {
  const accounts = [await newAccount(), await newAccount()];
  const ids = accounts.map(openingEntryId);
  expect(new Set(ids).size).toBe(2);
  for (const id of ids) expect(parseId(id)).toBe(id);
});

test('what the ledger refuses is an error and moves nothing', async () => {
  const accountId = await newAccount('USD');
  const money = { amountMinor: 1n, currency: 'EUR' };
  await expect(fundAccount(ledger, { accountId, money })).rejects.toThrow('CURRENCY_MISMATCH');
  expect(await balanceOf(accountId)).toEqual({ posted: 0n, version: 0 });
});

test('nothing is no amount', async () => {
  const accountId = await newAccount('USD');
  const funding = { accountId, money: { amountMinor: 0n, currency: 'USD' }, entryId: openingEntryId(accountId) };
  await expect(fundAccount(ledger, funding)).rejects.toMatchObject({ code: 'DW003' });
  expect(await balanceOf(accountId)).toEqual({ posted: 0n, version: 0 });
});

test('by hand it goes to the oldest personal account in the currency', async () => {
  await newAccount('GHS', 'SAVINGS');
  const oldest = await newAccount('GHS');
  await newAccount('GHS');
  expect(await accountToFund(ledger, ownerId, 'GHS')).toBe(oldest);
  expect(await accountToFund(ledger, ownerId, 'KES')).toBeNull();
});
