import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../../tests/database.ts';
import { newId, type SessionId, type UserId } from '../../platform/ids.ts';
import { grantRole, revokeRole } from './change-roles.ts';

/* Roles of staff: given and taken by hand, and a role that was taken lives on in no token. */

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = database.pool('dwaybank_user', { max: 6 });
});
afterAll(() => database.drop());

async function person(sessions = 0): Promise<{ id: UserId; email: string; sessions: SessionId[] }> {
  const id = newId<UserId>();
  const email = `${id}@example.com`;
  await pool.query(
    `INSERT INTO person (id, email, display_name, password_hash, roles, created_at) VALUES ($1, $2, 'P', '$argon2id$x', '{CUSTOMER}', now())`,
    [id, email],
  );
  const ids = Array.from({ length: sessions }, () => newId<SessionId>());
  for (const session of ids) {
    await pool.query(
      `INSERT INTO session (id, person_id, created_at, expires_at) VALUES ($1, $2, now(), now() + interval '1 day')`,
      [session, id],
    );
  }
  return { id, email, sessions: ids };
}

const rolesOf = async (id: UserId) =>
  (await pool.query<{ roles: string[] }>('SELECT roles FROM person WHERE id = $1', [id])).rows[0]!.roles;

async function endsOf(id: UserId): Promise<unknown[]> {
  const { rows } = await database
    .pool('postgres', { max: 1 })
    .query<{ payload: unknown }>(
      `SELECT payload FROM platform.event WHERE type = 'SessionEnded' AND payload ->> 'userId' = $1 ORDER BY xid, id`,
      [id],
    );
  return rows.map(({ payload }) => payload);
}

describe('grantRole', () => {
  test('adds a role once and leaves sessions alone', async () => {
    const { id, email } = await person(1);
    expect(await grantRole(pool, ` ${email.toUpperCase()} `, 'ADMIN')).toEqual({
      userId: id,
      roles: ['CUSTOMER', 'ADMIN'],
      changed: true,
      endedSessions: 0,
    });
    expect(await grantRole(pool, email, 'ADMIN')).toMatchObject({ changed: false });
    expect(await rolesOf(id)).toEqual(['CUSTOMER', 'ADMIN']);
    expect(await endsOf(id)).toEqual([]);
  });

  test('of several at once loses none', async () => {
    const { id, email } = await person();
    await Promise.all((['ADMIN', 'SUPPORT', 'COMPLIANCE'] as const).map((role) => grantRole(pool, email, role)));
    expect((await rolesOf(id)).sort()).toEqual(['ADMIN', 'COMPLIANCE', 'CUSTOMER', 'SUPPORT']);
  });

  test('knows nobody by another email', async () => {
    expect(await grantRole(pool, 'nobody@example.com', 'ADMIN')).toBeNull();
  });
});

describe('revokeRole', () => {
  test('takes the role and ends every session in the same commit, with an event for each', async () => {
    const { id, email, sessions } = await person(3);
    await grantRole(pool, email, 'ADMIN');
    expect(await revokeRole(pool, email, 'ADMIN')).toEqual({
      userId: id,
      roles: ['CUSTOMER'],
      changed: true,
      endedSessions: 3,
    });
    const ends = await endsOf(id);
    expect(ends).toHaveLength(3);
    expect(ends).toEqual(
      expect.arrayContaining(sessions.map((sessionId) => ({ sessionId, userId: id, reason: 'ROLE_REVOKED' }))),
    );
    const { rows } = await pool.query('SELECT FROM session WHERE person_id = $1 AND ended_at IS NULL', [id]);
    expect(rows).toEqual([]);
  });

  test('ends nothing for a role that somebody has not', async () => {
    const { id, email } = await person(1);
    expect(await revokeRole(pool, email, 'ADMIN')).toMatchObject({ changed: false, endedSessions: 0 });
    expect(await endsOf(id)).toEqual([]);
  });
});
