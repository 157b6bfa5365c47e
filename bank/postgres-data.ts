import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { StartError, systemCode } from '../platform/start-error.ts';
import type { EmbeddedPostgresOptions } from './embedded-postgres.ts';
import {
  findPostgresPrograms,
  isReachable,
  openReachableFolder,
  postgresUser,
  type PostgresPrograms,
  type RunAs,
} from './postgres-binaries.ts';

/** The administrator of an embedded Postgres. */
export const ADMIN = 'postgres';

const POLL_MS = 20;

/** Makes new data and puts them in place; when another process was quicker, its data are the ones. */
export async function createPostgresData(options: EmbeddedPostgresOptions): Promise<void> {
  const { folder } = options;
  const runAs = postgresUser(folder.data);
  const programs = findPostgresPrograms(runAs);
  const real = realpathSync(folder.path);
  const place = isReachable(real, runAs) ? folder.data : distantPlace(real);
  const half = `${place}.new-${randomBytes(4).toString('hex')}`;
  mkdirSync(half, { mode: 0o700 });
  try {
    await runInitdb(options, programs, runAs, half);
    renameSync(half, place);
    if (place !== folder.data) symlinkSync(place, folder.data);
  } catch (error) {
    if (place !== folder.data) rmSync(place, { recursive: true, force: true });
    if (!['ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? '')) throw error;
  } finally {
    rmSync(half, { recursive: true, force: true });
  }
}

/**
 * Where the data lie when the user Postgres runs as cannot get into the bank's folder (Postgres itself walks down to its
 * data from the root). The name is new each time: the link in the bank's folder says which one is meant.
 */
function distantPlace(folder: string): string {
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  return path.join(openReachableFolder(), `${name}-${randomBytes(4).toString('hex')}`);
}

async function runInitdb(
  options: EmbeddedPostgresOptions,
  programs: PostgresPrograms,
  runAs: RunAs,
  data: string,
): Promise<void> {
  const { secrets, settings } = options;
  const passwordFile = `${data}.password`;
  try {
    writeFileSync(passwordFile, `${secrets.rolePassword(ADMIN)}\n`, { mode: 0o600 });
    if (runAs.uid !== undefined) for (const owned of [data, passwordFile]) chownSync(owned, runAs.uid, runAs.gid);
    const child = spawn(
      programs.initdb,
      [
        ...['-D', data, '-U', ADMIN, `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--encoding=UTF8'],
        // The same order and case rules on every machine, whatever its own locales are.
        ...['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C', '--no-instructions'],
        ...(settings?.['fsync'] === 'off' ? ['--no-sync'] : []),
      ],
      { ...runAs, cwd: path.dirname(data), stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += String(chunk)));
    const impatience = setInterval(() => options.isStopping?.() && child.kill('SIGTERM'), POLL_MS);
    const code = await new Promise<number | null>((resolve) => {
      child.once('error', (error) => {
        output += `FATAL: ${error.message}`;
        resolve(null);
      });
      child.once('close', resolve);
    });
    clearInterval(impatience);
    if (code === 0) return;
    throw new StartError(`The embedded Postgres cannot make its data in ${data}: ${lastComplaint(output)}`);
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

/** What a Postgres program says it died of. */
export function lastComplaint(log: string): string {
  const complaints = [...log.matchAll(/(?:FATAL|PANIC|initdb: error|initdb: fatal|postgres: could not[^:]*):\s+(.*)/g)];
  return (complaints[0]?.[1] ?? log.trim().split('\n').at(-1) ?? 'nothing').trim();
}
