import { spawn, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  existsSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Secrets } from '../platform/secrets.ts';
import { openBankFolder, type BankFolder } from './bank-folder.ts';
import { ADMIN, createPostgresData, lastComplaint } from './postgres-data.ts';
import { findPostgresPrograms, postgresUser, type PostgresPrograms, type RunAs } from './postgres-binaries.ts';
import { findPostmaster, hasStaleLock, stopPostmaster } from './postmaster.ts';
import { StartError, systemCode } from '../platform/start-error.ts';

/**
 * The embedded database of one folder. The steps of a start:
 * 1. A server that has these data open already (left by a bank that was killed) is taken over: never two on the same data.
 * 2. Data that are not there are made aside and renamed into place, so that a start that was broken off leaves no half.
 * 3. The server is started in a process group of its own, so that Ctrl-C reaches the bank first and the bank decides.
 * Several processes may do this at once: postmaster.pid lets one server win, and the others take it over.
 */
export interface EmbeddedPostgres {
  port: number;
  pid: number;
  /** True when the server ran before we came. */
  adopted: boolean;
  /** The administrator's URL for one database. */
  adminUrl(database: string): string;
  /** Ends all sessions and the server; returns when its process is gone. */
  stop(): Promise<void>;
  /** Calls back when the server ends, wanted or not; only for one that was started here. */
  onExit(react: () => void): void;
}

export interface EmbeddedPostgresOptions {
  folder: BankFolder;
  secrets: Secrets;
  /** Server settings beside our own, for example `{ fsync: 'off' }` for tests. */
  settings?: Record<string, string>;
  onProgress?: (step: string) => void;
  /** True when the process is to stop: then a start under way gives up and leaves nothing running. */
  isStopping?: () => boolean;
}

/** The database of the bank; the server's own database "postgres" serves for locks. */
export const BANK_DATABASE = 'dwaybank';
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 20;
const MAX_LOG_BYTES = 5_000_000;

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  // Sockets in the file system have a limit of 107 characters on their path; 127.0.0.1 has none.
  unix_socket_directories: '',
  max_connections: '200',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
};

/** Starts the folder's database or takes over the one that runs. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { folder } = options;
  openBankFolder(folder);
  checkData(folder);
  if (!existsSync(folder.data)) {
    options.onProgress?.('Making the database');
    await createPostgresData(options);
  }
  const data = realpathSync(folder.data);
  const runAs = postgresUser(data);
  const programs = findPostgresPrograms(runAs);
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline) {
    const running = findPostmaster(data);
    if (running?.ready && (await accepts(options, running.port))) return handle(options, running, null);
    if (running) {
      await delay(POLL_MS);
      continue;
    }
    const started = await spawnServer(options, programs, runAs, data);
    if (started) return started;
    await delay(POLL_MS);
  }
  throw new StartError(`Postgres did not become ready within ${START_TIMEOUT_MS / 1000} s; see ${folder.logFile}.`);
}

/** Removes the folder's database for good, and the server that had it open. */
export async function removeEmbeddedPostgres(folder: BankFolder): Promise<void> {
  // What starts that were killed left half made.
  for (const name of existsSync(folder.path) ? readdirSync(folder.path) : []) {
    if (name.startsWith('postgres.new-')) rmSync(path.join(folder.path, name), { recursive: true, force: true });
  }
  if (!lstatSync(folder.data, { throwIfNoEntry: false })) return;
  if (existsSync(folder.data)) {
    const data = realpathSync(folder.data);
    const running = findPostmaster(data);
    if (running) await stopPostmaster(running.pid);
    rmSync(data, { recursive: true, force: true });
  }
  rmSync(folder.data, { recursive: true, force: true });
}

function handle(
  { secrets }: EmbeddedPostgresOptions,
  { pid, port }: { pid: number; port: number },
  child: ChildProcess | null,
): EmbeddedPostgres {
  return {
    pid,
    port,
    adopted: child === null,
    adminUrl: (database) =>
      `postgres://${ADMIN}:${encodeURIComponent(secrets.rolePassword(ADMIN))}@127.0.0.1:${port}/${database}`,
    stop: () => stopPostmaster(pid),
    onExit: (react) => child?.once('exit', react),
  };
}

function damaged(folder: BankFolder, what: string, cause?: unknown): StartError {
  return new StartError(
    `The bank's data in ${folder.data} are damaged (${what}): put a good copy back, or begin anew with \`npm start -- --fresh\` (everything in the bank is lost).`,
    { cause },
  );
}

function checkData(folder: BankFolder): void {
  if (!lstatSync(folder.data, { throwIfNoEntry: false })) return;
  if (!existsSync(folder.data)) throw damaged(folder, 'it is a link, and what it points to is gone');
  const known = ['PG_VERSION', 'global/pg_control', 'postgresql.conf', 'pg_hba.conf'];
  try {
    // Looked at one by one: a data folder that may not be read is not a damaged one.
    const missing = known.find((file) => !statSync(path.join(folder.data, file), { throwIfNoEntry: false }));
    if (missing) throw damaged(folder, `${missing} is missing`);
  } catch (error) {
    if (systemCode(error) !== 'EACCES') throw error;
    throw new StartError(`The bank's data in ${folder.data} belong to another user: run the bank as that user.`, {
      cause: error,
    });
  }
}

/** Starts a server; null when it could not have the data or the port and it is worth trying again. */
async function spawnServer(
  options: EmbeddedPostgresOptions,
  programs: PostgresPrograms,
  runAs: RunAs,
  data: string,
): Promise<EmbeddedPostgres | null> {
  const { folder, settings } = options;
  if (hasStaleLock(data)) rmSync(path.join(data, 'postmaster.pid'), { force: true });
  const logged = rotateLog(folder);
  const log = openSync(folder.logFile, 'a', 0o600);
  const flags = Object.entries({ ...SETTINGS, ...settings, port: String(await freePort()) });
  const child = spawn(
    programs.postgres,
    ['-D', data, ...flags.flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    {
      ...runAs,
      cwd: data,
      env: { LC_ALL: 'C' },
      stdio: ['ignore', log, log],
      detached: true,
    },
  );
  closeSync(log);
  let failure: string | null = null;
  // Long after the start this fires as well; then the folder, and with it the log, may be gone already.
  child.once(
    'exit',
    () => (failure ??= existsSync(folder.logFile) ? readFileSync(folder.logFile, 'utf8').slice(logged) : ''),
  );
  child.once('error', (error) => (failure = `FATAL:  ${error.message}`));
  // The server outlives this process when it must; it is stopped explicitly.
  child.unref();
  while (failure === null) {
    if (options.isStopping?.()) {
      await stopPostmaster(child.pid!);
      throw new StartError('The bank was stopped while it started.');
    }
    const running = findPostmaster(data);
    if (running?.ready && running.pid === child.pid) {
      const started = handle(options, running, child);
      // A secret that does not fit must not leave a server behind.
      const welcome = await accepts(options, running.port).catch((error: unknown) => stopAndThrow(started, error));
      if (welcome) return started;
    }
    await delay(POLL_MS);
  }
  if (/lock file .* (already exists|is empty)|Address already in use|pre-existing shared memory/.test(failure))
    return null;
  throw damaged(folder, `Postgres says: ${lastComplaint(failure)}; its log is ${folder.logFile}`);
}

async function stopAndThrow(started: EmbeddedPostgres, error: unknown): Promise<never> {
  await started.stop();
  throw error;
}

/** Length of the log so far, after setting a long one aside. */
function rotateLog({ logFile }: BankFolder): number {
  const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= MAX_LOG_BYTES) return existsSync(logFile) ? readFileSync(logFile, 'utf8').length : 0;
  renameSync(logFile, `${logFile}.1`);
  return 0;
}

/** True when the server lets the administrator in; false while it starts or stops. */
async function accepts({ folder, secrets }: EmbeddedPostgresOptions, port: number): Promise<boolean> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: ADMIN,
    password: secrets.rolePassword(ADMIN),
    database: 'postgres',
    connectionTimeoutMillis: 5_000,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return true;
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === '28P01') throw wrongSecret(folder, error);
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

/** The sentence for a secret that is not the one the database was made with. */
function wrongSecret(folder: BankFolder, cause: unknown): StartError {
  return new StartError(
    `The secret in ${folder.secretFile} is not the one this bank's database was made with: put the right file back, or begin anew with \`npm start -- --fresh\` (everything in the bank is lost).`,
    { cause },
  );
}

/** A port of 127.0.0.1 that was free a moment ago; whoever loses it to somebody else tries again. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
