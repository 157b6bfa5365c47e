import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { StartError, systemCode } from '../platform/start-error.ts';
import { PROVIDER_IDS } from '../platform/config.ts';
import { simulatorFile } from '../providers/simulators/simulator-files.ts';

/** Where the embedded bank keeps what must last: its database and the one secret everything is derived from. */
export interface BankFolder {
  path: string;
  /** The database's data: a folder, or a link to it where the folder itself is out of Postgres' reach. */
  data: string;
  secretFile: string;
  /** What Postgres says. */
  logFile: string;
  /** Process and port of the bank that runs here, for messages alone: who owns the folder is decided by a lock. */
  bankFile: string;
  /** What the simulators know. */
  simulatorFiles: readonly string[];
}

const MIN_SECRET_LENGTH = 32;

/** The names of what lies in a bank's folder; touches nothing. */
export function bankFolder(folder: string): BankFolder {
  return {
    path: folder,
    data: path.join(folder, 'postgres'),
    secretFile: path.join(folder, 'secret'),
    logFile: path.join(folder, 'postgres.log'),
    bankFile: path.join(folder, 'bank.json'),
    simulatorFiles: PROVIDER_IDS.map((name) => path.join(folder, simulatorFile(name))),
  };
}

/** Makes the folder when it is not there, or says why it cannot be used. */
export function openBankFolder(folder: BankFolder): void {
  try {
    makeFolder(folder.path);
    // Postgres runs as another user when we are root: it must be able to pass through, and nobody needs to look around.
    chmodSync(folder.path, process.getuid?.() === 0 ? 0o711 : 0o700);
    const probe = path.join(folder.path, `.probe-${process.pid}`);
    writeFileSync(probe, '');
    rmSync(probe);
  } catch (error) {
    throw new StartError(
      `The bank cannot write to ${folder.path} (${systemCode(error) ?? 'unknown error'}): make it writable for this user, or remove it if another user's bank left it there.`,
      { cause: error },
    );
  }
}

/** Node's own recursive mkdir never returns where a file system answers ENOENT for what cannot be made, as /proc does. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return;
    if (systemCode(error) !== 'ENOENT' || path.dirname(folder) === folder) throw error;
    makeFolder(path.dirname(folder));
    mkdirSync(folder);
  }
}

/** The bank's secret, made on the first start. A secret that has gone while its database stays is not made anew. */
export function readOrCreateSecret(folder: BankFolder): string {
  const secret = readSecret(folder);
  if (secret !== null) return secret;
  if (existsSync(folder.data)) {
    throw new StartError(
      `The bank's secret ${folder.secretFile} is missing, but its database exists: put the file back, or begin anew with \`npm start -- --fresh\` (everything in the bank is lost).`,
    );
  }
  const fresh = `${folder.secretFile}.${process.pid}`;
  writeFileSync(fresh, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
  try {
    // A link appears whole or not at all, and fails when another process was first.
    linkSync(fresh, folder.secretFile);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(fresh);
  }
  return readSecret(folder)!;
}

/** The bank's secret, or null when there is none. */
export function readSecret(folder: BankFolder): string | null {
  let text: string;
  try {
    text = readFileSync(folder.secretFile, 'utf8').trim();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw new StartError(
      `The bank's secret ${folder.secretFile} cannot be read (${systemCode(error) ?? 'unknown error'}): run as the user it belongs to.`,
      { cause: error },
    );
  }
  if (text.length < MIN_SECRET_LENGTH) {
    throw new StartError(
      `The bank's secret ${folder.secretFile} is damaged (shorter than ${MIN_SECRET_LENGTH} characters): put the right file back, or begin anew with \`npm start -- --fresh\` (everything in the bank is lost).`,
    );
  }
  return text;
}
