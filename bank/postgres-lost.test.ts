import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { readConfig } from '../platform/config.ts';
import { deriveSecrets, type Secrets } from '../platform/secrets.ts';
import { startBankProcess, type BankProcess } from '../tests/bank-process.ts';
import { follow, type Follower } from '../tests/follower.ts';
import { openCustomers, randomFrom, type PayingCustomers } from '../tests/paying-customers.ts';
import { until } from '../tests/until.ts';
import { bankFolder, readSecret } from './bank-folder.ts';
import { BANK_DATABASE, removeEmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts';
import { fundAccount } from './fund-account.ts';
import { openDatabase } from './open-database.ts';
import { findPostgresPrograms, postgresUser } from './postgres-binaries.ts';
import { findPostmaster, isAlive } from './postmaster.ts';

/*
 * The bank as a process whose Postgres breaks under it while customers pay: it comes back by itself, and what was done is done once.
 */

const ROUNDS = 2;
const CUSTOMERS = 4;
const PAYMENTS_AT_ONCE = 12;
const FUNDS_MINOR = 1_000n;
const BALANCE = `subscription ($id: ID!) { balanceUpdated(accountId: $id) { kind balance { version posted { amount } } } }`;

type Balance = { balanceUpdated: { balance: { version: number; posted: { amount: string } } } };

/** A bank, its customers, and an administrator who connects anew for everything, because connections end here. */
interface Scene {
  bank: BankProcess;
  customers: PayingCustomers;
  stream: Follower<Balance>;
  /** Runs one statement; tries again while Postgres is away. */
  sql: <Row extends pg.QueryResultRow>(text: string, values?: unknown[]) => Promise<Row[]>;
}

const random = randomFrom(Date.now() % 2 ** 31);

async function openScene(bank: BankProcess, adminUrl: string): Promise<Scene> {
  const sql = async <Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> => {
    const rows = await until('Postgres answers', () => askOnce<Row>(adminUrl, text, values).catch(() => null));
    return rows!;
  };
  const pool = new pg.Pool({ connectionString: adminUrl, max: 1 });
  try {
    const customers = await openCustomers({
      url: () => bank.url,
      count: CUSTOMERS,
      fundsMinor: FUNDS_MINOR,
      fund: async (accountId, amountMinor) => {
        await fundAccount(pool, { accountId, money: { amountMinor, currency: 'USD' } });
      },
      random,
    });
    const { token, accountId } = customers.people[0]!;
    const stream = follow<Balance>(`${bank.url.replace('http', 'ws')}/graphql`, {
      token,
      query: BALANCE,
      variables: { id: accountId },
    });
    await stream.result(0);
    return { bank, customers, stream, sql };
  } finally {
    await pool.end();
  }
}

async function askOnce<Row extends pg.QueryResultRow>(url: string, text: string, values: unknown[]): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

/** Breaks Postgres again and again while customers pay, and shows that the bank is none the worse for it. */
async function expectOutlived({ bank, customers, stream, sql }: Scene, breakIt: () => Promise<void>): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const enough = new AbortController();
    const paying = customers.pay(PAYMENTS_AT_ONCE, enough.signal);
    try {
      await expectMorePaid(customers);
      await delay(random() * 200);
      await breakIt();
      // Payments go on with nobody's help.
      await expectMorePaid(customers);
    } finally {
      enough.abort();
      await paying;
    }
    await until('the bank is ready', async () => (await fetch(`${bank.url}/ready`)).status === 200);
    await until('all have their answer', async () => (await customers.askAgain()) === 0);
  }
  await expectBooks({ customers, sql });
  await expectStream({ customers, stream, sql });
  expect(bank.child.exitCode).toBeNull();
}

async function expectMorePaid(customers: PayingCustomers): Promise<void> {
  const before = customers.told.size;
  await until('customers are paid', () => customers.told.size > before + PAYMENTS_AT_ONCE);
}

async function expectBooks({ customers, sql }: Pick<Scene, 'customers' | 'sql'>): Promise<void> {
  await customers.expectEachOnce({
    query: async <Row extends pg.QueryResultRow>({ text, values }: { text: string; values?: unknown[] }) => {
      const rows = await sql<Row>(text, values);
      return { rows, rowCount: rows.length };
    },
  });
}

/** The stream that was open before has told every version of the balance once, in their order, up to the present one. */
async function expectStream({ customers, stream, sql }: Pick<Scene, 'customers' | 'stream' | 'sql'>): Promise<void> {
  const [account] = await sql<{ version: number }>('SELECT version::int AS version FROM ledger.account WHERE id = $1', [
    customers.people[0]!.accountId,
  ]);
  const versions = () => stream.results.map(({ data }) => data!.balanceUpdated.balance.version);
  // One that was ended says why, and will tell nothing more.
  const over = stream.ended.then((end) => Promise.reject(new Error(`the stream has ended: ${JSON.stringify(end)}`)));
  over.catch(() => {});
  await Promise.race([over, until('the stream tells the last version', () => versions().at(-1) === account!.version)]);
  const first = versions()[0]!;
  expect(versions()).toEqual(Array.from({ length: account!.version - first + 1 }, (_, n) => first + n));
}

describe('a bank with a Postgres of its own', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'dwaybank-lost-'));
  let scene: Scene;
  let adminUrl: string;
  const others: BankProcess[] = [];

  beforeAll(async () => {
    const bank = await startBankProcess(folder, { options: ['--port', '0', '--no-demo'] });
    const database = await openDatabase(readConfig({ DWAYBANK_FOLDER: folder }));
    await database.close();
    adminUrl = database.url;
    scene = await openScene(bank, adminUrl);
  });
  afterEach(async () => {
    for (const bank of others.splice(0)) await bank.stop();
  });
  afterAll(async () => {
    await scene?.stream.leave();
    await scene?.bank.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  // As bank-lock.ts takes it.
  const CLAIM = `FROM pg_locks WHERE locktype = 'advisory' AND classid = ${0x4457_4159} AND objid = 1 AND granted`;
  const holderOf = async () => (await scene.sql<{ pid: number }>(`SELECT pid ${CLAIM}`))[0]?.pid;
  const endAll = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`;
  const postmaster = () => findPostmaster(realpathSync(bankFolder(folder).data))!.pid;

  test('outlives the end of all its connections, and has its folder to itself again', async () => {
    await expectOutlived(scene, async () => {
      const before = await holderOf();
      await scene.sql(endAll);
      await until('the claim is taken again', async () => ![undefined, before].includes(await holderOf()));
    });
    await expect(startBankProcess(folder)).rejects.toThrow('is running already');
  });

  test('outlives the crash of one process of Postgres, which ends all the others', async () => {
    const server = postmaster();
    await expectOutlived(scene, async () => {
      const [backend] = await scene.sql<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity
         WHERE backend_type = 'client backend' AND datname = $1 AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1`,
        [BANK_DATABASE],
      );
      process.kill(backend!.pid, 'SIGKILL');
    });
    expect(postmaster()).toBe(server);
    await until('the claim is held', async () => (await holderOf()) !== undefined);
    await expect(startBankProcess(folder)).rejects.toThrow('is running already');
  });

  test('goes before another bank while it is only taking breath', async () => {
    await until('the claim is held', async () => (await holderOf()) !== undefined);
    scene.bank.child.kill('SIGSTOP');
    await scene.sql(`SELECT pg_terminate_backend(pid) ${CLAIM}`);
    await until('the claim is free', async () => (await holderOf()) === undefined);
    const second = startBankProcess(folder).then(
      (bank) => void others.push(bank),
      (error: unknown) => String(error),
    );
    // The other one takes the claim and gives it back, as long as this one lives.
    await scene.sql(`DO $$ BEGIN WHILE NOT EXISTS (SELECT ${CLAIM}) LOOP PERFORM pg_sleep(0.001); END LOOP; END $$`);
    scene.bank.child.kill('SIGCONT');
    expect(await second).toContain('is running already');
    expect((await fetch(`${scene.bank.url}/ready`)).status).toBe(200);
  });

  test('ends with one sentence when another bank has come instead, and leaves that one its Postgres', async () => {
    const { bank, stream } = scene;
    await until('the claim is held', async () => (await holderOf()) !== undefined);
    const exited = once(bank.child, 'exit');
    bank.child.kill('SIGSTOP');
    await scene.sql(`SELECT pg_terminate_backend(pid) ${CLAIM}`);
    const second = await startBankProcess(folder, { options: ['--port', '0', '--no-demo'] });
    const server = postmaster();
    bank.child.kill('SIGCONT');
    expect(await exited).toEqual([1, null]);
    expect(bank.output()).toMatch(/Another bank has taken .*: this one ends, the other goes on\./);
    await stream.ended;
    expect(isAlive(server)).toBe(true);
    expect((await fetch(`${second.url}/ready`)).status).toBe(200);
    await expectBooks(scene);
    scene = { ...scene, bank: second };
  });
});

describe('a bank on a Postgres of DATABASE_URL', () => {
  const folder = bankFolder(mkdtempSync(path.join(tmpdir(), 'dwaybank-outside-')));
  const secret = 'a secret for tests alone, of more than 32 characters';
  let secrets: Secrets;
  let scene: Scene;

  beforeAll(async () => {
    secrets = deriveSecrets(secret);
    const postgres = await startEmbeddedPostgres({ folder, secrets });
    const url = postgres.adminUrl('postgres');
    const bank = await startBankProcess(folder.path, {
      environment: { DATABASE_URL: url, DWAYBANK_SECRET: secret },
    });
    scene = await openScene(bank, url);
  });
  afterAll(async () => {
    await scene?.stream.leave();
    await scene?.bank.stop();
    await removeEmbeddedPostgres(folder);
    rmSync(folder.path, { recursive: true, force: true });
  });

  test('outlives its restart', async () => {
    expect(readSecret(folder)).toBeNull();
    await expectOutlived(scene, () => restart(realpathSync(folder.data)));
  });

  /** As an administrator does it: sessions are ended, and the same server starts again with the same settings. */
  async function restart(data: string): Promise<void> {
    const runAs = postgresUser(data);
    const control = path.join(path.dirname(findPostgresPrograms(runAs).postgres), 'pg_ctl');
    const log = path.join(data, 'restarted.log');
    await promisify(execFile)(control, ['-D', data, '-m', 'fast', '-w', '-t', '120', '-l', log, 'restart'], {
      ...runAs,
      cwd: data,
    });
  }
});
