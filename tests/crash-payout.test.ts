import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { openDatabase } from '../bank/open-database.ts';
import { systemAccount } from '../ledger/accounts.ts';
import { postEntry } from '../ledger/post.ts';
import { newId, type AccountId } from '../platform/ids.ts';
import { readConfig } from '../platform/config.ts';
import { startBankProcess, type BankProcess } from './bank-process.ts';
import { expectBooksOk } from './books.ts';
import { blocked, endStatements, hold, holdRelay, type Held } from './deposit-jobs.ts';
import { ask } from './graph-client.ts';
import { ageAttempts, hurryJob } from './payout-jobs.ts';
import { startTestStripe, type TestStripe } from './stripe.ts';
import { until } from './until.ts';

/*
 * The bank as a process that is killed while it pays out to cards. Stripe lives on in this process: what it has paid it has paid.
 * Whatever the moment, after the next start each payout has one end, and one payment where it is COMPLETED.
 */

const PAYOUTS = 'POST /v1/payouts';
const AMOUNT_MINOR = 1500n;
const FUNDS_MINOR = 500_000n;
const RESTART_DEADLINE_MS = 120_000;

const folder = mkdtempSync(path.join(tmpdir(), 'dwaybank-crash-payout-'));
let stripe: TestStripe;
let bank: BankProcess;
/** Connects as the administrator of the bank's own Postgres; made anew when that was killed too. */
let admin: pg.Pool;
let token: string;
let accountId: AccountId;
let card: string;
let decliningCard: string;
let keys = 0;
const held: Held[] = [];

beforeAll(async () => {
  stripe = await startTestStripe();
  await startBank();
  admin = await connectAdmin();
  await register();
  await fund();
  card = await link('pm_card_visa');
  decliningCard = await link('pm_card_chargeDeclined');
});

afterEach(async () => {
  stripe.simulator.calm();
  // What a failed test holds would keep all the others waiting.
  for (const each of held.splice(0)) await each.letGo();
});
afterAll(async () => {
  await admin?.end();
  await bank?.stop();
  await stripe?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function startBank(): Promise<void> {
  bank = await startBankProcess(folder, {
    options: ['--port', '0', '--no-demo'],
    environment: { STRIPE_URL: stripe.simulator.url, STRIPE_SECRET_KEY: stripe.secretKey },
  });
}

async function connectAdmin(): Promise<pg.Pool> {
  const database = await openDatabase(readConfig({ DWAYBANK_FOLDER: folder }));
  const pool = new pg.Pool({ connectionString: database.url, max: 4 });
  // Its server may be killed by a test.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  await database.close();
  return pool;
}

async function register(): Promise<void> {
  const input = { email: 'ada@example.com', password: 'correct horse battery', displayName: 'Ada' };
  const { register: answer } = await ask<{ register: { tokens: { accessToken: string } } }>(
    bank.url,
    'mutation ($input: RegisterInput!) { register(input: $input) { tokens { accessToken } } }',
    { variables: { input } },
  );
  token = answer.tokens.accessToken;
  const { openAccount } = await ask<{ openAccount: { account: { id: AccountId } } }>(
    bank.url,
    'mutation { openAccount(input: { currency: "USD", name: "Everyday" }) { account { id } } }',
    { token },
  );
  accountId = openAccount.account.id;
}

async function fund(): Promise<void> {
  const leg = { currency: 'USD', lineType: 'DEPOSIT', counterparty: null } as const;
  const settlement = await systemAccount(admin, 'SETTLEMENT', 'USD');
  const verdict = await postEntry(admin, {
    id: newId(),
    kind: 'FUNDING',
    transferId: null,
    description: null,
    legs: [
      { ...leg, accountId: settlement, amountMinor: -FUNDS_MINOR },
      { ...leg, accountId, amountMinor: FUNDS_MINOR },
    ],
  });
  expect(verdict.posted).toBe(true);
}

async function link(cardToken: string): Promise<string> {
  const { connectPaymentMethod } = await ask<{ connectPaymentMethod: { paymentMethod: { id: string } } }>(
    bank.url,
    `mutation ($token: String!) { connectPaymentMethod(input: { type: CARD, provider: "stripe", token: $token }) {
       paymentMethod { id } } }`,
    { token, variables: { token: cardToken } },
  );
  return connectPaymentMethod.paymentMethod.id;
}

/** Asks for a payout under a key; the same key again is the same payout. */
async function payout({ key = `key-${++keys}`, paymentMethodId = card } = {}): Promise<string> {
  const input = {
    idempotencyKey: key,
    source: { accountId },
    destination: { paymentMethodId },
    amount: { amount: '15.00', currency: 'USD' },
  };
  const { createTransfer } = await ask<{ createTransfer: { transfer: { id: string } | null; userErrors: unknown[] } }>(
    bank.url,
    'mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } userErrors { code } } }',
    { token, variables: { input } },
  );
  if (!createTransfer.transfer) throw new Error(JSON.stringify(createTransfer.userErrors));
  return createTransfer.transfer.id;
}

/** What Stripe knows of it. */
const paymentsOf = (id: string) =>
  stripe.simulator
    .payouts()
    .filter(({ transferId }) => transferId === id)
    .map(({ status }) => status);

async function statusOf(id: string): Promise<string> {
  const { rows } = await admin.query<{ status: string }>('SELECT status FROM transfer.transfer WHERE id = $1', [id]);
  return rows[0]!.status;
}

/** Locks what a statement selects until the test lets go. */
async function holdRow(sql: string, value: string): Promise<Held> {
  const row = await hold(admin, sql, [value]);
  held.push(row);
  return row;
}

/** A payout that Stripe has while the job still waits for the answer, which `calm` lets through. */
async function givenPayout(): Promise<string> {
  stripe.simulator.disturb({ effect: 'WAIT_AFTER', on: PAYOUTS, times: 1 });
  const id = await payout();
  await until('Stripe has it', () => stripe.simulator.waiting() === 1);
  expect([await statusOf(id), paymentsOf(id).length]).toEqual(['SENT_TO_PROVIDER', 1]);
  return id;
}

/** Lets time pass for what was sent and for its job. */
async function hurry(id: string): Promise<void> {
  await ageAttempts(admin, id);
  await hurryJob(admin, `payout:${id}`);
}

/** Brings a payout to its end, with no pause between attempts, and shows that it has exactly one. */
async function expectOneEnd(id: string, status: 'COMPLETED' | 'FAILED'): Promise<void> {
  await until(
    `the payout ${id} is ${status} and its job is done`,
    async () => {
      await hurry(id);
      const { rowCount } = await admin.query('SELECT FROM transfer_jobs.jobs WHERE key = $1', [`payout:${id}`]);
      return (await statusOf(id)) === status && rowCount === 0;
    },
    RESTART_DEADLINE_MS,
  );
  const { rows } = await admin.query<{ steps: string[]; entries: number; ends: string[]; held: string }>(
    `SELECT ARRAY(SELECT s ->> 'status' FROM jsonb_array_elements(timeline) AS s) AS steps,
       (SELECT count(*)::int FROM ledger.entry WHERE transfer_id = t.id) AS entries,
       (SELECT status FROM ledger.hold WHERE id = t.hold_id) AS held,
       ARRAY(SELECT type FROM platform.event WHERE key = t.id::text AND type IN ('TransferCompleted', 'TransferFailed')) AS ends
     FROM transfer.transfer t WHERE id = $1`,
    [id],
  );
  const { steps, entries, ends, held: hold } = rows[0]!;
  const done = status === 'COMPLETED';
  expect(steps.filter((step) => step === 'COMPLETED' || step === 'FAILED')).toEqual([status]);
  expect(entries).toBe(done ? 1 : 0);
  expect(ends).toEqual([done ? 'TransferCompleted' : 'TransferFailed']);
  expect(hold).toBe(done ? 'CAPTURED' : 'RELEASED');
  expect(paymentsOf(id)).toEqual([done ? 'paid' : 'failed']);
}

/** The account has paid for what is COMPLETED, with its fees, and for nothing else. */
async function expectAllPosted(): Promise<void> {
  const { rows } = await admin.query<{ posted: string; held: string; left: string; completed: number }>(
    `SELECT a.posted, a.held, (SELECT coalesce(sum(amount + fees), 0) FROM transfer.transfer WHERE status = 'COMPLETED') AS left,
       (SELECT count(*)::int FROM transfer.transfer WHERE status = 'COMPLETED' AND amount = $2) AS completed
     FROM ledger.account a WHERE a.id = $1`,
    [accountId, AMOUNT_MINOR.toString()],
  );
  const { posted, held: stillHeld, left, completed } = rows[0]!;
  expect(BigInt(posted)).toBe(FUNDS_MINOR - BigInt(left));
  expect(stillHeld).toBe('0');
  expect(stripe.simulator.payouts().filter(({ status }) => status === 'paid')).toHaveLength(completed);
  await expectBooksOk(admin);
}

describe('a bank that is killed with a payout under way', () => {
  test('(a) after the hold, before the provider was called, pays it after the restart', async () => {
    const relay = await holdRelay(admin);
    held.push(relay);
    const id = await payout();
    const row = await holdRow('SELECT FROM transfer.transfer WHERE id = $1 FOR UPDATE', id);
    await relay.letGo();
    const pids = await blocked(admin, 'send_payout');
    await bank.kill('process');
    await endStatements(admin, pids);
    await row.letGo();
    expect([await statusOf(id), paymentsOf(id)]).toEqual(['BALANCE_RESERVED', []]);
    await startBank();
    await expectOneEnd(id, 'COMPLETED');
    await expectAllPosted();
  });

  test('(a) with its call on the way pays once, whether that still arrives or not', async () => {
    stripe.simulator.disturb({ effect: 'WAIT_BEFORE', on: PAYOUTS, times: 1 });
    const id = await payout();
    await until('the call is on the way', () => stripe.simulator.waiting() === 1);
    await bank.kill('process');
    expect([await statusOf(id), paymentsOf(id)]).toEqual(['SENT_TO_PROVIDER', []]);
    await startBank();
    stripe.simulator.calm();
    await expectOneEnd(id, 'COMPLETED');
    await expectAllPosted();
  });

  test.each(['process', 'process and Postgres'] as const)(
    '(b) after the call, before its answer was heard, finds it (%s)',
    async (target) => {
      const id = await givenPayout();
      await bank.kill(target);
      stripe.simulator.calm();
      await startBank();
      if (target !== 'process') {
        await admin.end();
        admin = await connectAdmin();
      }
      await expectOneEnd(id, 'COMPLETED');
      await expectAllPosted();
    },
  );

  test.each([
    ['lost', true],
    ['carried out by Postgres all the same', false],
  ])('(c) after the provider has paid, before the capture, captures once, the statement %s', async (_what, lost) => {
    const id = await payout();
    await until('Stripe has paid', () => paymentsOf(id)[0] === 'paid');
    const account = await holdRow('SELECT FROM ledger.account WHERE id = $1 FOR UPDATE', accountId);
    const pids = await until('the capture waits', async () => {
      await hurryJob(admin, `payout:${id}`);
      const { rows } = await admin.query<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%complete_payout%'`,
      );
      return rows.length > 0 && rows.map(({ pid }) => pid);
    });
    await bank.kill('process');
    if (lost) await endStatements(admin, pids as number[]);
    await account.letGo();
    if (lost) expect(await statusOf(id)).not.toBe('COMPLETED');
    await startBank();
    await expectOneEnd(id, 'COMPLETED');
    await expectAllPosted();
  });

  test('(d) at random, again and again, ends every payout once', async () => {
    const kills = 4;
    const atOnce = 5;
    for (let round = 0; round < kills; round++) {
      const wishes = Array.from({ length: atOnce }, (_, n) => ({
        key: `round-${round}-${n}`,
        paymentMethodId: n === 0 ? decliningCard : card,
      }));
      const asked = Promise.allSettled(wishes.map((wish) => payout(wish)));
      // Over the kills, from the first request to well behind the last capture.
      await delay(300 * round + Math.random() * 300);
      await bank.kill('process');
      await asked;
      await startBank();
      // Whoever has no answer asks again under the same key.
      const ids = await Promise.all(wishes.map((wish) => payout(wish)));
      expect(new Set(ids).size).toBe(atOnce);
      for (const [n, id] of ids.entries()) await expectOneEnd(id, n === 0 ? 'FAILED' : 'COMPLETED');
    }
    await expectAllPosted();
  }, 900_000);
});
