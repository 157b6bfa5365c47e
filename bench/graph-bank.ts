import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { bankFolder } from '../bank/bank-folder.ts';
import { removeEmbeddedPostgres } from '../bank/embedded-postgres.ts';
import { fundAccount } from '../bank/fund-account.ts';
import { openDatabase } from '../bank/open-database.ts';
import { isAlive } from '../bank/postmaster.ts';
import { proveBooks } from '../ledger/check.ts';
import { readConfig } from '../platform/config.ts';
import { withTransaction } from '../platform/db.ts';
import type { AccountId } from '../platform/ids.ts';
import { StartError } from '../platform/start-error.ts';
import { proveTransfers } from '../subgraphs/transfer/check.ts';
import { startBankProcess, type BankProcess } from '../tests/bank-process.ts';
import { ask } from '../tests/graph-client.ts';

/** A customer with money, and what the books must say of the USD account after all that was done so far. */
export interface BenchCustomer {
  email: string;
  displayName: string;
  token: string;
  accountId: AccountId;
  balanceMinor: bigint;
  version: number;
  /** Transfers from or to the customer. */
  transfers: number;
}

/** The bank as `npm start` runs it, in a process of its own, on a temporary folder. */
export interface GraphBank {
  url: string;
  customers: readonly BenchCustomer[];
  /** Proves the books; says their figures, or throws. */
  prove(): Promise<string>;
  /** Ends the process and removes everything; may be called twice. */
  stop(): Promise<void>;
}

const OPENING_MINOR = 1_000_000_00n;
/** Passwords are hashed one at a time, so more at once would only wait. */
const REGISTERED_AT_ONCE = 4;

const PREFIX = 'dwaybank-graph-bench-';
/** In each folder: the process that it belongs to. */
const OWNER = 'bench-process';

/**
 * Starts a bank with customers of three accounts and a card each, the account in USD with money on it. Gives up, and leaves
 * nothing, when it is to stop meanwhile.
 */
export async function startGraphBank(customerCount: number, isStopping: () => boolean): Promise<GraphBank> {
  await removeAbandoned();
  const folder = mkdtempSync(path.join(tmpdir(), PREFIX));
  writeFileSync(path.join(folder, OWNER), String(process.pid));
  let bank: BankProcess | undefined;
  let stopped: Promise<void> | undefined;
  const stop = () =>
    (stopped ??= (async () => {
      await bank?.stop();
      await removeEmbeddedPostgres(bankFolder(folder));
      rmSync(folder, { recursive: true, force: true });
    })());
  try {
    bank = await startBankProcess(folder, {
      options: ['--port', '0', '--no-demo'],
      // As under npm the bank ends when its parent does, however that came about.
      environment: { npm_lifecycle_event: 'start' },
    });
    const customers = await openCustomers(bank.url, folder, { count: customerCount, isStopping });
    return { url: bank.url, customers, prove: () => prove(folder), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The bank of a run that was killed ends by itself; its folder is removed by the next run. */
async function removeAbandoned(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(PREFIX))) {
    const folder = path.join(tmpdir(), name);
    try {
      if (isAlive(Number(readFileSync(path.join(folder, OWNER), 'utf8')))) continue;
      await removeEmbeddedPostgres(bankFolder(folder));
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // Another user's, or being made or removed at this moment: not ours to tidy.
    }
  }
}

function openBooks(folder: string) {
  return openDatabase(readConfig({ DWAYBANK_FOLDER: folder }));
}

async function openCustomers(
  url: string,
  folder: string,
  { count, isStopping }: { count: number; isStopping: () => boolean },
): Promise<BenchCustomer[]> {
  const database = await openBooks(folder);
  const ledger = database.pool('ledger');
  try {
    const customers: BenchCustomer[] = [];
    for (let first = 0; first < count; first += REGISTERED_AT_ONCE) {
      if (isStopping()) throw new StartError('Stopped.');
      const some = Array.from({ length: Math.min(REGISTERED_AT_ONCE, count - first) }, (_, index) => first + index);
      customers.push(
        ...(await Promise.all(
          some.map(async (index) => {
            const customer = await openCustomer(url, index);
            const money = { amountMinor: OPENING_MINOR, currency: 'USD' };
            await fundAccount(ledger, { accountId: customer.accountId, money });
            return customer;
          }),
        )),
      );
    }
    return customers;
  } finally {
    await database.close();
  }
}

async function openCustomer(url: string, index: number): Promise<BenchCustomer> {
  const email = `customer-${index}@example.com`;
  const displayName = `Customer ${index}`;
  const { register } = await ask<{ register: { tokens: { accessToken: string } } }>(
    url,
    'mutation ($input: RegisterInput!) { register(input: $input) { tokens { accessToken } } }',
    { variables: { input: { email, displayName, password: 'a password for benches' } } },
  );
  const token = register.tokens.accessToken;
  const { usd } = await ask<{ usd: { account: { id: AccountId } } }>(
    url,
    `mutation {
       usd: openAccount(input: { currency: "USD", name: "Everyday" }) { account { id } }
       eur: openAccount(input: { currency: "EUR", name: "Holidays" }) { account { id } }
       jpy: openAccount(input: { currency: "JPY", name: "Rainy days", kind: SAVINGS }) { account { id } }
       card: connectPaymentMethod(input: { type: CARD, provider: "stripe", token: "pm_card_visa" }) {
         userErrors { code } } }`,
    { token },
  );
  return {
    email,
    displayName,
    token,
    accountId: usd.account.id,
    balanceMinor: OPENING_MINOR,
    version: 1,
    transfers: 0,
  };
}

async function prove(folder: string): Promise<string> {
  const database = await openBooks(folder);
  try {
    // Transfer's role may read both; no time limit, because the proof reads every row there is.
    const { books, transfers } = await withTransaction(database.pool('transfer'), async (tx) => {
      await tx.query({ text: 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY' });
      await tx.query({ text: 'SET LOCAL statement_timeout = 0' });
      return { books: await proveBooks(tx), transfers: await proveTransfers(tx) };
    });
    const findings = [...books.findings, ...transfers.findings];
    if (findings.length > 0) throw new Error(`the books are not right: ${JSON.stringify(findings.slice(0, 3))}`);
    return `${transfers.transfers} transfers, ${books.figures.entries} entries, ${books.figures.versions} versions: books ok`;
  } finally {
    await database.close();
  }
}
