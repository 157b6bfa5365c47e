import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { checkDatabase } from '../platform/check-database.ts';
import type { Config } from '../platform/config.ts';
import { createPool } from '../platform/db.ts';
import { deriveSecrets, type Secrets } from '../platform/secrets.ts';
import { StartError } from '../platform/start-error.ts';
import { bankFolder, readOrCreateSecret } from './bank-folder.ts';
import { bankRuns, claimForUse, isLastUser, type LockSession } from './bank-lock.ts';
import { BANK_DATABASE, startEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.ts';
import { serviceRole, type Owner } from './owners.ts';
import { connectAdmin, isPrepared } from './prepare-database.ts';

/** The bank's database as a command uses it: the one of DATABASE_URL, or this folder's. */
export interface OpenDatabase {
  url: string;
  secrets: Secrets;
  /** A small pool as one owner's service; ended by `close`. */
  pool(owner: Owner): pg.Pool;
  /** Ends the pools; stops the embedded server when it was not running, or its bank was killed, and nobody else uses it. */
  close(): Promise<void>;
}

const POOL_SIZE = 2;
const MAX_ATTEMPTS = 100;
const RETRY_MS = 100;

/** Opens the database of this bank for a command, beside a running bank or on a stopped one. */
export async function openDatabase(config: Config): Promise<OpenDatabase> {
  if (config.databaseUrl !== null) {
    // readConfig refuses DATABASE_URL without a secret.
    const secrets = deriveSecrets(config.secret!);
    await checkDatabase(config.databaseUrl, { role: serviceRole('platform'), secrets });
    return withPools({ url: config.databaseUrl, secrets, release: async () => {} });
  }
  const folder = bankFolder(config.folder);
  if (!existsSync(folder.data)) {
    throw new StartError(`There is no bank in ${folder.path} yet: make one with \`npm start\`, or set DATABASE_URL.`);
  }
  const secrets = deriveSecrets(readOrCreateSecret(folder));
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const postgres = await startEmbeddedPostgres({ folder, secrets });
    const claim = await claimForUse(postgres.adminUrl('postgres')).catch(() => 'server stops' as const);
    if (claim !== 'server stops') return use(postgres, claim.session, secrets);
    await delay(RETRY_MS);
  }
  throw new StartError(`The database in ${folder.path} starts and stops all the time: end what else uses it.`);
}

async function use(postgres: EmbeddedPostgres, session: LockSession, secrets: Secrets): Promise<OpenDatabase> {
  const release = async () => {
    if (!(await bankRuns(session)) && (await isLastUser(session))) await postgres.stop();
    await session.end();
  };
  try {
    if (!(await bankRuns(session))) await checkPrepared(postgres);
  } catch (error) {
    await release();
    throw error;
  }
  return withPools({ url: postgres.adminUrl(BANK_DATABASE), secrets, release });
}

async function checkPrepared(postgres: EmbeddedPostgres): Promise<void> {
  const { rowCount } = await withAdmin(postgres.adminUrl('postgres'), (admin) =>
    admin.query('SELECT FROM pg_database WHERE datname = $1', [BANK_DATABASE]),
  );
  if (rowCount && (await withAdmin(postgres.adminUrl(BANK_DATABASE), (admin) => isPrepared(admin)))) return;
  throw new StartError(
    'The database of this bank is of another version of the code: bring it up to date with `npm start`.',
  );
}

async function withAdmin<Result>(url: string, work: (admin: pg.Client) => Promise<Result>): Promise<Result> {
  const admin = await connectAdmin(url);
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

function withPools({
  url,
  secrets,
  release,
}: {
  url: string;
  secrets: Secrets;
  release: () => Promise<void>;
}): OpenDatabase {
  const pools: pg.Pool[] = [];
  return {
    url,
    secrets,
    pool(owner) {
      const role = serviceRole(owner);
      const pool = createPool({
        url,
        role,
        password: secrets.rolePassword(role),
        schema: owner,
        max: POOL_SIZE,
        // A command sees a lost connection in its next query.
        onError: () => {},
      });
      pools.push(pool);
      return pool;
    },
    async close() {
      await Promise.all(pools.map((pool) => pool.end()));
      await release();
    },
  };
}
