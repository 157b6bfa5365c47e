import { createHash } from 'node:crypto';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';

/** Anything that runs SQL: a pool, or the client of an open transaction. numeric and int8 come back as strings. */
export interface Queryable {
  query<Row extends pg.QueryResultRow>(sql: {
    name?: string;
    text: string;
    values?: unknown[];
  }): Promise<{ rows: Row[]; rowCount: number | null }>;
}

export interface PoolOptions {
  /** Where the server is; user and password in it are replaced by the role's. */
  url: string;
  role: string;
  password: string;
  /** The owner's Postgres schema: unqualified names mean its tables. */
  schema: string;
  /** Most connections at once. */
  max: number;
  onError: (error: Error) => void;
}

/** No statement of a request may take longer; a lock that is not to be had in time is an error, not a hang. */
const STATEMENT_TIMEOUT_MS = 15_000;
const LOCK_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** A connection keeps its plans, and making one takes longer than many statements: after a quiet minute they are still there. */
const IDLE_TIMEOUT_MS = 5 * 60_000;

/** A pool that connects as one role to one owner's schema. */
export function createPool(options: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: urlFor(options),
    max: options.max,
    application_name: options.role,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    // The search path belongs to the connection and not to the role, because roles are shared by all databases of a server.
    options: `-c search_path=${quoteIdentifier(options.schema)}`,
  });
  // An idle connection that dies (Postgres restarted) would otherwise end the process; the pool replaces it by itself.
  pool.on('error', (error: Error & { client?: unknown }) => {
    // The pool adds the whole client, with pages of its inner state that belong in no log.
    delete error.client;
    // What is still open when the pool has been ended may lose its server before it has said goodbye.
    if (!pool.ending) options.onError(error);
  });
  // A connection that dies while it is out of the pool tells so twice: to the query under way, and by an event that would end the
  // process if nobody listened. The query's error is enough.
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

function urlFor({ url, role, password }: PoolOptions): string {
  const parsed = new URL(url);
  parsed.username = role;
  parsed.password = password;
  return parsed.href;
}

/** A name as an SQL identifier. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Runs `work` in one transaction: commits what it returns, rolls back what it throws. */
export async function withTransaction<Result>(
  pool: pg.Pool,
  work: (tx: Queryable) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('BEGIN');
    const result = await work(client);
    const { command } = await client.query('COMMIT');
    // Postgres rolls a failed transaction back at COMMIT without an error, so `work` must not have hidden a failure.
    if (command !== 'COMMIT') throw new Error('the transaction was rolled back: one of its statements had failed');
    return result;
  } catch (error) {
    // A rollback that fails means the connection is gone; then it must not go back into the pool.
    await client.query('ROLLBACK').catch((failure: Error) => {
      broken = failure;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

const RETRYABLE = new Set(['40P01', '40001']);
const MAX_ATTEMPTS = 5;

/** Runs `work` again when Postgres chose it as the victim of a deadlock (40P01) or a serialization failure (40001). */
export async function withRetry<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= MAX_ATTEMPTS || !RETRYABLE.has(sqlState(error) ?? '')) throw error;
    }
  }
}

/** The SQLSTATE of a Postgres error, for example "23505", else undefined. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

/** The server goes away (57P), the connection failed (08), or there was none to be had (53300). */
const LOST_STATE = /^(57P..|08...|53300)$/;
/** The same from the system's sockets, and from Prisma (https://www.prisma.io/docs/orm/reference/error-reference). */
const LOST_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'P1001', 'P1002', 'P1017']);
/** pg has no codes for what it finds out by itself, and Prisma puts those of Postgres into its message. */
const LOST_MESSAGES =
  /connection terminated|timeout exceeded when trying to connect|connection error and is not queryable|Code: `(57P..|08...|53300)`/i;

/** True when an error, or what caused it, is that the database cannot be reached: it may be there again soon. */
export function isDatabaseLost(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { code, message, cause, errors, meta } = error as Partial<
    Record<'code' | 'message' | 'cause' | 'errors' | 'meta', unknown>
  >;
  if (typeof code === 'string' && (LOST_STATE.test(code) || LOST_CODES.has(code))) return true;
  if (typeof message === 'string' && LOST_MESSAGES.test(message)) return true;
  const adapterError = (meta as { driverAdapterError?: unknown } | undefined)?.driverAdapterError;
  return (
    isDatabaseLost(cause) || isDatabaseLost(adapterError) || (Array.isArray(errors) && errors.some(isDatabaseLost))
  );
}

/** Prisma's driver adapter on a pool of ours. Statements are named by their text, so that Postgres plans each only once. */
export function prismaAdapter(pool: pg.Pool, schema: string): PrismaPg {
  return new PrismaPg(pool, { schema, statementNameGenerator: ({ sql }) => statementName(sql) });
}

const statementNames = new Map<string, string>();
/** Lists of many lengths make many texts. */
const MAX_NAMES = 1000;

function statementName(sql: string): string {
  const known = statementNames.get(sql);
  if (known !== undefined) return known;
  const name = createHash('sha1').update(sql).digest('base64url');
  if (statementNames.size >= MAX_NAMES) statementNames.delete(statementNames.keys().next().value!);
  statementNames.set(sql, name);
  return name;
}
