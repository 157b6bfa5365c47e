import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { PROVIDER_IDS } from '../platform/config.ts';
import { simulatorFile } from '../providers/simulators/simulator-files.ts';
import { createTestDatabase, type TestDatabase } from '../tests/database.ts';
import { startBankProcess, type BankProcess } from '../tests/bank-process.ts';
import { until } from '../tests/until.ts';
import { bankFolder } from './bank-folder.ts';
import { removeEmbeddedPostgres } from './embedded-postgres.ts';
import { findPostmaster, isAlive } from './postmaster.ts';

/*
 * The bank as people run it. What one test needs is a bank that was started once and stopped: it is made once and copied.
 */
const directory = mkdtempSync(path.join(tmpdir(), 'dwaybank-main-'));
const made = path.join(directory, 'made');
const isRoot = process.getuid?.() === 0;
const folders: string[] = [];
const running: BankProcess[] = [];

beforeAll(async () => {
  chmodSync(directory, 0o755);
  folders.push(made);
  const bank = await startBankProcess(made);
  expect(await bank.stop()).toBe(0);
});

afterEach(async () => {
  for (const { child } of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});

afterAll(async () => {
  for (const folder of folders) await removeEmbeddedPostgres(bankFolder(folder));
  rmSync(directory, { recursive: true, force: true });
});

/** A folder of its own, with the bank that was made before. */
function copyOfBank(name: string): string {
  const folder = path.join(directory, name);
  // cp keeps the owner of the data, which Postgres insists on.
  execFileSync('cp', ['-a', made, folder]);
  folders.push(folder);
  return folder;
}

async function start(folder: string, options?: Parameters<typeof startBankProcess>[1]): Promise<BankProcess> {
  const bank = await startBankProcess(folder, options);
  running.push(bank);
  return bank;
}

interface Ended {
  code: number | null;
  output: string;
}

/** Runs what should end by itself. */
async function run(
  folder: string,
  script = 'bank/main.ts',
  options: string[] = ['--port', '0'],
  environment: NodeJS.ProcessEnv = {},
  spawnOptions: { uid?: number; gid?: number } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...options], {
    env: { ...process.env, DATABASE_URL: '', REDIS_URL: '', DWAYBANK_FOLDER: folder, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...spawnOptions,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

/** One sentence that says what to do, no stack, exit code 1, and no Postgres left. */
async function expectSentence(ended: Promise<Ended>, sentence: RegExp): Promise<void> {
  const { code, output } = await ended;
  expect(output).toMatch(sentence);
  expect(output).not.toMatch(/\n\s+at /);
  expect(code).toBe(1);
}

function postgresOf(folder: string): number | null {
  return findPostmaster(realpathSync(bankFolder(folder).data))?.pid ?? null;
}

async function balanceOfAda(bank: BankProcess): Promise<{ posted: string; version: number }> {
  const ask = async (query: string, token?: string) => {
    const response = await fetch(`${bank.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ query }),
    });
    return (await response.json()) as { data: Record<string, never> };
  };
  const login = await ask(
    'mutation { login(input: { email: "ada@example.com", password: "ada-demo-password" }) { tokens { accessToken } } }',
  );
  const { tokens } = login.data['login']! as { tokens: { accessToken: string } };
  const me = await ask(
    '{ me { accounts { edges { node { balance { version posted { amount } } } } } } }',
    tokens.accessToken,
  );
  type Accounts = { accounts: { edges: { node: { balance: { version: number; posted: { amount: string } } } }[] } };
  const { balance } = (me.data['me']! as Accounts).accounts.edges[0]!.node;
  return { posted: balance.posted.amount, version: balance.version };
}

describe('a bank that runs', () => {
  let folder: string;
  let bank: BankProcess;
  beforeAll(async () => {
    folder = copyOfBank('runs');
    bank = await startBankProcess(folder);
  });
  afterAll(() => void bank.child.kill('SIGKILL'));

  test('says each step and where it is, and answers there', async () => {
    await until('the table', () => bank.output().includes('Ctrl-C stops the bank.'));
    for (const line of [
      /\d s {2}Postgres\n/,
      /\d s {2}Simulated providers: Stripe on 127\.0\.0\.1:\d+(, \w[\w ]* on 127\.0\.0\.1:\d+)*\n/,
      /\d s {2}Subgraphs: user, wallet/,
      /\d s {2}Gateway\n/,
    ]) {
      expect(bank.output()).toMatch(line);
    }
    for (const place of ['/graphql (HTTP and WebSocket)', '/playground', '/health', '/ready']) {
      expect(bank.output()).toContain(`${bank.url}${place}`);
    }
    expect(bank.output()).toMatch(/Demo login +ada@example.com +\S+\n/);
    expect(bank.output()).toMatch(/Demo login +bola@example.com +\S+\n/);
    expect((await fetch(`${bank.url}/ready`)).status).toBe(200);
    expect((await fetch(`${bank.url}/playground`)).status).toBe(200);
  });

  test('keeps a second one out of its folder, whatever the port, and what --fresh would remove', async () => {
    const postgres = postgresOf(folder);
    const sentence = /A bank of .*runs is running already \(process \d+\): use it, or stop it first\.\n/;
    await expectSentence(run(folder), sentence);
    await expectSentence(run(folder, 'bank/main.ts', ['--fresh', '--port', '0']), sentence);
    expect(postgresOf(folder)).toBe(postgres);
    expect(await balanceOfAda(bank)).toEqual({ posted: '2500.00', version: 1 });
  });

  test('keeps its port', async () => {
    const port = new URL(bank.url).port;
    await expectSentence(run(made, 'bank/main.ts', ['--port', port]), /Port \d+ of 127.0.0.1 is taken.*--port N/);
    expect(postgresOf(made)).toBeNull();
  });

  test('can be funded by hand, and goes on', async () => {
    const { code } = await run(folder, 'scripts/fund.ts', ['ada@example.com', '0.01', 'USD']);
    expect(code).toBe(0);
    expect(await balanceOfAda(bank)).toEqual({ posted: '2500.01', version: 2 });
  });

  test('ends with all its processes within 5 s of Ctrl-C', async () => {
    const postgres = postgresOf(folder)!;
    const began = performance.now();
    // The terminal signals the whole group, and npm hands the signal on: twice the same.
    bank.child.kill('SIGINT');
    bank.child.kill('SIGINT');
    const [code] = (await once(bank.child, 'exit')) as [number];
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(code).toBe(0);
    expect(isAlive(postgres)).toBe(false);
    // It went in good order: nothing to complain about.
    expect(bank.output()).not.toMatch(/"level"|error/i);
  });
});

describe('ending', () => {
  test('by a second signal does not wait, and leaves no process either', async () => {
    const folder = copyOfBank('forced');
    const bank = await start(folder);
    const postgres = postgresOf(folder)!;
    // A server that stands still cannot end: the bank has to wait for it.
    process.kill(postgres, 'SIGSTOP');
    bank.child.kill('SIGINT');
    await until('the first signal is seen', async () => !(await answers(bank.url)));
    // Signals of the same moment are one, so the second one is the one that comes late enough.
    await until('a second signal ends it', () => bank.child.exitCode !== null || !bank.child.kill('SIGINT'), 3_000);
    expect(bank.child.exitCode).toBe(1);
    process.kill(postgres, 'SIGCONT');
    await until('Postgres is gone', () => !isAlive(postgres));
  });

  test('while it starts leaves nothing behind', async () => {
    const folder = path.join(directory, 'interrupted');
    folders.push(folder);
    const child = spawn(process.execPath, ['--import', 'tsx', 'bank/main.ts', '--port', '0'], {
      env: { ...process.env, DATABASE_URL: '', DWAYBANK_FOLDER: folder },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [first] = (await once(child.stdout, 'data')) as [Buffer];
    expect(first.toString()).toContain('Making the database');
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
    expect(readdirSync(folder).filter((name) => !['secret', 'postgres.log'].includes(name))).toEqual([]);
  });

  test('of the npm that runs it ends it', async () => {
    const folder = copyOfBank('npm');
    const npm = spawn('npm', ['start', '--', '--port', '0', '--no-demo'], {
      env: { ...process.env, DATABASE_URL: '', DWAYBANK_FOLDER: folder },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    npm.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await until('the bank serves', () => output.includes('Ctrl-C stops the bank.'), 120_000);
    const postgres = postgresOf(folder)!;
    const { pid } = JSON.parse(readFileSync(bankFolder(folder).bankFile, 'utf8')) as { pid: number };
    npm.kill('SIGTERM');
    await until('bank and Postgres are gone', () => !isAlive(pid) && !isAlive(postgres));
  });
});

async function answers(url: string): Promise<boolean> {
  return fetch(`${url}/health`).then(
    () => true,
    () => false,
  );
}

test('a bank that was killed loses nothing: the next one takes its Postgres over, or recovers', async () => {
  const folder = copyOfBank('killed');
  const first = await start(folder);
  const postgres = postgresOf(folder)!;
  await first.kill('group');
  expect(postgresOf(folder)).toBe(postgres);

  const second = await start(folder);
  expect(second.output()).toContain('taken over');
  expect(postgresOf(folder)).toBe(postgres);
  // Nothing lost, and nothing paid a second time.
  expect(await balanceOfAda(second)).toEqual({ posted: '2500.00', version: 1 });

  await second.kill('process and Postgres');
  const third = await start(folder);
  expect(third.output()).not.toContain('taken over');
  expect(await balanceOfAda(third)).toEqual({ posted: '2500.00', version: 1 });

  process.kill(postgresOf(folder)!, 'SIGKILL');
  expect(await once(third.child, 'exit')).toEqual([1, null]);
  expect(third.output()).toContain('Postgres of this bank has ended unexpectedly; start the bank again.');
});

test('--fresh begins anew, also on data that are damaged', async () => {
  const folder = copyOfBank('fresh');
  const { data, secretFile } = bankFolder(folder);
  const secret = readFileSync(secretFile, 'utf8');
  rmSync(path.join(data, 'global/pg_control'));
  const stripeFile = path.join(folder, simulatorFile('stripe'));
  writeFileSync(stripeFile, 'damaged as well\n');
  const fresh = await start(folder, { options: ['--fresh', '--port', '0', '--no-demo'] });
  expect(statSync(stripeFile).size).toBe(0);
  expect(fresh.output()).not.toContain('Demo login');
  expect(readFileSync(secretFile, 'utf8')).not.toBe(secret);
  expect(existsSync(path.join(data, 'global/pg_control'))).toBe(true);
});

test('of three banks that start at the same moment in an empty folder, one runs', async () => {
  const folder = path.join(directory, 'race');
  folders.push(folder);
  const options = ['--port', '0', '--no-demo'];
  const starts = await Promise.allSettled(Array.from({ length: 3 }, () => start(folder, { options })));
  const failures = starts.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => String(reason));
  expect(failures).toHaveLength(2);
  for (const failure of failures) expect(failure).toContain('is running already');
});

describe('what keeps a bank from starting is said in one sentence', () => {
  test('an unknown option', async () => {
    await expectSentence(
      run(made, 'bank/main.ts', ['--prot', '4000']),
      /Unknown option '--prot': see `npm start -- --help`/,
    );
  });

  const secret = 'x'.repeat(32);
  test.each([
    ['that is no URL', 'localhost:5432', secret, /DATABASE_URL: must be a URL like postgres:/],
    [
      'of a server that is not there',
      'postgres://u:p@127.0.0.1:1/bank',
      secret,
      /127\.0\.0\.1:1 is not there.*check DATABASE_URL/,
    ],
  ])('a DATABASE_URL %s', async (_what, url, given, sentence) => {
    const environment = { DATABASE_URL: url, DWAYBANK_SECRET: given };
    await expectSentence(run(made, 'bank/main.ts', ['--port', '0'], environment), sentence);
  });

  test('a live key beside simulated providers', async () => {
    await expectSentence(
      run(made, 'bank/main.ts', ['--port', '0'], { STRIPE_SECRET_KEY: 'sk_live_1' }),
      /STRIPE_SECRET_KEY: a live key is refused beside simulated providers; set PROVIDERS=live to use it\./,
    );
  });

  test('a simulator’s file that is damaged', async () => {
    const folder = copyOfBank('damaged-stripe');
    writeFileSync(path.join(folder, simulatorFile('stripe')), 'nonsense\n');
    await expectSentence(
      run(folder),
      /Line 1 of .*stripe-simulator\.jsonl is damaged: put a good copy back, or remove/,
    );
    expect(postgresOf(folder)).toBeNull();
  });

  test('data that are damaged', async () => {
    const folder = copyOfBank('damaged');
    rmSync(path.join(bankFolder(folder).data, 'global/pg_control'));
    await expectSentence(
      run(folder),
      /The bank's data in .* are damaged \(.*\): put a good copy back, or begin anew with `npm start -- --fresh`/,
    );
  });

  (isRoot ? test : test.skip)('a folder that may not be written', async () => {
    const folder = path.join(directory, 'unwritable');
    mkdirSync(folder, { mode: 0o755 });
    const asNobody = { uid: 65534, gid: 65534 };
    await expectSentence(
      run(folder, 'bank/main.ts', ['--port', '0'], { TMPDIR: tmpdir() }, asNobody),
      /The bank cannot write to .*unwritable \(E(PERM|ACCES)\): make it writable/,
    );
  });
});

describe('funding by hand', () => {
  test('works on a bank that is stopped, and stops what it started', async () => {
    const folder = copyOfBank('fund-stopped');
    const { code, output } = await run(folder, 'scripts/fund.ts', ['ada@example.com', '100.00', 'USD']);
    expect(output).toMatch(/ada@example.com got 100.00 USD on account .*; it now has 2600.00 USD/);
    expect(code).toBe(0);
    expect(postgresOf(folder)).toBeNull();
  });

  test('moves nothing for what makes no sense', async () => {
    const folder = copyOfBank('fund-refused');
    await expectSentence(
      run(folder, 'scripts/fund.ts', ['ada@example.com', '1', 'KES']),
      /no active PERSONAL account in KES/,
    );
    const environment = { DATABASE_URL: 'postgres://u:p@127.0.0.1:1/bank', DWAYBANK_SECRET: 'x'.repeat(32) };
    await expectSentence(
      run(folder, 'scripts/fund.ts', ['ada@example.com', '1', 'USD'], environment),
      /exists for the embedded bank only/,
    );
  });
});

describe('with a Postgres of one’s own', () => {
  let database: TestDatabase;
  let environment: NodeJS.ProcessEnv;
  beforeAll(async () => {
    database = await createTestDatabase();
    environment = { DATABASE_URL: database.adminUrl, DWAYBANK_SECRET: database.secret };
  });
  afterAll(() => database.drop());

  test('the bank runs on it, without demo logins and without a folder', async () => {
    const folder = path.join(directory, 'unused');
    const bank = await start(folder, { environment });
    expect((await fetch(`${bank.url}/ready`)).status).toBe(200);
    expect(await bank.stop()).toBe(0);
    expect(bank.output()).not.toMatch(/Demo|Simulated/);
    expect(existsSync(folder)).toBe(false);
    const { rows } = await database.pool('postgres').query('SELECT FROM "user".person');
    expect(rows).toHaveLength(0);
  });

  test.each([
    ['bank/main.ts', ['--port', '0']],
    ['gateway/main.ts', []],
    ['scripts/ledger-check.ts', []],
  ])('%s says that the secret is another than the database was prepared with', async (script, options) => {
    await expectSentence(
      run(directory, script, options, { ...environment, DWAYBANK_SECRET: 'z'.repeat(32) }),
      /not prepared for this bank, or with another DWAYBANK_SECRET: run `npm run db:prepare`/,
    );
  });

  test.each([
    ['subgraphs/main.ts', []],
    ['scripts/db-prepare.ts', []],
  ])('%s says that it needs one', async (script, options) => {
    await expectSentence(run(directory, script, options), /DATABASE_URL .*and DWAYBANK_SECRET/);
  });

  test('simulated providers come with it where that is asked for, and go with it', async () => {
    const folder = path.join(directory, 'simulated');
    const simulated = { ...environment, PROVIDERS: 'simulated' };
    const bank = await start(folder, { options: ['--port', '0', '--no-demo'], environment: simulated });
    const stripe = `http://${/Stripe on ([\d.:]+)/.exec(bank.output())![1]!}/v1/charges`;
    expect((await fetch(stripe)).status).toBe(401);
    expect(await bank.stop()).toBe(0);
    await expect(fetch(stripe)).rejects.toThrow();
    expect(readdirSync(folder).sort()).toEqual([...PROVIDER_IDS].sort().map(simulatorFile));
  });

  test('--fresh does not touch it', async () => {
    await expectSentence(
      run(directory, 'bank/main.ts', ['--fresh', '--port', '0'], environment),
      /--fresh removes the embedded bank of this folder only/,
    );
  });

  test('subgraphs say which of them there are, and which port is taken', async () => {
    await expectSentence(
      run(directory, 'subgraphs/main.ts', ['transfers'], environment),
      /There is no subgraph "transfers": name some of user, wallet/,
    );
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const taken = { ...environment, WALLET_URL: `http://127.0.0.1:${port}` };
    await expectSentence(run(directory, 'subgraphs/main.ts', ['wallet'], taken), /Port \d+ for wallet is taken/);
    server.close();
  });
});

(isRoot ? describe : describe.skip)('as root', () => {
  test('data of a folder nobody else may enter are kept elsewhere, and removed with the bank', async () => {
    const closed = path.join(directory, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    const folder = path.join(closed, 'bank');
    folders.push(folder);
    const bank = await start(folder, { options: ['--port', '0', '--no-demo'] });
    const { data } = bankFolder(folder);
    expect(lstatSync(data).isSymbolicLink()).toBe(true);
    const place = realpathSync(data);
    expect(place).toMatch(/^\/var\/lib\/dwaybank\//);
    expect(statSync(place).uid).toBe(65534);
    await bank.stop();
    await removeEmbeddedPostgres(bankFolder(folder));
    expect(existsSync(place)).toBe(false);
  });

  test('an ordinary user runs a bank as well', async () => {
    const folder = path.join(directory, 'ordinary');
    mkdirSync(folder, { mode: 0o700 });
    chownSync(folder, 65534, 65534);
    folders.push(folder);
    const child = spawn(process.execPath, ['--import', 'tsx', 'bank/main.ts', '--port', '0', '--no-demo'], {
      env: { ...process.env, HOME: folder, DATABASE_URL: '', DWAYBANK_FOLDER: folder },
      stdio: ['ignore', 'pipe', 'inherit'],
      uid: 65534,
      gid: 65534,
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await until('the bank serves', () => output.includes('Ctrl-C stops the bank.'), 120_000);
    expect(statSync(bankFolder(folder).data).mode & 0o777).toBe(0o700);
    expect(statSync(bankFolder(folder).secretFile).mode & 0o777).toBe(0o600);
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(postgresOf(folder)).toBeNull();
  });
});
