import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

/** What the file postmaster.pid in the data folder says of the server that has these data open. */
export interface Postmaster {
  pid: number;
  port: number;
  ready: boolean;
}

/** After this long a server that was asked to stop is told to; after as long again it is ended. */
const STOP_PATIENCE_MS = 3_000;
const POLL_MS = 15;
/** Postgres makes its lock file and fills it in the same moment. */
const EMPTY_LOCK_MS = 3_000;

/** The server that has these data open, or null. A file left by a server that is gone counts as null. */
export function findPostmaster(dataFolder: string): Postmaster | null {
  let text: string;
  try {
    text = readFileSync(path.join(dataFolder, 'postmaster.pid'), 'utf8');
  } catch {
    return null;
  }
  // Lines: process, data folder, start time, port, socket folder, address, shared memory, status.
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 1 || !isAlive(pid) || !isPostgres(pid)) return null;
  return { pid, port: Number(lines[3] ?? 0), ready: (lines[7] ?? '').trim() === 'ready' };
}

/**
 * Whether postmaster.pid is there but keeps Postgres out for no reason: its process is another program, because the number
 * was given out again after a crash, or it is empty for so long that whoever made it has gone.
 */
export function hasStaleLock(dataFolder: string): boolean {
  const file = path.join(dataFolder, 'postmaster.pid');
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat) return false;
  if (stat.size === 0) return Date.now() - stat.mtimeMs > EMPTY_LOCK_MS;
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  return Number.isInteger(pid) && pid > 1 && isAlive(pid) && !isPostgres(pid);
}

/** Stops a server: its sessions are ended, what was committed stays. Returns when the process is gone. */
export async function stopPostmaster(pid: number): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    const deadline = Date.now() + STOP_PATIENCE_MS;
    while (Date.now() < deadline) {
      if (!isAlive(pid)) return;
      await delay(POLL_MS);
    }
  }
}

/** True for a process that runs; one that has ended and waits to be noticed by its parent does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Not ours to signal means that it exists.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  if (process.platform !== 'linux') return true;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !['Z', 'X'].includes(stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3));
  } catch {
    return false;
  }
}

function isPostgres(pid: number): boolean {
  if (process.platform === 'linux') {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('postgres');
    } catch {
      return false;
    }
  }
  if (process.platform === 'win32') return true;
  return spawnSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' }).stdout.includes('postgres');
}
