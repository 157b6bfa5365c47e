import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { openDatabase } from '../bank/open-database.ts';
import { readConfig } from '../platform/config.ts';
import { startBankProcess, type BankProcess } from './bank-process.ts';
import { expectBooksOk } from './books.ts';
import { endStatements, hold } from './deposit-jobs.ts';
import { ask } from './graph-client.ts';
import { ageAttempts, hurryJob } from './payout-jobs.ts';
import { startTestStripe, type TestStripe } from './stripe.ts';
import { until } from './until.ts';

/*
 * The bank as a process that is killed while it gives deposits back to their cards, with the genuine adapter. Whatever the moment, after the
 * next start each refund has one end, and Stripe has refunded once.
 */

const REFUNDS = 'POST /v1/refunds';
const LONG_MS = 180_000;
const folder = mkdtempSync(path.join(tmpdir(), 'dwaybank-crash-refund-'));
let stripe: TestStripe;
let bank: BankProcess;
let admin: pg.Pool;
let token: string;
let accountId: string;
let card: string;
let keys = 0;

beforeAll(async () => {
  stripe = await startTestStripe();
  await startBank();
  const database = await openDatabase(readConfig({ DWAYBANK_FOLDER: folder }));
  admin = new pg.Pool({ connectionString: database.url, max: 4 });
  await database.close();
  const registered = await ask<{ register: { tokens: { accessToken: string } } }>(
    bank.url,
    `mutation { register(input: { email: "ada@example.com", password: "correct horse battery", displayName: "Ada" }) {
       tokens { accessToken } } }`,
    {},
  );
  token = registered.register.tokens.accessToken;
  const { openAccount } = await ask<{ openAccount: { account: { id: string } } }>(
    bank.url,
    'mutation { openAccount(input: { currency: "USD", name: "Everyday" }) { account { id } } }',
    { token },
  );
  accountId = openAccount.account.id;
  const { connectPaymentMethod } = await ask<{ connectPaymentMethod: { paymentMethod: { id: string } } }>(
    bank.url,
    `mutation { connectPaymentMethod(input: { type: CARD, provider: "stripe", token: "pm_card_visa" }) { paymentMethod { id } } }`,
    { token },
  );
  card = connectPaymentMethod.paymentMethod.id;
}, LONG_MS);
afterAll(async () => {
  stripe?.simulator.calm();
  await admin?.end();
  await bank?.stop();
  await stripe?.close();
  rmSync(folder, { recursive: true, force: true });
}, LONG_MS);

async function startBank(): Promise<void> {
  bank = await startBankProcess(folder, {
    options: ['--port', '0', '--no-demo'],
    environment: { STRIPE_URL: stripe.simulator.url, STRIPE_SECRET_KEY: stripe.secretKey },
  });
}

async function statusOf(id: string): Promise<string> {
  const { rows } = await admin.query<{ status: string }>('SELECT status FROM transfer.transfer WHERE id = $1', [id]);
  return rows[0]!.status;
}

/** A deposit of 15.00 USD that has arrived. */
async function deposit(): Promise<string> {
  const input = {
    idempotencyKey: `deposit-${++keys}`,
    source: { paymentMethodId: card },
    destination: { accountId },
    amount: { amount: '15.00', currency: 'USD' },
  };
  const { createTransfer } = await ask<{ createTransfer: { transfer: { id: string } } }>(
    bank.url,
    'mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } } }',
    { token, variables: { input } },
  );
  const { id } = createTransfer.transfer;
  await until('it has arrived', async () => (await statusOf(id)) === 'COMPLETED', 60_000);
  return id;
}

async function refund(transferId: string): Promise<string> {
  const { refundTransfer } = await ask<{ refundTransfer: { refund: { id: string } } }>(
    bank.url,
    'mutation ($input: RefundTransferInput!) { refundTransfer(input: $input) { refund { id } } }',
    { token, variables: { input: { idempotencyKey: `refund-${++keys}`, transferId } } },
  );
  return refundTransfer.refund.id;
}

const refundsOf = (id: string) => stripe.simulator.refunds().filter(({ transferId }) => transferId === id);

/** Brings a refund to its end, and shows that it has exactly one, as Stripe has exactly one refund. */
async function expectRefundedOnce(id: string, depositId: string): Promise<void> {
  const done = async () => {
    await ageAttempts(admin, id);
    await hurryJob(admin, `payout:${id}`);
    return (await statusOf(id)) === 'COMPLETED';
  };
  await until('it is refunded', done, 120_000);
  expect(refundsOf(id).map(({ status }) => status)).toEqual(['succeeded']);
  const { rows } = await admin.query(
    `SELECT (SELECT count(*)::int FROM ledger.entry WHERE transfer_id = t.id) AS entries,
       (SELECT status FROM ledger.hold WHERE id = t.hold_id) AS hold, d.status AS deposit, a.posted, a.held
     FROM transfer.transfer t JOIN transfer.transfer d ON d.id = t.refund_of JOIN ledger.account a ON a.id = t.source_account_id
     WHERE t.id = $1 AND d.id = $2`,
    [id, depositId],
  );
  expect(rows).toEqual([{ entries: 1, hold: 'CAPTURED', deposit: 'REVERSED', posted: '0', held: '0' }]);
  await expectBooksOk(admin);
}

describe('a bank that is killed while it gives a deposit back', () => {
  test.each([
    ['with its call on the way', 'WAIT_BEFORE', 0],
    ['after the refund was done, before it heard of it', 'WAIT_AFTER', 1],
  ] as const)(
    '%s, has given it back once',
    async (_moment, effect, made) => {
      const given = await deposit();
      stripe.simulator.disturb({ effect, on: REFUNDS, times: 1 });
      const id = await refund(given);
      await until('Stripe is asked', () => stripe.simulator.waiting() === 1, 60_000);
      await bank.kill('process');
      expect([await statusOf(id), refundsOf(id).length]).toEqual(['SENT_TO_PROVIDER', made]);
      stripe.simulator.calm();
      await startBank();
      await expectRefundedOnce(id, given);
    },
    LONG_MS,
  );

  test(
    'after it heard that it was done, before the books know, books it once',
    async () => {
      const given = await deposit();
      stripe.simulator.disturb({ effect: 'WAIT_AFTER', on: REFUNDS, times: 1 });
      const id = await refund(given);
      await until('Stripe has refunded', () => stripe.simulator.waiting() === 1, 60_000);
      const account = await hold(admin, 'SELECT FROM ledger.account WHERE id = $1 FOR UPDATE', [accountId]);
      stripe.simulator.calm();
      const pids = await until('the capture waits', async () => {
        await hurryJob(admin, `payout:${id}`);
        const { rows } = await admin.query<{ pid: number }>(
          `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%complete_payout%'`,
        );
        return rows.length > 0 && rows.map(({ pid }) => pid);
      });
      await bank.kill('process');
      await endStatements(admin, pids as number[]);
      await account.letGo();
      expect(await statusOf(id)).not.toBe('COMPLETED');
      await startBank();
      await expectRefundedOnce(id, given);
    },
    LONG_MS,
  );
});
