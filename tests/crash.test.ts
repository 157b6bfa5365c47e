import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { accountToFund, fundAccount } from '../bank/fund-account.ts';
import { openDatabase, type OpenDatabase } from '../bank/open-database.ts';
import { readConfig } from '../platform/config.ts';
import { startBankProcess, type BankProcess } from './bank-process.ts';
import { openCustomers, randomFrom, type PayingCustomers } from './paying-customers.ts';
import { until } from './until.ts';

/*
 * The bank as a process, killed again and again while customers pay each other. A start of the bank takes far longer than a kill, so
 * each kill meets many payments at once.
 */

const TARGETS = ['process', 'group', 'process and Postgres'] as const;
const KILLS = 3 * TARGETS.length;
const CUSTOMERS = 12;
const PAYMENTS_AT_ONCE = 48;
const FUNDS_MINOR = 1_000n;

const folder = mkdtempSync(path.join(tmpdir(), 'dwaybank-crash-'));
const seed = Date.now() % 2 ** 31;
const random = randomFrom(seed);
let bank: BankProcess;
let customers: PayingCustomers;

beforeAll(async () => {
  bank = await startBankProcess(folder, { options: ['--port', '0', '--no-demo'] });
  await withDatabase(async (database) => {
    customers = await openCustomers({
      url: () => bank.url,
      count: CUSTOMERS,
      fundsMinor: FUNDS_MINOR,
      fund: async (accountId, amountMinor) => {
        await fundAccount(database.pool('ledger'), { accountId, money: { amountMinor, currency: 'USD' } });
      },
      random,
    });
  });
});

afterAll(async () => {
  await bank?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function withDatabase<Result>(work: (database: OpenDatabase) => Promise<Result>): Promise<Result> {
  const database = await openDatabase(readConfig({ DWAYBANK_FOLDER: folder }));
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

describe('a bank that is killed under load', () => {
  test(`keeps all it has acknowledged over ${KILLS} kills, and finishes what it was asked twice exactly once`, async () => {
    for (let round = 0; round < KILLS; round++) {
      const gone = new AbortController();
      const before = { told: customers.told.size, unanswered: customers.unanswered };
      const paying = customers.pay(PAYMENTS_AT_ONCE, gone.signal);
      // Each kill must hit a bank that has work; the seed repeats the run.
      await until('the bank pays', () => customers.told.size > before.told);
      await delay(random() * 300);
      await bank.kill(TARGETS[round % TARGETS.length]!);
      gone.abort();
      await paying;
      expect([seed, round, customers.unanswered > before.unanswered]).toEqual([seed, round, true]);
      bank = await startBankProcess(folder, { options: ['--port', '0', '--no-demo'] });
      expect(await customers.askAgain()).toBe(0);
    }

    await withDatabase(async (database) => {
      await customers.expectEachOnce(database.pool('transfer'));
      const { id, accountId } = customers.people[0]!;
      expect(await accountToFund(database.pool('ledger'), id, 'USD')).toBe(accountId);
    });
  }, 900_000);
});
