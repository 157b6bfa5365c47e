import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { deriveSecrets, type Secrets } from '../platform/secrets.ts';
import { bankFolder, openBankFolder, readOrCreateSecret, type BankFolder } from './bank-folder.ts';
import { removeEmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts';
import { findPostgresPrograms, isReachable } from './postgres-binaries.ts';
import { findPostmaster, isAlive } from './postmaster.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'dwaybank-embedded-'));
const made = bankFolder(path.join(directory, 'made'));
const folders = [made];
let secrets: Secrets;
const settings = { fsync: 'off' };

beforeAll(async () => {
  chmodSync(directory, 0o755);
  mkdirSync(made.path);
  secrets = deriveSecrets(readOrCreateSecret(made));
  const postgres = await startEmbeddedPostgres({ folder: made, secrets, settings });
  await postgres.stop();
});
afterAll(async () => {
  for (const folder of folders) await removeEmbeddedPostgres(folder);
  rmSync(directory, { recursive: true, force: true });
});

/** A folder of its own with the data that were made before. */
function copyOfMade(name: string): BankFolder {
  const folder = bankFolder(path.join(directory, name));
  // cp keeps the owner of the data, which Postgres insists on.
  execFileSync('cp', ['-a', made.path, folder.path]);
  folders.push(folder);
  return folder;
}

function runningIn(folder: BankFolder): number | null {
  return findPostmaster(realpathSync(folder.data))?.pid ?? null;
}

describe('an embedded Postgres', () => {
  test('lets in only who knows the password, and listens to this machine alone', async () => {
    const postgres = await startEmbeddedPostgres({ folder: copyOfMade('password'), secrets, settings });
    const client = new pg.Client({ connectionString: postgres.adminUrl('postgres') });
    await client.connect();
    const { rows } = await client.query(`SELECT current_setting('listen_addresses') AS addresses,
      current_setting('unix_socket_directories') AS sockets,
      (SELECT array_agg(DISTINCT auth_method) FROM pg_hba_file_rules) AS methods`);
    expect(rows).toEqual([{ addresses: '127.0.0.1', sockets: '', methods: ['scram-sha-256'] }]);
    await client.end();
    const guess = new pg.Client({ host: '127.0.0.1', port: postgres.port, user: 'postgres', password: 'guessed' });
    await expect(guess.connect()).rejects.toMatchObject({ code: '28P01' });
    await postgres.stop();
    expect(isAlive(postgres.pid)).toBe(false);
  });

  test('keeps its password from the disk', () => {
    const found = spawnGrep(secrets.rolePassword('postgres'), made.path);
    expect(found).toBe('');
  });

  test('is started once, however many start it at the same time', async () => {
    const folder = copyOfMade('at-once');
    const all = await Promise.all(
      Array.from({ length: 4 }, () => startEmbeddedPostgres({ folder, secrets, settings })),
    );
    expect(new Set(all.map(({ pid }) => pid)).size).toBe(1);
    expect(all.filter(({ adopted }) => !adopted)).toHaveLength(1);
    await all[0]!.stop();
  });

  test('is made once, however many make it at the same time, and leaves no halves', async () => {
    const folder = bankFolder(path.join(directory, 'made-at-once'));
    folders.push(folder);
    const all = await Promise.all(
      Array.from({ length: 2 }, () => startEmbeddedPostgres({ folder, secrets, settings })),
    );
    expect(new Set(all.map(({ pid }) => pid)).size).toBe(1);
    await all[0]!.stop();
    expect(readdirSync(folder.path).sort()).toEqual(['postgres', 'postgres.log']);
  });

  test('starts though its old process number was given to another program', async () => {
    const folder = copyOfMade('number-reused');
    const data = realpathSync(folder.data);
    const { uid } = statSync(data);
    const sleeper = spawn('sleep', ['60'], uid === process.getuid?.() ? {} : { uid });
    writeFileSync(path.join(data, 'postmaster.pid'), `${sleeper.pid}\n${data}\n1\n5432\n\n127.0.0.1\n\nready\n`);
    const postgres = await startEmbeddedPostgres({ folder, secrets, settings });
    expect(postgres.pid).not.toBe(sleeper.pid);
    expect(isAlive(sleeper.pid!)).toBe(true);
    await postgres.stop();
    sleeper.kill();
  });

  test('starts though the start before it was broken off', async () => {
    const folder = copyOfMade('broken-off');
    const file = path.join(folder.data, 'postmaster.pid');
    writeFileSync(file, '');
    const before = new Date(Date.now() - 60_000);
    utimesSync(file, before, before);
    const postgres = await startEmbeddedPostgres({ folder, secrets, settings });
    await postgres.stop();
  });

  test('gives up, and leaves nothing, when its process is to stop', async () => {
    const folder = copyOfMade('stopping');
    await expect(startEmbeddedPostgres({ folder, secrets, settings, isStopping: () => true })).rejects.toThrow(
      'stopped',
    );
    expect(runningIn(folder)).toBeNull();
  });
});

function spawnGrep(text: string, folder: string): string {
  try {
    return execFileSync('grep', ['-rl', text, folder], { encoding: 'utf8' });
  } catch {
    return '';
  }
}

describe('what cannot be started is said in one sentence', () => {
  test.each([
    [
      'without its control file',
      (data: string) => rmSync(path.join(data, 'global/pg_control')),
      'pg_control is missing',
    ],
    ['without its version', (data: string) => rmSync(path.join(data, 'PG_VERSION')), 'PG_VERSION is missing'],
    ['of another version', (data: string) => writeFileSync(path.join(data, 'PG_VERSION'), '11\n'), 'Postgres says: '],
    [
      'with a broken setting',
      (data: string) => writeFileSync(path.join(data, 'postgresql.conf'), 'port = (\n'),
      'Postgres says: ',
    ],
    ['without its log', (data: string) => rmSync(path.join(data, 'pg_wal'), { recursive: true }), 'Postgres says: '],
  ])('data %s', async (what, damage, reason) => {
    const folder = copyOfMade(`damaged ${what}`);
    damage(folder.data);
    const failure: unknown = await startEmbeddedPostgres({ folder, secrets, settings }).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({
      name: 'StartError',
      message: expect.stringMatching(/are damaged \(.*\): put a good copy back/),
    });
    expect((failure as Error).message).toContain(reason);
    expect(runningIn(folder)).toBeNull();
  });

  test('a secret that is not the one of the data', async () => {
    const other = deriveSecrets('another secret for tests alone, of more than 32 characters');
    const folder = copyOfMade('other-secret');
    const sentence = /is not the one this bank's database was made with/;
    await expect(startEmbeddedPostgres({ folder, secrets: other, settings })).rejects.toThrow(sentence);
    expect(runningIn(folder)).toBeNull();
    // A server that runs is left to whom it belongs.
    const postgres = await startEmbeddedPostgres({ folder, secrets, settings });
    await expect(startEmbeddedPostgres({ folder, secrets: other, settings })).rejects.toThrow(sentence);
    expect(runningIn(folder)).toBe(postgres.pid);
    await postgres.stop();
  });

  (process.platform === 'linux' ? test : test.skip)('a folder that cannot be made', () => {
    // /proc answers that the parent is missing, which it is not.
    for (const folder of ['/proc/nowhere', '/proc/no/where', '/dev/null/bank']) {
      expect(() => openBankFolder(bankFolder(folder))).toThrow(`The bank cannot write to ${folder} (E`);
    }
  });

  test('a secret that has gone, is not made anew', () => {
    const folder = copyOfMade('no-secret');
    rmSync(folder.secretFile);
    expect(() => readOrCreateSecret(folder)).toThrow(/is missing, but its database exists: put the file back/);
    expect(existsSync(folder.secretFile)).toBe(false);
    writeFileSync(folder.secretFile, 'short');
    expect(() => readOrCreateSecret(folder)).toThrow(/is damaged \(shorter than 32 characters\)/);
  });
});

(process.getuid?.() === 0 ? describe : describe.skip)('as root', () => {
  test('programs in a folder nobody else may enter are copied to where they can be run', () => {
    const closed = path.join(directory, 'closed-programs');
    mkdirSync(closed, { mode: 0o700 });
    const nobody = { uid: 65534, gid: 65534 };
    const installed = path.join(path.dirname(findPostgresPrograms(nobody).postgres), '..');
    cpSync(installed, path.join(closed, 'native'), { recursive: true, verbatimSymlinks: true });
    writeFileSync(path.join(closed, 'package.json'), JSON.stringify({ version: `test-${process.pid}` }));
    const { postgres } = findPostgresPrograms(nobody, path.join(closed, 'native'));
    expect(isReachable(postgres, nobody)).toBe(true);
    expect(execFileSync(postgres, ['--version'], { ...nobody, encoding: 'utf8' })).toMatch(
      /^postgres \(PostgreSQL\) 18/,
    );
    rmSync(path.join(path.dirname(postgres), '..'), { recursive: true });
  });
});
