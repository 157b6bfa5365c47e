import pg from 'pg';
import { unreachable } from '../platform/check-database.ts';
import { quoteIdentifier, sqlState } from '../platform/db.ts';
import type { Secrets } from '../platform/secrets.ts';
import { migrationsDigest, readMigrations, runMigrations, type Migration } from './migrations.ts';
import { OWNERS } from './owners.ts';
import { createRoles, createSchemas } from './roles.ts';
import { StartError } from '../platform/start-error.ts';

export interface PrepareOptions {
  /** The URL of a user that may create roles and schemas. */
  adminUrl: string;
  secrets: Secrets;
  onProgress?: (step: string) => void;
  /** Those of this code unless given. */
  migrations?: readonly Migration[];
}

const MIN_VERSION = 160_000;
/** Only one process prepares a database at a time; the number is ours and means nothing. */
const PREPARE_LOCK = 7_193_004_117;

/** Brings a database to what this code needs: roles, schemas, migrations. Safe to run at any time and from many processes. */
export async function prepareDatabase({
  adminUrl,
  secrets,
  onProgress,
  migrations = readMigrations(),
}: PrepareOptions): Promise<void> {
  const admin = await connectAdmin(adminUrl);
  try {
    await checkServer(admin);
    // Held by the session and not by a transaction, because every migration is a transaction of its own.
    await admin.query('SELECT pg_advisory_lock($1)', [PREPARE_LOCK]);
    onProgress?.('Roles and schemas');
    await createRoles(admin, secrets);
    await createSchemas(admin);
    await runMigrations(admin, migrations, ({ owner, name }) => onProgress?.(`Migration ${owner}/${name}`));
  } finally {
    await admin.end();
  }
}

/** True when all of this code's migrations have run in the database; any user of it can ask. */
export async function isPrepared(
  client: pg.Client | pg.Pool,
  migrations: readonly Migration[] = readMigrations(),
): Promise<boolean> {
  const { rows } = await client.query<{ owner: string; digest: string | null }>(
    `SELECT nspname AS owner, obj_description(oid, 'pg_namespace') AS digest FROM pg_namespace WHERE nspname = ANY($1)`,
    [OWNERS],
  );
  const digests = new Map(rows.map(({ owner, digest }) => [owner, digest]));
  return OWNERS.every((owner) => digests.get(owner) === migrationsDigest(migrations, owner));
}

/** Makes an empty database when it is not there. */
export async function createDatabase(serverUrl: string, name: string): Promise<void> {
  const admin = await connectAdmin(serverUrl);
  try {
    const { rowCount } = await admin.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (!rowCount) await admin.query(`CREATE DATABASE ${quoteIdentifier(name)}`);
  } catch (error) {
    // Another process made it at the same moment.
    if (!['42P04', '23505'].includes(sqlState(error) ?? '')) throw error;
  } finally {
    await admin.end();
  }
}

/** A connection as the user of a URL, or one sentence why there is none. */
export async function connectAdmin(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'dwaybank_admin',
    connectionTimeoutMillis: 10_000,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return client;
  } catch (error) {
    throw unreachable(url, error);
  }
}

async function checkServer(admin: pg.Client): Promise<void> {
  const { rows } = await admin.query<{ version: number; name: string; may_create: boolean; database: string }>(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS name,
            current_database() AS database, has_database_privilege(current_database(), 'CREATE') AS may_create`,
  );
  const { version, name, may_create: mayCreate, database } = rows[0]!;
  if (version < MIN_VERSION) {
    throw new StartError(`Postgres ${name} is too old: the bank needs Postgres 16 or newer.`);
  }
  if (!mayCreate) {
    throw new StartError(
      `The user of DATABASE_URL may not create schemas in the database "${database}": grant it CREATE on the database, or use the URL of its owner.`,
    );
  }
}
