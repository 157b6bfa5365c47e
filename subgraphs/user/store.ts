import type pg from 'pg';
import { PrismaClient } from '../../prisma/user/client/client.ts';
import { prismaAdapter, withRetry, withTransaction, type Queryable } from '../../platform/db.ts';
import type { SessionId, UserId } from '../../platform/ids.ts';
import type { Role } from '../../platform/viewer.ts';
import type { PresentedToken } from './domain.ts';
import type { KycStatus, UserParent } from './graph-types.ts';

export interface SigningKeyRow {
  kid: string;
  publicJwk: object;
  /** Sealed; see signing-keys.ts. */
  privateKey: Buffer;
  createdAt: Date;
}

export interface NewPerson {
  id: UserId;
  email: string;
  displayName: string;
  passwordHash: string;
  roles: readonly Role[];
  createdAt: Date;
}

export interface NewSession {
  id: SessionId;
  userId: UserId;
  deviceName: string | null;
  createdAt: Date;
}

export interface NewRefreshToken {
  hash: Buffer;
  sessionId: SessionId;
  createdAt: Date;
  expiresAt: Date;
}

/** Reads and small writes; what must happen together stands below as functions of a transaction. */
export interface UserStore {
  findUsers(ids: UserId[]): Promise<UserParent[]>;
  findCredentials(email: string): Promise<{ user: UserParent; passwordHash: string } | null>;
  /** The newest signing key; where there is none, `create` makes it, in one process only. */
  newestSigningKey(create: () => Promise<SigningKeyRow>): Promise<SigningKeyRow>;
  /** Newest first. */
  publicSigningKeys(): Promise<unknown[]>;
  /** Removes at most `limit` sessions and `limit` refresh tokens that have expired; tells how many rows went. */
  deleteExpired(now: Date, limit: number): Promise<number>;
  transaction<Result>(work: (tx: Queryable) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

/** The store on the pool of the role dwaybank_user. */
export function createUserStore(pool: pg.Pool): UserStore {
  const prisma = new PrismaClient({ adapter: prismaAdapter(pool, 'user') });
  return {
    findUsers: (ids) => findUsers(pool, ids),
    async findCredentials(email) {
      const row = await prisma.person.findUnique({ where: { email } });
      return row && { user: toUser(row), passwordHash: row.passwordHash };
    },
    async newestSigningKey(create) {
      return (await findNewestSigningKey(pool)) ?? (await createSigningKeyOnce(pool, create));
    },
    async publicSigningKeys() {
      const rows = await prisma.signingKey.findMany({
        select: { publicJwk: true },
        orderBy: [{ createdAt: 'desc' }, { kid: 'asc' }],
      });
      return rows.map(({ publicJwk }) => publicJwk);
    },
    deleteExpired: (now, limit) => deleteExpired(pool, now, limit),
    transaction: (work) => withRetry(() => withTransaction(pool, work)),
    close: () => prisma.$disconnect(),
  };
}

/**
 * Every screen and every update of a live balance asks for this, so it goes past Prisma, as one named statement. Through
 * (SELECT $1) Postgres cannot see how many ids there are, and so keeps one plan in place of planning for every call.
 */
async function findUsers(db: Queryable, ids: readonly UserId[]): Promise<UserParent[]> {
  const { rows } = await db.query<PersonRow>({
    name: 'user-find-users',
    text: `SELECT id, email, display_name AS "displayName", roles, kyc_status AS "kycStatus", created_at AS "createdAt"
           FROM person WHERE id = ANY ((SELECT $1::uuid[])::uuid[])`,
    values: [ids],
  });
  return rows.map(toUser);
}

interface PersonRow {
  id: string;
  email: string;
  displayName: string;
  roles: string[];
  kycStatus: string;
  createdAt: Date;
}

function toUser({ id, email, displayName, roles, kycStatus, createdAt }: PersonRow): UserParent {
  // The casts restate the table's types and CHECK constraints.
  return { id: id as UserId, email, displayName, roles: roles as Role[], kycStatus: kycStatus as KycStatus, createdAt };
}

async function findNewestSigningKey(db: Queryable): Promise<SigningKeyRow | null> {
  const { rows } = await db.query<SigningKeyRow>({
    text: `SELECT kid, public_jwk AS "publicJwk", private_key AS "privateKey", created_at AS "createdAt"
           FROM signing_key ORDER BY created_at DESC, kid LIMIT 1`,
  });
  return rows[0] ?? null;
}

/** Two processes that start at once on an empty table meet at the lock; the second then finds the key of the first. */
async function createSigningKeyOnce(pool: pg.Pool, create: () => Promise<SigningKeyRow>): Promise<SigningKeyRow> {
  return withTransaction(pool, async (tx) => {
    await tx.query({ text: `SELECT pg_advisory_xact_lock(hashtextextended('user.signing_key', 0))` });
    const existing = await findNewestSigningKey(tx);
    if (existing) return existing;
    const key = await create();
    await tx.query({
      text: 'INSERT INTO signing_key (kid, public_jwk, private_key, created_at) VALUES ($1, $2, $3, $4)',
      values: [key.kid, JSON.stringify(key.publicJwk), key.privateKey, key.createdAt],
    });
    return key;
  });
}

async function deleteExpired(pool: pg.Pool, now: Date, limit: number): Promise<number> {
  // Rows that somebody works on are left for the next time: cleaning must never make a person wait.
  const sessions = await pool.query(
    `DELETE FROM session WHERE id IN
       (SELECT id FROM session WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
    [now, limit],
  );
  const tokens = await pool.query(
    `DELETE FROM refresh_token WHERE hash IN
       (SELECT hash FROM refresh_token WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
    [now, limit],
  );
  return (sessions.rowCount ?? 0) + (tokens.rowCount ?? 0);
}

/** Adds a customer; false when the email is taken, also by a registration that commits at the same moment. */
export async function insertCustomer(tx: Queryable, person: NewPerson): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: 'user-insert-customer',
    text: `INSERT INTO person (id, email, display_name, password_hash, roles, created_at)
           VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (email) DO NOTHING`,
    values: [person.id, person.email, person.displayName, person.passwordHash, person.roles, person.createdAt],
  });
  return rowCount === 1;
}

/** Begins a session with its first refresh token. */
export async function insertSession(tx: Queryable, session: NewSession, token: NewRefreshToken): Promise<void> {
  await tx.query({
    name: 'user-insert-session',
    text: 'INSERT INTO session (id, person_id, device_name, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)',
    values: [session.id, session.userId, session.deviceName, session.createdAt, token.expiresAt],
  });
  await insertRefreshToken(tx, token);
}

async function insertRefreshToken(tx: Queryable, token: NewRefreshToken): Promise<void> {
  await tx.query({
    name: 'user-insert-refresh-token',
    text: 'INSERT INTO refresh_token (hash, session_id, created_at, expires_at) VALUES ($1, $2, $3, $4)',
    values: [token.hash, token.sessionId, token.createdAt, token.expiresAt],
  });
}

/**
 * The presented refresh token and its user, with the session locked. Whatever changes a session locks its row first, so
 * of two uses of one token the second sees what the first has done; the token is therefore read after the lock.
 */
export async function lockPresentedToken(
  tx: Queryable,
  hash: Buffer,
): Promise<(PresentedToken & { sessionId: SessionId; user: UserParent }) | null> {
  const locked = await tx.query<{ id: SessionId }>({
    name: 'user-lock-session-of-token',
    text: 'SELECT id FROM session WHERE id = (SELECT session_id FROM refresh_token WHERE hash = $1) FOR UPDATE',
    values: [hash],
  });
  if (locked.rows.length === 0) return null;
  const { rows } = await tx.query<PersonRow & PresentedToken & { sessionId: SessionId }>({
    name: 'user-read-presented-token',
    text: `SELECT session.id AS "sessionId", session.ended_at IS NOT NULL AS "sessionEnded",
                  refresh_token.replaced_at IS NOT NULL AS replaced, refresh_token.expires_at AS "expiresAt",
                  person.id, person.email, person.display_name AS "displayName", person.roles,
                  person.kyc_status AS "kycStatus", person.created_at AS "createdAt"
           FROM refresh_token
           JOIN session ON session.id = refresh_token.session_id
           JOIN person ON person.id = session.person_id
           WHERE refresh_token.hash = $1`,
    values: [hash],
  });
  const row = rows[0];
  if (!row) return null;
  const { sessionId, sessionEnded, replaced, expiresAt } = row;
  return { sessionId, sessionEnded, replaced, expiresAt, user: toUser(row) };
}

/** Puts a new refresh token in the place of the session's newest; the session must be locked. */
export async function replaceRefreshToken(tx: Queryable, oldHash: Buffer, token: NewRefreshToken): Promise<void> {
  await tx.query({
    name: 'user-replace-refresh-token',
    text: 'UPDATE refresh_token SET replaced_at = $2 WHERE hash = $1',
    values: [oldHash, token.createdAt],
  });
  await insertRefreshToken(tx, token);
  await tx.query({
    name: 'user-extend-session',
    text: 'UPDATE session SET expires_at = $2 WHERE id = $1',
    values: [token.sessionId, token.expiresAt],
  });
}

/** Ends a session; false when it has ended before or is not this user's. */
export async function endSession(
  tx: Queryable,
  { sessionId, userId }: { sessionId: SessionId; userId: UserId },
  reason: 'LOGOUT' | 'REFRESH_TOKEN_REUSED',
  now: Date,
): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: 'user-end-session',
    text: 'UPDATE session SET ended_at = $4, end_reason = $3 WHERE id = $1 AND person_id = $2 AND ended_at IS NULL',
    values: [sessionId, userId, reason, now],
  });
  return rowCount === 1;
}

/** A person and their roles, locked: of two changes of roles the second sees what the first has done. */
export async function lockPerson(tx: Queryable, email: string): Promise<{ id: UserId; roles: Role[] } | null> {
  const { rows } = await tx.query<{ id: UserId; roles: Role[] }>({
    text: 'SELECT id, roles FROM person WHERE email = $1 FOR UPDATE',
    values: [email],
  });
  return rows[0] ?? null;
}

/** A person's roles from now on; never none. */
export async function setRoles(tx: Queryable, userId: UserId, roles: readonly Role[]): Promise<void> {
  await tx.query({ text: 'UPDATE person SET roles = $2 WHERE id = $1', values: [userId, roles] });
}

/** Ends all sessions of a person that have not ended, and names them. */
export async function endSessions(tx: Queryable, userId: UserId, reason: 'ROLE_REVOKED'): Promise<SessionId[]> {
  const { rows } = await tx.query<{ id: SessionId }>({
    text: `UPDATE session SET ended_at = now(), end_reason = $2
           WHERE id IN (SELECT id FROM session WHERE person_id = $1 AND ended_at IS NULL ORDER BY id FOR UPDATE) RETURNING id`,
    values: [userId, reason],
  });
  return rows.map(({ id }) => id);
}
