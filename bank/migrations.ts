import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { quoteIdentifier } from '../platform/db.ts';
import { CLOSED_OWNERS, ownerRole, OWNERS, serviceRole, type Owner } from './owners.ts';
import { StartError } from '../platform/start-error.ts';

/**
 * Runs prisma/<owner>/migrations, each file whole in one transaction together with its row in `_prisma_migrations`. The
 * table is kept exactly as Prisma keeps it, so that `prisma migrate deploy` agrees where its engine can be had; ours needs
 * no engine, keeps `$$` bodies whole, and never leaves half a migration.
 */
export interface Migration {
  owner: Owner;
  name: string;
  sql: string;
  /** SHA-256 of the file, as Prisma computes it. */
  checksum: string;
}

const NAME = /^\d{14}_\w+$/;

/** Waiting for a lock longer than this would hold up the live bank behind us: give up and try again at a better time. */
const LOCK_TIMEOUT = '10s';

/** All migrations there are, in the order in which they run. Read anew at each call. */
export function readMigrations(): Migration[] {
  // Beside this code, in the sources as in what is built from them.
  const root = fileURLToPath(new URL('../prisma', import.meta.url));
  return OWNERS.flatMap((owner) => {
    const folder = path.join(root, owner, 'migrations');
    if (!existsSync(folder)) return [];
    return readdirSync(folder)
      .filter((name) => NAME.test(name) && existsSync(path.join(folder, name, 'migration.sql')))
      .sort()
      .map((name) => {
        const sql = readFileSync(path.join(folder, name, 'migration.sql'), 'utf8');
        return { owner, name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
      });
  });
}

/**
 * One value for all migrations of one owner. It is left as the schema's comment, which every role can read: so a bank sees
 * with one query that there is nothing to do.
 */
export function migrationsDigest(migrations: readonly Migration[], owner: Owner): string {
  const hash = createHash('sha256');
  for (const migration of migrations.filter((each) => each.owner === owner)) {
    hash.update(`${migration.name} ${migration.checksum}\n`);
  }
  return `DwayBank migrations ${hash.digest('hex').slice(0, 32)}`;
}

/** Runs what has not run yet; refuses when something that has run was changed since. */
export async function runMigrations(
  admin: pg.Client,
  migrations: readonly Migration[],
  onMigration: (migration: Migration) => void,
): Promise<void> {
  for (const owner of OWNERS) {
    const own = migrations.filter((migration) => migration.owner === owner);
    await createHistory(admin, owner);
    const applied = await readHistory(admin, owner);
    for (const migration of own) {
      const checksum = applied.get(migration.name);
      if (checksum === undefined) {
        onMigration(migration);
        await runMigration(admin, migration);
      } else if (checksum !== migration.checksum) {
        throw new StartError(
          `Migration prisma/${owner}/migrations/${migration.name} was changed after it had run: restore the file and put the change into a new migration (or, while developing, begin anew with \`npm start -- --fresh\`).`,
        );
      }
    }
    await admin.query(`COMMENT ON SCHEMA ${quoteIdentifier(owner)} IS '${migrationsDigest(migrations, owner)}'`);
  }
}

async function createHistory(admin: pg.Client, owner: Owner): Promise<void> {
  const table = `${quoteIdentifier(owner)}._prisma_migrations`;
  await asOwner(admin, owner, async () => {
    await admin.query(`CREATE TABLE IF NOT EXISTS ${table} (
      id varchar(36) PRIMARY KEY NOT NULL,
      checksum varchar(64) NOT NULL,
      finished_at timestamptz,
      migration_name varchar(255) NOT NULL,
      logs text,
      rolled_back_at timestamptz,
      started_at timestamptz NOT NULL DEFAULT now(),
      applied_steps_count integer NOT NULL DEFAULT 0
    )`);
    if (!CLOSED_OWNERS.has(owner)) await admin.query(`REVOKE ALL ON ${table} FROM ${serviceRole(owner)}`);
  });
}

async function readHistory(admin: pg.Client, owner: Owner): Promise<Map<string, string>> {
  const { rows } = await admin.query<{ migration_name: string; checksum: string; finished_at: Date | null }>(
    `SELECT migration_name, checksum, finished_at FROM ${quoteIdentifier(owner)}._prisma_migrations
      WHERE rolled_back_at IS NULL ORDER BY started_at`,
  );
  const failed = rows.find(({ finished_at }) => finished_at === null);
  if (failed) {
    throw new StartError(
      `Migration prisma/${owner}/migrations/${failed.migration_name} was begun by another tool and did not finish: repair the database, then mark it with \`prisma migrate resolve\`.`,
    );
  }
  return new Map(rows.map((row) => [row.migration_name, row.checksum]));
}

async function runMigration(admin: pg.Client, { owner, name, sql, checksum }: Migration): Promise<void> {
  const startedAt = new Date();
  try {
    await asOwner(admin, owner, async () => {
      // One simple query of the whole text: Postgres itself finds where statements end.
      await admin.query(sql);
      await admin.query(
        `INSERT INTO ${quoteIdentifier(owner)}._prisma_migrations
           (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
         VALUES ($1, $2, $3, $4, clock_timestamp(), 1)`,
        [randomUUID(), checksum, name, startedAt],
      );
    });
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    const line = error.position ? ` at line ${sql.slice(0, Number(error.position)).split('\n').length}` : '';
    const detail = [error.detail, error.hint, error.where].filter(Boolean).join(' ');
    throw new StartError(
      `Migration prisma/${owner}/migrations/${name} failed${line}: ${error.message}. ${detail} Nothing of it was kept; correct it and run again.`,
      { cause: error },
    );
  }
}

/** One transaction as the owner's role in the owner's schema. */
async function asOwner(admin: pg.Client, owner: Owner, work: () => Promise<void>): Promise<void> {
  await admin.query('BEGIN');
  try {
    await admin.query(`SET LOCAL ROLE ${ownerRole(owner)}`);
    await admin.query(`SET LOCAL search_path TO ${quoteIdentifier(owner)}`);
    await admin.query(`SET LOCAL lock_timeout TO '${LOCK_TIMEOUT}'`);
    await work();
    await admin.query('COMMIT');
  } catch (error) {
    await admin.query('ROLLBACK').catch(() => {});
    throw error;
  }
}
