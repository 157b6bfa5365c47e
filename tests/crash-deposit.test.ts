import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { openDatabase } from '../bank/open-database.ts';
import { readConfig } from '../platform/config.ts';
import { startBankProcess, type BankProcess } from './bank-process.ts';
import { expectBooksOk } from './books.ts';
import { blocked, endStatements, hold, holdRelay, hurry, jobWaits, type Held } from './deposit-jobs.ts';
import { ask } from './graph-client.ts';
import { startTestStripe, type TestStripe } from './stripe.ts';
import { until } from './until.ts';

/*
 * The bank as a process that is killed while it takes money from cards. Stripe lives on in this process: what it has taken it has
 * taken. Whatever the moment, after the next start each deposit has one end, and one charge where money arrived.
 */

const PAYMENT_INTENTS = 'POST /v1/payment_intents';
const AMOUNT_MINOR = 1500;
const RESTART_DEADLINE_MS = 120_000;

const folder = mkdtempSync(path.join(tmpdir(), 'dwaybank-crash-deposit-'));
let stripe: TestStripe;
let bank: BankProcess;
/** Connects as the administrator of the bank's own Postgres; made anew when that was killed too. */
let admin: pg.Pool;
let token: string;
let accountId: string;
let card: string;
let decliningCard: string;
let keys = 0;
const held: Held[] = [];

beforeAll(async () => {
  stripe = await startTestStripe();
  await startBank();
  admin = await connectAdmin();
  await register();
  card = await link('pm_card_visa');
  decliningCard = await link('pm_card_chargeDeclinedInsufficientFunds');
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
  const { openAccount } = await ask<{ openAccount: { account: { id: string } } }>(
    bank.url,
    'mutation { openAccount(input: { currency: "USD", name: "Everyday" }) { account { id } } }',
    { token },
  );
  accountId = openAccount.account.id;
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

/** Asks for a deposit under a key; the same key again is the same deposit. */
async function deposit({ key = `key-${++keys}`, paymentMethodId = card } = {}): Promise<string> {
  const input = {
    idempotencyKey: key,
    source: { paymentMethodId },
    destination: { accountId },
    amount: { amount: '15.00', currency: 'USD' },
  };
  const { createTransfer } = await ask<{ createTransfer: { transfer: { id: string } | null } }>(
    bank.url,
    'mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } userErrors { code } } }',
    { token, variables: { input } },
  );
  return createTransfer.transfer!.id;
}

const chargesOf = (id: string) =>
  stripe.simulator
    .charges()
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

/** A deposit whose charge is made while the job still waits for the answer, which `calm` lets through. */
async function chargedDeposit(): Promise<string> {
  stripe.simulator.disturb({ effect: 'WAIT_AFTER', on: PAYMENT_INTENTS, times: 1 });
  const id = await deposit();
  await until('the charge is made', () => stripe.simulator.waiting() === 1);
  expect([await statusOf(id), chargesOf(id)]).toEqual(['SENT_TO_PROVIDER', ['succeeded']]);
  return id;
}

/** Brings a deposit to its end, with no pause between attempts, and shows that it has exactly one. */
async function expectOneEnd(id: string, status: 'COMPLETED' | 'FAILED'): Promise<void> {
  const ended = until(
    `the deposit ${id} is ${status} and its job is done`,
    async () => {
      if (await jobWaits(admin, id)) await hurry(admin, id);
      const { rowCount } = await admin.query('SELECT FROM transfer_jobs.jobs WHERE key = $1', [`deposit:${id}`]);
      return (await statusOf(id)) === status && rowCount === 0;
    },
    RESTART_DEADLINE_MS,
  );
  await ended;
  const { rows } = await admin.query<{ steps: string[]; entries: number; ends: string[] }>(
    `SELECT ARRAY(SELECT s ->> 'status' FROM jsonb_array_elements(timeline) AS s) AS steps,
       (SELECT count(*)::int FROM ledger.entry WHERE transfer_id = t.id) AS entries,
       ARRAY(SELECT type FROM platform.event WHERE key = t.id::text AND type IN ('TransferCompleted', 'TransferFailed')) AS ends
     FROM transfer.transfer t WHERE id = $1`,
    [id],
  );
  const { steps, entries, ends } = rows[0]!;
  const done = status === 'COMPLETED';
  expect(steps.filter((step) => step === 'COMPLETED' || step === 'FAILED')).toEqual([status]);
  expect(new Set(steps).size).toBe(steps.length);
  expect(entries).toBe(done ? 1 : 0);
  expect(ends).toEqual([done ? 'TransferCompleted' : 'TransferFailed']);
  expect(chargesOf(id)).toEqual([done ? 'succeeded' : 'failed']);
}

/** The account holds what the completed deposits brought, and nothing else. */
async function expectAllCredited(): Promise<void> {
  const { rows } = await admin.query<{ posted: string; completed: string }>(
    `SELECT a.posted, (SELECT count(*) FROM transfer.transfer WHERE status = 'COMPLETED') AS completed
     FROM ledger.account a WHERE a.id = $1`,
    [accountId],
  );
  expect(BigInt(rows[0]!.posted)).toBe(BigInt(rows[0]!.completed) * BigInt(AMOUNT_MINOR));
  await expectBooksOk(admin);
}

describe('a bank that is killed with a deposit under way', () => {
  test('(a) before the provider was called charges it after the restart', async () => {
    const relay = await holdRelay(admin);
    held.push(relay);
    const id = await deposit();
    const row = await holdRow('SELECT FROM transfer.transfer WHERE id = $1 FOR UPDATE', id);
    await relay.letGo();
    const pids = await blocked(admin, 'step_transfer');
    await bank.kill('process');
    await endStatements(admin, pids);
    await row.letGo();
    expect([await statusOf(id), chargesOf(id)]).toEqual(['INITIATED', []]);
    await startBank();
    await expectOneEnd(id, 'COMPLETED');
    await expectAllCredited();
  });

  test('(a) with its call on the way charges once, whether that still arrives or not', async () => {
    stripe.simulator.disturb({ effect: 'WAIT_BEFORE', on: PAYMENT_INTENTS, times: 1 });
    const id = await deposit();
    await until('the call is on the way', () => stripe.simulator.waiting() === 1);
    await bank.kill('process');
    expect([await statusOf(id), chargesOf(id)]).toEqual(['SENT_TO_PROVIDER', []]);
    await startBank();
    stripe.simulator.calm();
    await expectOneEnd(id, 'COMPLETED');
    await expectAllCredited();
  });

  test.each(['process', 'process and Postgres'] as const)(
    '(b) after the call, before its answer was heard, credits it (%s)',
    async (target) => {
      const id = await chargedDeposit();
      await bank.kill(target);
      stripe.simulator.calm();
      await startBank();
      if (target !== 'process') {
        await admin.end();
        admin = await connectAdmin();
      }
      await expectOneEnd(id, 'COMPLETED');
      await expectAllCredited();
    },
  );

  test.each([
    ['lost', true],
    ['carried out by Postgres all the same', false],
  ])('(c) before the credit credits once, the statement %s', async (_what, lost) => {
    const id = await chargedDeposit();
    const account = await holdRow('SELECT FROM ledger.account WHERE id = $1 FOR UPDATE', accountId);
    stripe.simulator.calm();
    const pids = await blocked(admin, 'complete_deposit');
    await bank.kill('process');
    if (lost) await endStatements(admin, pids);
    await account.letGo();
    if (lost) expect(await statusOf(id)).toBe('SENT_TO_PROVIDER');
    await startBank();
    await expectOneEnd(id, 'COMPLETED');
    await expectAllCredited();
  });

  test('(d) after the credit, before the job was done, does nothing more', async () => {
    const id = await chargedDeposit();
    const job = await holdRow('SELECT FROM transfer_jobs._private_jobs WHERE key = $1 FOR UPDATE', `deposit:${id}`);
    stripe.simulator.calm();
    const pids = await blocked(admin, '_private_jobs');
    expect(await statusOf(id)).toBe('COMPLETED');
    await bank.kill('process');
    await endStatements(admin, pids);
    await job.letGo();
    await startBank();
    await expectOneEnd(id, 'COMPLETED');
    await expectAllCredited();
  });

  test('anywhere, again and again, ends every deposit once', async () => {
    const kills = 4;
    const atOnce = 5;
    for (let round = 0; round < kills; round++) {
      const wishes = Array.from({ length: atOnce }, (_, n) => ({
        key: `round-${round}-${n}`,
        paymentMethodId: n === 0 ? decliningCard : card,
      }));
      const asked = Promise.allSettled(wishes.map((wish) => deposit(wish)));
      // Over the kills, from the first request to well behind the last credit.
      await delay(60 * round + Math.random() * 150);
      await bank.kill('process');
      await asked;
      await startBank();
      // Whoever has no answer asks again under the same key.
      const ids = await Promise.all(wishes.map((wish) => deposit(wish)));
      expect(new Set(ids).size).toBe(atOnce);
      for (const [n, id] of ids.entries()) await expectOneEnd(id, n === 0 ? 'FAILED' : 'COMPLETED');
    }
    await expectAllCredited();
  }, 900_000);
});
