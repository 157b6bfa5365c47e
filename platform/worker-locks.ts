import type pg from 'pg';
import { quoteIdentifier } from './db.ts';

/*
 * Which workers are alive. A worker writes its name on the job it takes; when its process is killed the name stays, and
 * graphile-worker would wait four hours before it lets another take the job. So each worker also holds an advisory lock of its
 * name in a session of its process, which Postgres ends with the process: a name on a job whose lock nobody holds is a dead
 * worker's, and its jobs are given back at once.
 */

/** The locks of this process's workers, in one session. */
export interface WorkerLocks {
  /** Takes the lock of one worker of this process; before its first job. */
  hold(workerName: string): Promise<void>;
  /** Gives back the jobs of dead workers, and returns their names. */
  recover(): Promise<string[]>;
  /** Resolves when the session has ended by itself: others then take this process's workers for dead. */
  readonly lost: Promise<void>;
  /** Ends the session, and with it the locks. */
  release(): void;
}

/** Our part of the space of advisory locks, which all of a database share; the number means nothing. */
const LOCK_SPACE = 719_300_412;

/** Postgres asks a silent client after 10 s, and gives it up after 30: a machine that vanished says no goodbye. */
const KEEPALIVE = 'SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4';

/** Opens the session on a connection of its own. `schema` is graphile-worker's. */
export async function openWorkerLocks(pool: pg.Pool, schema: string): Promise<WorkerLocks> {
  const client = await pool.connect();
  let released = false;
  const lost = new Promise<void>((resolve) => {
    const ended = (): void => void (released || resolve());
    client.on('error', ended);
    client.on('end', ended);
  });
  const held: string[] = [];
  const jobs = quoteIdentifier(schema);

  // One statement after the other, as the connection wants it.
  let last: Promise<unknown> = client.query(KEEPALIVE);
  function query<Row extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<pg.QueryResult<Row>> {
    const next = last.then(() => client.query<Row>(text, values));
    last = next.catch(() => {});
    return next;
  }

  return {
    lost,
    async hold(workerName) {
      held.push(workerName);
      await query('SELECT pg_advisory_lock($1, hashtext($2))', [LOCK_SPACE, workerName]);
    },
    async recover() {
      // Our own are left out by name, since a session always gets a lock that it holds already. Two processes that recover at
      // once are no harm: the lock is tried for until the end of this statement, and who does not get it leaves the name alone.
      const { rows } = await query<{ dead: string[] }>(
        `WITH dead AS (
           SELECT name FROM (SELECT DISTINCT locked_by AS name FROM ${jobs}.jobs WHERE locked_by <> ALL ($2::text[])) AS worker
           WHERE pg_try_advisory_xact_lock($1, hashtext(name))
         )
         SELECT array_agg(name) AS dead, ${jobs}.force_unlock_workers(array_agg(name)) FROM dead HAVING count(*) > 0`,
        [LOCK_SPACE, held],
      );
      return rows[0]?.dead ?? [];
    },
    release() {
      released = true;
      // The connection is closed rather than given back: its locks go with it.
      client.release(true);
    },
  };
}
