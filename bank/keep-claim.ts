import { setTimeout as delay } from 'node:timers/promises';
import type { MainProcess } from '../platform/main-process.ts';
import { claimForBank, type Claim, type LockSession } from './bank-lock.ts';
import type { EmbeddedPostgres } from './embedded-postgres.ts';
import { isAlive } from './postmaster.ts';

/*
 * The claim of a folder lives and ends with its session, and a session ends for less than the end of Postgres: an administrator ends it,
 * or a process of Postgres is killed and all others start again with it (crash recovery). Then the bank takes its claim again.
 *
 *   held -> lost      the session ended
 *   lost -> held      taken again; the pools have come back by themselves in the same way
 *   lost -> the bank ends: Postgres itself has gone, stays away for RECLAIM_WITHIN_MS, or another bank was faster
 *
 * While it is lost the bank goes on. What its money needs it has in the database and not in the claim: keys, row locks, and for jobs the
 * locks of their workers (platform/worker-locks.ts), as with many processes on one Postgres. The claim keeps two banks from writing one
 * folder, so another bank that starts in between lets this one go first (claim-database.ts).
 */

/** How long Postgres may take to come back, while its first process lives. */
const RECLAIM_WITHIN_MS = 60_000;
const RETRY_MS = 50;

export interface KeptClaim {
  /** True when another bank has it for good: then Postgres and the folder are that one's. */
  isAnothers(): boolean;
  /** Gives the claim back. */
  end(): Promise<void>;
}

/** Keeps a claim that was taken, over every loss that can be mended; else the bank fails with what `reasons` say. */
export function keepClaim(
  first: LockSession,
  postgres: EmbeddedPostgres,
  main: MainProcess,
  reasons: { postgresEnded: string; anotherBank: string },
): KeptClaim {
  let session = first;
  let anothers = false;

  async function takeAgain(): Promise<Claim> {
    const deadline = performance.now() + RECLAIM_WITHIN_MS;
    while (!main.stopping && isAlive(postgres.pid) && performance.now() < deadline) {
      const claim = await claimForBank(postgres.adminUrl('postgres')).catch(() => 'server stops' as const);
      if (claim !== 'server stops') return claim;
      await delay(RETRY_MS);
    }
    return 'server stops';
  }

  function watch(): void {
    session.client.once('end', () => {
      if (!main.stopping) void recover();
    });
  }

  async function recover(): Promise<void> {
    const claim = await takeAgain();
    if (claim === 'server stops') return main.fail(reasons.postgresEnded);
    if (claim === 'bank runs') {
      anothers = true;
      return main.fail(reasons.anotherBank);
    }
    session = claim.session;
    watch();
  }

  watch();
  return { isAnothers: () => anothers, end: () => session.end() };
}
