import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { connectAdmin } from './prepare-database.ts';

/**
 * Who uses the embedded database of a folder. Both locks belong to a database session, so they end with the process that
 * took them, however it ends: a lock tells a living bank from a server that a killed bank left behind.
 * - BANK: held by the one bank that runs in the folder.
 * - USE: shared by the bank and by every command; whoever wants to stop the server needs it alone.
 */
const LOCK_SPACE = 0x4457_4159;
const BANK = 1;
const USE = 2;

/** The session of a bank that was killed this moment may live a little longer. */
const PATIENCE_MS = 1_000;
const POLL_MS = 50;

/** A session on the server that holds locks. */
export interface LockSession {
  client: pg.Client;
  /** Gives the locks back. */
  end(): Promise<void>;
}

/** What became of asking for the folder. */
export type Claim = { session: LockSession } | 'bank runs' | 'server stops';

/** Takes the folder for a bank. */
export async function claimForBank(serverUrl: string): Promise<Claim> {
  const session = await openSession(serverUrl);
  const deadline = Date.now() + PATIENCE_MS;
  do {
    if (await locked(session, 'pg_try_advisory_lock', BANK)) {
      if (await locked(session, 'pg_try_advisory_lock_shared', USE)) return { session };
      await session.end();
      return 'server stops';
    }
    await delay(POLL_MS);
  } while (Date.now() < deadline);
  await session.end();
  return 'bank runs';
}

/** Keeps the server from being stopped by others while a command uses it. */
export async function claimForUse(serverUrl: string): Promise<Exclude<Claim, 'bank runs'>> {
  const session = await openSession(serverUrl);
  if (await locked(session, 'pg_try_advisory_lock_shared', USE)) return { session };
  await session.end();
  return 'server stops';
}

/** True when a bank holds the folder. */
export async function bankRuns({ client }: LockSession): Promise<boolean> {
  const { rowCount } = await client.query(
    `SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND objid = $2 AND granted`,
    [LOCK_SPACE, BANK],
  );
  return rowCount !== 0;
}

/** True when this session was the last that used the server and now has it alone: it may stop the server. */
export async function isLastUser(session: LockSession): Promise<boolean> {
  await session.client.query('SELECT pg_advisory_unlock_shared($1, $2)', [LOCK_SPACE, USE]);
  return locked(session, 'pg_try_advisory_lock', USE);
}

async function openSession(serverUrl: string): Promise<LockSession> {
  const client = await connectAdmin(serverUrl);
  return { client, end: () => client.end().catch(() => {}) };
}

async function locked({ client }: LockSession, how: string, lock: number): Promise<boolean> {
  const { rows } = await client.query<{ taken: boolean }>(`SELECT ${how}($1, $2) AS taken`, [LOCK_SPACE, lock]);
  return rows[0]!.taken;
}
