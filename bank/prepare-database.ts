import pg from 'pg';
import { unreachable } from '../platform/check-database.ts';
import { createPool, quoteIdentifier, sqlState } from '../platform/db.ts';
import { JOBS_VERSION, jobsSchema, prepareJobs } from '../platform/jobs.ts';
import { createLog } from '../platform/log.ts';
import type { Secrets } from '../platform/secrets.ts';
import { migrationsDigest, readMigrations, runMigrations, type Migration } from './migrations.ts';
import { OWNERS, OWNERS_WITH_JOBS, serviceRole, type Owner } from './owners.ts';
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
    for (const owner of OWNERS_WITH_JOBS) await prepareJobsOf(owner, adminUrl, secrets);
  } finally {
    await admin.end();
  }
}

/** As the service itself, which must own its jobs' tables (platform/jobs.ts). */
async function prepareJobsOf(owner: Owner, adminUrl: string, secrets: Secrets): Promise<void> {
  const role = serviceRole(owner);
  const pool = createPool({
    url: adminUrl,
    role,
    password: secrets.rolePassword(role),
    schema: owner,
    max: 1,
    onError: () => {},
  });
  try {
    await prepareJobs(pool, jobsSchema(owner), createLog('warn'));
  } finally {
    await pool.end();
  }
}

/** True when all of this code's migrations, and those of its jobs, have run in the database; any user of it can ask. */
export async function isPrepared(
  client: pg.Client | pg.Pool,
  migrations: readonly Migration[] = readMigrations(),
): Promise<boolean> {
  const expected = new Map([
    ...OWNERS.map((owner): [string, string] => [owner, migrationsDigest(migrations, owner)]),
    ...OWNERS_WITH_JOBS.map((owner): [string, string] => [jobsSchema(owner), JOBS_VERSION]),
  ]);
  const { rows } = await client.query<{ schema: string; digest: string | null }>(
    `SELECT nspname AS schema, obj_description(oid, 'pg_namespace') AS digest FROM pg_namespace WHERE nspname = ANY($1)`,
    [[...expected.keys()]],
  );
  const found = new Map(rows.map(({ schema, digest }) => [schema, digest]));
  return [...expected].every(([schema, digest]) => found.get(schema) === digest);
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
