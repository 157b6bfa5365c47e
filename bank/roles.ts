import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import type pg from 'pg';
import { quoteIdentifier, sqlState } from '../platform/db.ts';
import type { Secrets } from '../platform/secrets.ts';
import { jobsSchema } from '../platform/jobs.ts';
import { CLOSED_OWNERS, LOGIN_ROLES, OWNERS, OWNERS_WITH_JOBS, ownerRole, serviceRole } from './owners.ts';
import { StartError } from '../platform/start-error.ts';

/**
 * Roles belong to the whole server and outlive a database, so they are only ever added to. Their passwords follow from the
 * bank's secret and are set anew each time: a changed secret is taken over by preparing the database again.
 */
export async function createRoles(admin: pg.Client, secrets: Secrets): Promise<void> {
  const { rows } = await admin.query<{ superuser: boolean; existing: string[] }>(
    `SELECT rolsuper AS superuser, (SELECT coalesce(array_agg(rolname::text), '{}') FROM pg_roles) AS existing
       FROM pg_roles WHERE rolname = current_user`,
  );
  const { superuser, existing } = rows[0]!;
  const known = new Set(existing);
  try {
    for (const role of LOGIN_ROLES) {
      if (!known.has(role)) await createRole(admin, role);
      const verifier = scramVerifier(secrets.rolePassword(role));
      await untilUndisturbed(() => admin.query(`ALTER ROLE ${role} LOGIN PASSWORD '${verifier}'`));
    }
    for (const role of OWNERS.map(ownerRole)) {
      if (!known.has(role)) await createRole(admin, role);
    }
    // Since Postgres 16 whoever creates a role may hand it out but not act as it, until it hands it to itself.
    for (const role of superuser ? [] : [...OWNERS.map(ownerRole), ...OWNERS_WITH_JOBS.map(serviceRole)]) {
      await untilUndisturbed(() => admin.query(`GRANT ${role} TO CURRENT_USER WITH INHERIT TRUE, SET TRUE`));
    }
  } catch (error) {
    if (sqlState(error) !== '42501') throw error;
    throw new StartError(
      'The user of DATABASE_URL may not create the roles of the bank (or another user created them): run `npm run db:prepare` with the URL of a user that has CREATEROLE.',
      { cause: error },
    );
  }
}

/** The schema of each owner, and what its service may do with tables that its migrations will make. */
export async function createSchemas(admin: pg.Client): Promise<void> {
  for (const owner of OWNERS) {
    const schema = quoteIdentifier(owner);
    const role = ownerRole(owner);
    const service = serviceRole(owner);
    await admin.query(`CREATE SCHEMA IF NOT EXISTS ${schema} AUTHORIZATION ${role}`);
    await admin.query(`GRANT USAGE ON SCHEMA ${schema} TO ${service}`);
    // A function that everybody may execute is the default; here each right is given by name.
    await admin.query(`ALTER DEFAULT PRIVILEGES FOR ROLE ${role} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC`);
    if (CLOSED_OWNERS.has(owner)) continue;
    const inSchema = `ALTER DEFAULT PRIVILEGES FOR ROLE ${role} IN SCHEMA ${schema}`;
    await admin.query(`${inSchema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${service}`);
    await admin.query(`${inSchema} GRANT USAGE, SELECT ON SEQUENCES TO ${service}`);
  }
  for (const owner of OWNERS_WITH_JOBS) {
    const schema = quoteIdentifier(jobsSchema(owner));
    await admin.query(`CREATE SCHEMA IF NOT EXISTS ${schema} AUTHORIZATION ${serviceRole(owner)}`);
  }
}

async function createRole(admin: pg.Client, role: string): Promise<void> {
  try {
    await admin.query(`CREATE ROLE ${role}`);
  } catch (error) {
    // Another database of this server is prepared at the same time.
    if (!['42710', '23505'].includes(sqlState(error) ?? '')) throw error;
  }
}

const MAX_ATTEMPTS = 20;

/** Postgres answers "tuple concurrently updated" (XX000) when two sessions alter one role at once: then again. */
async function untilUndisturbed(work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await work();
      return;
    } catch (error) {
      const disturbed = sqlState(error) === 'XX000' && (error as Error).message.includes('concurrently');
      if (!disturbed || attempt >= MAX_ATTEMPTS) throw error;
    }
  }
}

const SCRAM_ITERATIONS = 4096;

/** What Postgres stores of a password (RFC 5803), so that the password itself is never sent and never logged. */
function scramVerifier(password: string): string {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, SCRAM_ITERATIONS, 32, 'sha256');
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest();
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64');
  const serverKey = hmac('Server Key').toString('base64');
  return `SCRAM-SHA-256$${SCRAM_ITERATIONS}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}
