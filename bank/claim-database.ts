import { existsSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { MainProcess } from '../platform/main-process.ts';
import { deriveSecrets, type Secrets } from '../platform/secrets.ts';
import { StartError } from '../platform/start-error.ts';
import { openBankFolder, readOrCreateSecret, readSecret, type BankFolder } from './bank-folder.ts';
import { claimForBank, type Claim, type LockSession } from './bank-lock.ts';
import { removeEmbeddedPostgres, startEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.ts';
import { keepClaim } from './keep-claim.ts';
import { findPostmaster, isAlive } from './postmaster.ts';

/** The embedded database of a folder, claimed for the one bank that runs there. */
export interface ClaimedDatabase {
  postgres: EmbeddedPostgres;
  secrets: Secrets;
}

const MAX_ATTEMPTS = 50;
const RETRY_MS = 100;
/** A bank that lives has lost its claim for a moment only; but the number in its note may long be another process's. */
const FIRST_GO_ATTEMPTS = 20;

/**
 * Starts the folder's database, or takes over one that a killed bank left, and claims it. Everything is undone through
 * `main`: with the claim given back last, no other bank can come in between.
 */
export async function claimDatabase(
  folder: BankFolder,
  main: MainProcess,
  onProgress: (step: string) => void,
): Promise<ClaimedDatabase> {
  openBankFolder(folder);
  const secrets = deriveSecrets(readOrCreateSecret(folder));
  for (let attempt = 1; attempt <= MAX_ATTEMPTS && !main.stopping; attempt++) {
    const postgres = await startEmbeddedPostgres({
      folder,
      secrets,
      onProgress,
      isStopping: () => main.stopping,
    });
    const claim = await claimInTurn(folder, postgres).catch(() => 'server stops' as const);
    if (claim === 'bank runs') throw alreadyRuns(folder);
    if (claim === 'server stops') {
      // A command was the last user and stops the server just now: then we start it again.
      await delay(RETRY_MS);
      continue;
    }
    hold(claim.session, postgres, folder, main);
    return { postgres, secrets };
  }
  throw new StartError(`The database in ${folder.path} starts and stops all the time: end what else uses it.`);
}

/** Takes the folder, after the bank that was here: while that lives it may take its claim again first (keep-claim.ts). */
async function claimInTurn(folder: BankFolder, postgres: EmbeddedPostgres): Promise<Claim> {
  for (let attempt = 1; ; attempt++) {
    const claim = await claimForBank(postgres.adminUrl('postgres'));
    if (claim === 'bank runs' || claim === 'server stops') return claim;
    const pid = runningBank(folder);
    const lives = pid !== null && pid !== process.pid && isAlive(pid);
    if (!lives || attempt === FIRST_GO_ATTEMPTS) return claim;
    await claim.session.end();
    await delay(RETRY_MS);
  }
}

function hold(session: LockSession, postgres: EmbeddedPostgres, folder: BankFolder, main: MainProcess): void {
  writeFileSync(folder.bankFile, `${JSON.stringify({ pid: process.pid })}\n`);
  const claim = keepClaim(session, postgres, main, {
    postgresEnded: `Postgres of this bank has ended unexpectedly; start the bank again. What it said is in ${folder.logFile}.`,
    anotherBank: `Another bank has taken ${folder.path} while Postgres was away from this one: this one ends, the other goes on.`,
  });
  main.onStop(async () => {
    if (claim.isAnothers()) return;
    await postgres.stop();
    await claim.end();
    rmSync(folder.bankFile, { force: true });
  });
  // Postgres would go on without us; a forced end takes it along, and its next start recovers.
  main.onForce(() => {
    if (claim.isAnothers()) return;
    try {
      process.kill(postgres.pid, 'SIGQUIT');
    } catch {
      // It has ended already.
    }
  });
}

/** Removes the folder's bank for good, unless it runs. */
export async function removeBank(folder: BankFolder): Promise<void> {
  openBankFolder(folder);
  if (await isInUse(folder)) throw alreadyRuns(folder);
  await removeEmbeddedPostgres(folder);
  for (const file of [
    folder.secretFile,
    folder.logFile,
    `${folder.logFile}.1`,
    folder.bankFile,
    ...folder.simulatorFiles,
  ]) {
    rmSync(file, { force: true });
  }
}

/** Asks the lock where the server can be asked; damaged data or a lost secret leave only the note of the last bank. */
async function isInUse(folder: BankFolder): Promise<boolean> {
  if (!existsSync(folder.data) || !findPostmaster(realpathSync(folder.data))) return false;
  try {
    const postgres = await startEmbeddedPostgres({ folder, secrets: deriveSecrets(readSecret(folder) ?? '') });
    const claim = await claimInTurn(folder, postgres);
    if (claim === 'bank runs') return true;
    if (claim !== 'server stops') await claim.session.end();
    return false;
  } catch {
    const pid = runningBank(folder);
    return pid !== null && isAlive(pid);
  }
}

/** The process that runs the folder's bank, as far as its note tells. */
function runningBank(folder: BankFolder): number | null {
  try {
    // Our own note; a damaged one is as good as none.
    const { pid } = JSON.parse(readFileSync(folder.bankFile, 'utf8')) as { pid: number };
    return pid;
  } catch {
    return null;
  }
}

function alreadyRuns(folder: BankFolder): StartError {
  const pid = runningBank(folder);
  const which = pid === null ? '' : ` (process ${pid})`;
  return new StartError(`A bank of ${folder.path} is running already${which}: use it, or stop it first.`);
}
