import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { deriveSecrets } from '../platform/secrets.ts';
import { createTestDatabase, type TestDatabase } from '../tests/database.ts';
import { bankFolder } from './bank-folder.ts';
import { removeEmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts';
import { readMigrations, type Migration } from './migrations.ts';
import { LOGIN_ROLES, OWNERS, serviceRole } from './owners.ts';
import { createDatabase, isPrepared, prepareDatabase } from './prepare-database.ts';

let database: TestDatabase;
let admin: pg.Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  admin = database.pool('postgres', { max: 2 });
});
afterAll(() => database.drop());

function migration(name: string, sql: string): Migration {
  return { owner: 'insights', name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
}

function prepare(...more: Migration[]): Promise<void> {
  const migrations = [...readMigrations(), ...more];
  return prepareDatabase({ adminUrl: database.adminUrl, secrets: database.secrets, migrations });
}

async function tableExists(name: string): Promise<boolean> {
  const { rows } = await admin.query<{ found: boolean }>('SELECT to_regclass($1) IS NOT NULL AS found', [name]);
  return rows[0]!.found;
}

describe('a prepared database', () => {
  test('lets every role in with its own password', async () => {
    for (const role of LOGIN_ROLES) {
      const { rows } = await database.pool(role, { max: 1 }).query('SELECT current_user AS role');
      expect(rows).toEqual([{ role }]);
    }
  });

  test('refuses a wrong password', async () => {
    const url = new URL(database.urlFor('dwaybank_wallet'));
    url.password = 'guessed';
    await expect(new pg.Client({ connectionString: url.href }).connect()).rejects.toMatchObject({ code: '28P01' });
  });

  test('lets no service read or write the tables of another owner, unless a migration says so', async () => {
    const owned = { user: 'person', wallet: 'account', transfer: 'transfer' };
    for (const [owner, table] of Object.entries(owned)) {
      for (const role of LOGIN_ROLES.filter((each) => each !== `dwaybank_${owner}`)) {
        const query = database.pool(role, { max: 1 }).query(`SELECT FROM "${owner}"."${table}"`);
        await expect(query).rejects.toMatchObject({ code: '42501' });
      }
    }
  });

  test('keeps the history of migrations from the services', async () => {
    for (const owner of OWNERS) {
      const query = database.pool(serviceRole(owner), { max: 1 }).query(`SELECT FROM "${owner}"._prisma_migrations`);
      await expect(query).rejects.toMatchObject({ code: '42501' });
    }
  });

  test('lets nobody run a function that no migration granted', async () => {
    await prepare(migration('29990101000000_secret', 'CREATE FUNCTION secret() RETURNS int LANGUAGE sql RETURN 1;'));
    for (const role of LOGIN_ROLES) {
      const query = database.pool(role, { max: 1 }).query('SELECT insights.secret()');
      await expect(query).rejects.toMatchObject({ code: '42501' });
    }
  });

  test('is known to be prepared by any of its users, for these migrations only', async () => {
    const anyone = database.pool('dwaybank_gateway', { max: 1 });
    await prepare();
    expect(await isPrepared(anyone)).toBe(true);
    expect(await isPrepared(anyone, [...readMigrations(), migration('29990101000001_more', 'SELECT 1')])).toBe(false);
  });

  test('has the tables of jobs, which their service owns and no other may see; without them it is not prepared', async () => {
    const { rows } = await admin.query<{ tableowner: string }>(
      `SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'transfer_jobs'`,
    );
    expect(rows).toEqual([{ tableowner: 'dwaybank_transfer' }]);
    for (const role of LOGIN_ROLES.filter((each) => each !== 'dwaybank_transfer')) {
      const query = database.pool(role, { max: 1 }).query('SELECT FROM transfer_jobs.jobs');
      await expect(query).rejects.toMatchObject({ code: '42501' });
    }
    await prepare();
    for (const change of ['COMMENT ON SCHEMA transfer_jobs IS NULL', 'DROP SCHEMA transfer_jobs CASCADE']) {
      await admin.query(change);
      expect(await isPrepared(admin)).toBe(false);
      await prepare();
      expect(await isPrepared(admin)).toBe(true);
    }
    await database.pool('dwaybank_transfer', { max: 1 }).query('SELECT FROM transfer_jobs.jobs');
  });
});

describe('migrations', () => {
  test('run once, and are kept as Prisma keeps them', async () => {
    const once = migration('29990102000000_once', 'CREATE TABLE once (id int); INSERT INTO once VALUES (1);');
    await prepare(once);
    await prepare(once);
    expect((await admin.query('SELECT id FROM insights.once')).rows).toEqual([{ id: 1 }]);
    const { rows } = await admin.query(
      `SELECT checksum, finished_at >= started_at AS finished, rolled_back_at, logs, applied_steps_count
         FROM insights._prisma_migrations WHERE migration_name = $1`,
      [once.name],
    );
    expect(rows).toEqual([
      { checksum: once.checksum, finished: true, rolled_back_at: null, logs: null, applied_steps_count: 1 },
    ]);
  });

  test('belong to the role of their owner', async () => {
    const { rows } = await admin.query<{ tableowner: string }>(
      `SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'wallet'`,
    );
    expect(rows).toEqual([{ tableowner: 'dwaybank_wallet_owner' }]);
  });

  test('leave nothing behind when they fail, and run when they are corrected', async () => {
    const name = '29990103000000_broken';
    const broken = migration(name, 'CREATE TABLE half (id int);\nSELECT 1;\nSELECT nothing_of_this_name;');
    await expect(prepare(broken)).rejects.toMatchObject({
      name: 'StartError',
      message: expect.stringMatching(/insights\/migrations\/29990103000000_broken failed at line 3: .*nothing_of_this/),
    });
    expect(await tableExists('insights.half')).toBe(false);
    await prepare(migration(name, 'CREATE TABLE half (id int);'));
    expect(await tableExists('insights.half')).toBe(true);
  });

  test('that were changed after they ran are refused, and nothing after them runs', async () => {
    const name = '29990104000000_edited';
    await prepare(migration(name, 'SELECT 1;'));
    const after = migration('29990104000001_after', 'CREATE TABLE after_edited (id int);');
    await expect(prepare(migration(name, 'SELECT 2;'), after)).rejects.toThrow(
      'Migration prisma/insights/migrations/29990104000000_edited was changed after it had run',
    );
    expect(await tableExists('insights.after_edited')).toBe(false);
  });

  test('that another tool left unfinished are reported', async () => {
    const name = '29990105000000_unfinished';
    await admin.query(
      `INSERT INTO insights._prisma_migrations (id, checksum, migration_name) VALUES ('x', 'y', '${name}')`,
    );
    await expect(prepare()).rejects.toThrow(`insights/migrations/${name} was begun by another tool`);
    await admin.query(`UPDATE insights._prisma_migrations SET rolled_back_at = now() WHERE id = 'x'`);
    await prepare();
  });

  test('run once when several processes prepare at the same time', async () => {
    const counted = migration('29990106000000_counted', 'CREATE TABLE counted (id int); SELECT pg_sleep(0.1);');
    await Promise.all(Array.from({ length: 5 }, () => prepare(counted)));
    const { rows } = await admin.query('SELECT FROM insights._prisma_migrations WHERE migration_name = $1', [
      counted.name,
    ]);
    expect(rows).toHaveLength(1);
  });
});

describe('a server of one’s own', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'dwaybank-prepare-'));
  const folder = bankFolder(path.join(directory, 'bank'));
  const secrets = deriveSecrets('another secret for tests alone, of more than 32 characters');
  let server: URL;

  beforeAll(async () => {
    const postgres = await startEmbeddedPostgres({ folder, secrets, settings: { fsync: 'off' } });
    const client = new pg.Client({ connectionString: postgres.adminUrl('postgres') });
    await client.connect();
    await client.query(`CREATE ROLE operator LOGIN CREATEROLE CREATEDB PASSWORD 'operators password'`);
    await client.query(`CREATE ROLE guest LOGIN PASSWORD 'guests password'`);
    await client.end();
    server = new URL(postgres.adminUrl('postgres'));
    server.username = 'operator';
    server.password = 'operators password';
  });
  afterAll(async () => {
    await removeEmbeddedPostgres(folder);
    rmSync(directory, { recursive: true });
  });

  function urlOf(user: string, name: string): string {
    const url = new URL(server);
    url.pathname = `/${name}`;
    url.username = user;
    url.password = `${user}s password`;
    return url.href;
  }

  test('is prepared by a user who is no superuser but may create roles and databases', async () => {
    await createDatabase(server.href, 'bank');
    await prepareDatabase({ adminUrl: urlOf('operator', 'bank'), secrets });
    // Again, with roles that exist, and for a second database of the same server.
    await prepareDatabase({ adminUrl: urlOf('operator', 'bank'), secrets });
    await createDatabase(server.href, 'bank2');
    await prepareDatabase({ adminUrl: urlOf('operator', 'bank2'), secrets });
    const wallet = new URL(urlOf('dwaybank_wallet', 'bank2'));
    wallet.password = secrets.rolePassword('dwaybank_wallet');
    const client = new pg.Client({ connectionString: wallet.href });
    await client.connect();
    expect(await isPrepared(client)).toBe(true);
    await client.end();
  });

  test('is refused in one sentence to a user who may not create schemas', async () => {
    await expect(prepareDatabase({ adminUrl: urlOf('guest', 'bank'), secrets })).rejects.toMatchObject({
      name: 'StartError',
      message: expect.stringContaining('may not create schemas in the database "bank"'),
    });
  });

  test('is refused in one sentence to a user who may not create roles', async () => {
    const client = new pg.Client({ connectionString: urlOf('operator', 'bank') });
    await client.connect();
    await client.query('GRANT CREATE ON DATABASE bank TO guest');
    await client.end();
    await expect(prepareDatabase({ adminUrl: urlOf('guest', 'bank'), secrets })).rejects.toMatchObject({
      name: 'StartError',
      message: expect.stringContaining('may not create the roles'),
    });
  });

  test('that cannot be used is described without its password', async () => {
    const refusals: [string, string][] = [
      [urlOf('operator', 'nowhere'), 'has no database "nowhere"'],
      [urlOf('operator', 'bank').replace('operators%20password', 'guessed'), 'refuses the password of user "operator"'],
      ['postgres://operator:guessed@127.0.0.1:1/bank', '127.0.0.1:1 is not there'],
    ];
    for (const [adminUrl, sentence] of refusals) {
      const failure: unknown = await prepareDatabase({ adminUrl, secrets }).catch((error: unknown) => error);
      expect(failure).toMatchObject({ name: 'StartError', message: expect.stringContaining(sentence) });
      expect((failure as Error).message).not.toContain('guessed');
    }
  });
});
