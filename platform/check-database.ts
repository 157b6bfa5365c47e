import { createPool, sqlState } from './db.ts';
import type { Secrets } from './secrets.ts';
import { StartError, systemCode } from './start-error.ts';

/** Proves before the start that a role can use the prepared database, or says in one sentence what to do. */
export async function checkDatabase(url: string, { role, secrets }: { role: string; secrets: Secrets }): Promise<void> {
  const password = secrets.rolePassword(role);
  const pool = createPool({ url, role, password, schema: 'platform', max: 1, onError: () => {} });
  try {
    await pool.query('SELECT FROM platform.event LIMIT 0');
  } catch (error) {
    if (UNPREPARED.has(sqlState(error) ?? '')) {
      throw new StartError(
        'The database is not prepared for this bank, or with another DWAYBANK_SECRET: run `npm run db:prepare` with the same DATABASE_URL (of a user that may create roles) and DWAYBANK_SECRET.',
        { cause: error },
      );
    }
    throw unreachable(url, error);
  } finally {
    await pool.end();
  }
}

/** Wrong password or no such role, no such schema or table, no right on it. */
const UNPREPARED = new Set(['28P01', '28000', '3F000', '42P01', '42501']);

/** Why a database cannot be connected to, as one sentence; the password of the URL is left out. */
export function unreachable(url: string, error: unknown): StartError {
  const { hostname, port, username, pathname } = new URL(url);
  const reasons: Record<string, string> = {
    '28P01': `refuses the password of user "${username}"`,
    '28000': `does not let user "${username}" in`,
    '3D000': `has no database "${decodeURIComponent(pathname.slice(1))}" (create it first)`,
    '53300': 'has no free connection (raise its max_connections)',
    ECONNREFUSED: 'is not there (connection refused)',
    ENOTFOUND: 'is not there (no such host)',
    EAI_AGAIN: 'is not there (no such host)',
  };
  // Node tries each address of a name and reports all failures together.
  const cause: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const code = systemCode(cause) ?? '';
  const message = cause instanceof Error ? cause.message : '';
  const reason = reasons[code] ?? `cannot be used (${message || code || 'unknown error'})`;
  return new StartError(`The database server at ${hostname}:${port || 5432} ${reason}: check DATABASE_URL.`, {
    cause: error,
  });
}
