import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { fundAccount } from '../bank/fund-account.ts';
import { openDatabase } from '../bank/open-database.ts';
import { readConfig } from '../platform/config.ts';
import type { AccountId } from '../platform/ids.ts';
import { startBankProcess, type BankProcess } from './bank-process.ts';
import { createBatch, endedBatch, type Ask } from './batch-world.ts';
import { expectBooksOk } from './books.ts';
import { blocked, endStatements, hold, type Held } from './deposit-jobs.ts';
import { ask } from './graph-client.ts';
import { byInput, dayFromNow, expectOccurrencesOnce, makeDue, type OrderAnswer } from './schedule-world.ts';
import { until } from './until.ts';

/*
 * The bank as a process that is killed while it makes what customers have ordered for later, or many at once. After the next start each
 * occurrence and each item has been done once.
 */

const RESTART_DEADLINE_MS = 120_000;

const folder = mkdtempSync(path.join(tmpdir(), 'dwaybank-crash-schedules-'));
let bank: BankProcess;
let admin: pg.Pool;
let token: string;
let from: AccountId;
let to: AccountId;
let keys = 0;
const held: Held[] = [];

const startBank = async () => {
  bank = await startBankProcess(folder, { options: ['--port', '0', '--no-demo'] });
};
const asked: Ask = (query, variables) => ask(bank.url, query, { token, variables });

beforeAll(async () => {
  await startBank();
  const database = await openDatabase(readConfig({ DWAYBANK_FOLDER: folder }));
  admin = new pg.Pool({ connectionString: database.url, max: 4 });
  admin.on('error', () => {});
  admin.on('connect', (client) => client.on('error', () => {}));
  await database.close();
  const input = { email: 'ada@example.com', password: 'correct horse battery', displayName: 'Ada' };
  const registered = await ask<{ register: { tokens: { accessToken: string } } }>(
    bank.url,
    'mutation ($input: RegisterInput!) { register(input: $input) { tokens { accessToken } } }',
    { variables: { input } },
  );
  token = registered.register.tokens.accessToken;
  from = await openAccount();
  to = await openAccount();
  await fundAccount(admin, { accountId: from, money: { amountMinor: 1_000_000n, currency: 'USD' } });
});

afterEach(async () => {
  for (const each of held.splice(0)) await each.letGo();
  await expectOccurrencesOnce(admin);
  await expectBooksOk(admin);
});

afterAll(async () => {
  await admin?.end();
  await bank?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function openAccount(): Promise<AccountId> {
  const { openAccount: opened } = (await asked(
    'mutation { openAccount(input: { currency: "USD", name: "Everyday" }) { account { id } } }',
    {},
  )) as { openAccount: { account: { id: AccountId } } };
  return opened.account.id;
}

const transfer = (amount: string) => ({
  source: { accountId: from },
  destination: { accountId: to },
  amount: { amount, currency: 'USD' },
});

async function order(amount = '1.00'): Promise<string> {
  const input = { ...transfer(amount), idempotencyKey: `order-${++keys}`, frequency: 'DAILY', firstOn: dayFromNow(1) };
  const answer = await asked(byInput('createStandingOrder', 'CreateStandingOrderInput'), { input });
  return (answer['createStandingOrder'] as OrderAnswer).standingOrder!.id;
}

async function posted(accountId: AccountId): Promise<bigint> {
  const { rows } = await admin.query<{ posted: string }>('SELECT posted FROM ledger.account WHERE id = $1', [
    accountId,
  ]);
  return BigInt(rows[0]!.posted);
}

/** Waits until so many occurrences of orders are DONE, and shows that there are no others. */
async function expectDone(orderIds: readonly string[], count: number): Promise<void> {
  await until(
    `${count} occurrences are done`,
    async () => {
      // What failed before it was cut off waits some seconds for its next attempt.
      await admin.query(
        `SELECT transfer_jobs.reschedule_jobs(array_agg(id), run_at => now()) FROM transfer_jobs.jobs
         WHERE locked_at IS NULL AND run_at > now() HAVING count(*) > 0`,
      );
      const { rows } = await admin.query<{ done: number; all: number }>(
        `SELECT count(*) FILTER (WHERE status = 'DONE')::int AS done, count(*)::int AS all
         FROM transfer.standing_order_occurrence WHERE standing_order_id = ANY ($1::uuid[])`,
        [orderIds],
      );
      return rows[0]!.done === count && rows[0]!.all === count;
    },
    RESTART_DEADLINE_MS,
  );
}

describe('a bank that is killed', () => {
  test.each([
    ['lost', true],
    ['carried out by Postgres all the same', false],
  ])('with the transfer of an occurrence on the way makes it once, the statement %s', async (_what, lost) => {
    const before = await posted(from);
    const account = await hold(admin, 'SELECT FROM ledger.account WHERE id = $1 FOR UPDATE', [from]);
    held.push(account);
    const id = await order('1.00');
    await makeDue(admin, id);
    const pids = await blocked(admin, 'create_transfers');
    await bank.kill('process');
    if (lost) await endStatements(admin, pids);
    await account.letGo();
    await startBank();
    await expectDone([id], 1);
    expect(await posted(from)).toBe(before - 100n);
  });

  test('anywhere, again and again, makes each occurrence and each item of a batch once', async () => {
    const before = await posted(from);
    const orders: string[] = [];
    for (let n = 0; n < 20; n++) orders.push(await order('0.01'));
    const items = (count: number) =>
      Array.from({ length: count }, (_, n) => ({ itemKey: `${n}`, ...transfer('0.01') }));
    const kills = 4;
    const batches: string[] = [];
    for (let round = 1; round <= kills; round++) {
      for (const [mode, count] of [
        ['EACH', 400],
        ['ALL_OR_NOTHING', 200],
      ] as const) {
        const { batch } = await createBatch(asked, { idempotencyKey: `${mode}-${round}`, mode, items: items(count) });
        batches.push(batch!.id);
      }
      for (const id of orders) await makeDue(admin, id);
      await delay(250 * round + Math.random() * 250);
      await bank.kill('process');
      await startBank();
      await expectDone(orders, round * orders.length);
    }
    for (const id of batches) {
      const { status, counts } = await endedBatch(asked, id, RESTART_DEADLINE_MS);
      expect([status, counts.refused]).toEqual(['COMPLETED', 0]);
    }
    expect(await posted(from)).toBe(before - BigInt(kills * (orders.length + 600)));
  }, 900_000);
});
