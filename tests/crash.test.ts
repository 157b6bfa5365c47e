import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { accountToFund, fundAccount } from '../bank/fund-account.ts';
import { openDatabase, type OpenDatabase } from '../bank/open-database.ts';
import { readConfig } from '../platform/config.ts';
import type { AccountId, UserId } from '../platform/ids.ts';
import { startBankProcess, type BankProcess } from './bank-process.ts';
import { expectBooksOk } from './books.ts';
import { ask } from './graph-client.ts';

/*
 * The bank as a process, killed again and again while customers pay each other. What a client was told is done must be done,
 * once, after every restart; what a client was not told is found out by asking again with the same key.
 */

const KILLS = 20;
const CUSTOMERS = 6;
const WORKERS = 12;
const TARGETS = ['process', 'group', 'process and Postgres'] as const;
const FUNDS_MINOR = 100_000n;

interface Person {
  id: UserId;
  token: string;
  accountId: AccountId;
}

interface Attempt {
  key: string;
  from: Person;
  to: Person;
  amount: string;
}

const folder = mkdtempSync(path.join(tmpdir(), 'dwaybank-crash-'));
const config = () => readConfig({ DWAYBANK_FOLDER: folder });
let bank: BankProcess;
let people: Person[];
/** Transfer ids that a client was told are COMPLETED, by key. */
const told = new Map<string, string>();
/** Asked and not answered. */
let unanswered: Attempt[] = [];

beforeAll(async () => {
  bank = await startBankProcess(folder, { options: ['--port', '0', '--no-demo'] });
  people = [];
  for (let n = 0; n < CUSTOMERS; n++) people.push(await register(n));
  await withDatabase(async (database) => {
    for (const { accountId } of people) {
      await fundAccount(database.pool('ledger'), { accountId, money: { amountMinor: FUNDS_MINOR, currency: 'USD' } });
    }
  });
}, 120_000);

afterAll(async () => {
  await bank?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function withDatabase<Result>(work: (database: OpenDatabase) => Promise<Result>): Promise<Result> {
  const database = await openDatabase(config());
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

async function register(n: number): Promise<Person> {
  const input = { email: `person${n}@example.com`, password: 'correct horse battery', displayName: `Person ${n}` };
  const { register: answer } = await ask<{ register: { user: { id: UserId }; tokens: { accessToken: string } } }>(
    bank.url,
    'mutation ($input: RegisterInput!) { register(input: $input) { user { id } tokens { accessToken } } }',
    { variables: { input } },
  );
  const token = answer.tokens.accessToken;
  const { openAccount } = await ask<{ openAccount: { account: { id: AccountId } } }>(
    bank.url,
    'mutation { openAccount(input: { currency: "USD", name: "Everyday" }) { account { id } } }',
    { token },
  );
  return { id: answer.user.id, token, accountId: openAccount.account.id };
}

const CREATE = `mutation ($input: CreateTransferInput!) {
  createTransfer(input: $input) { transfer { id status } replayed userErrors { code } }
}`;

interface Created {
  createTransfer: { transfer: { id: string; status: string } | null; userErrors: { code: string }[] };
}

async function attempt(wish: Attempt): Promise<void> {
  const input = {
    idempotencyKey: wish.key,
    source: { accountId: wish.from.accountId },
    destination: { accountId: wish.to.accountId },
    amount: { amount: wish.amount, currency: 'USD' },
  };
  const { createTransfer } = await ask<Created>(bank.url, CREATE, { token: wish.from.token, variables: { input } });
  const codes = createTransfer.userErrors.map(({ code }) => code);
  if (createTransfer.transfer) {
    expect(createTransfer.transfer.status).toBe('COMPLETED');
    told.set(wish.key, createTransfer.transfer.id);
  } else if (!codes.every((code) => code === 'INSUFFICIENT_FUNDS' || code === 'LIMIT_EXCEEDED')) {
    // Those two are the ledger's own no. Retryable refusals (a part of the bank was just ending) have stored nothing: the same wish again.
    throw new Error(`refused with ${codes.join()}`);
  }
}

/** Pays around until the bank is gone; what was under way then is left in `unanswered`. */
async function worker(random: () => number, round: number, number: number, gone: AbortSignal): Promise<void> {
  for (let n = 0; !gone.aborted; n++) {
    const from = people[Math.floor(random() * people.length)]!;
    const to = people[(people.indexOf(from) + 1 + Math.floor(random() * (people.length - 1))) % people.length]!;
    const wish = { key: `${round}-${number}-${n}`, from, to, amount: `${1 + Math.floor(random() * 90)}.00` };
    try {
      await attempt(wish);
    } catch {
      unanswered.push(wish);
      if (!gone.aborted) await delay(5);
    }
  }
}

/** mulberry32: the same seed gives the same run of kills. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('a bank that is killed under load', () => {
  test(`keeps all it has acknowledged over ${KILLS} kills, and finishes what it was asked twice exactly once`, async () => {
    const seed = Date.now() % 2 ** 31;
    const random = randomFrom(seed);
    for (let round = 0; round < KILLS; round++) {
      const gone = new AbortController();
      const workers = Array.from({ length: WORKERS }, (_, number) => worker(random, round, number, gone.signal));
      const before = told.size;
      await delay(50 + random() * 300);
      await bank.kill(TARGETS[round % TARGETS.length]!);
      gone.abort();
      await Promise.all(workers);
      bank = await startBankProcess(folder, { options: ['--port', '0', '--no-demo'] });
      const again = unanswered;
      unanswered = [];
      for (const wish of again) await attempt(wish);
      // Each kill must hit a bank that has work; the seed repeats the run.
      expect([seed, round, told.size > before]).toEqual([seed, round, true]);
    }
    expect(told.size).toBeGreaterThan(KILLS);

    await withDatabase(async (database) => {
      const db = database.pool('transfer');
      const { rows } = await db.query<{ id: string; key: string; status: string }>(
        `SELECT t.id, k.key, t.status FROM transfer.transfer t JOIN transfer.idempotency_key k ON k.transfer_id = t.id`,
      );
      const stored = new Map(rows.map(({ key, id }) => [key, id]));
      expect(rows.every(({ status }) => status === 'COMPLETED')).toBe(true);
      // Both ways: nothing acknowledged is missing, and nothing is there that nobody was told of in the end.
      expect(Object.fromEntries(stored)).toEqual(Object.fromEntries(told));
      const total = await db.query<{ total: string }>(
        `SELECT sum(posted)::text AS total FROM ledger.account WHERE owner_id IS NOT NULL`,
      );
      expect(total.rows[0]!.total).toBe(String(FUNDS_MINOR * BigInt(CUSTOMERS)));
      await expectBooksOk(db);
      expect(await accountToFund(database.pool('ledger'), people[0]!.id, 'USD')).toBe(people[0]!.accountId);
    });
  }, 400_000);
});
