import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import { Logger as WorkerLogger, runMigrations, runTaskList, type TaskList, type WorkerEvents } from 'graphile-worker';
import type pg from 'pg';
import { createAlarm, type Alarm } from './alarm.ts';
import { quoteIdentifier, type Queryable } from './db.ts';
import type { Logger } from './log.ts';
import { openWorkerLocks } from './worker-locks.ts';

/*
 * Jobs: work outside the database that must be done, however often the process dies over it. graphile-worker keeps them in a
 * Postgres schema of their owner and hands each to one worker at a time; a job goes when its task returns, and is tried again
 * when it throws. So a task can always be cut off anywhere and run again, and must come to the same end then.
 *
 *   waiting -> under way -> gone            the task returned
 *                        -> waiting         it threw: again after 3 s, 7 s, 20 s … and then every five minutes, without end
 *                        -> waiting         its process died: at once (worker-locks.ts)
 *
 * Workers come and go as one crew, around one session that holds their locks. When that session breaks, or a worker cannot
 * write down how its job ended (it then gives up for good), the crew lets its jobs end and the next one takes over.
 */

/**
 * Thrown by a task that has done what can be done for now: it is tried again as after any throw. Without a cause nothing has gone wrong, and
 * nobody needs to hear of it.
 */
export class NotDoneYetError extends Error {
  override readonly name: string = 'NotDoneYetError';
}

/** What is done for a job: cut off by the signal when the process stops. A throw is tried again. */
export type JobTask = (payload: unknown, signal: AbortSignal) => Promise<void>;

export interface RunJobsOptions {
  /**
   * Made by createPool, as the role that owns the schema: graphile-worker's tables have row level security. Two connections are held, for
   * listening and for the locks; at least one more is needed, and nobody else should use the pool.
   */
  pool: pg.Pool;
  /** Where the jobs are; made by `prepareJobs`. */
  schema: string;
  /** By the name that jobs are enqueued under. Jobs of other names are left alone. */
  tasks: Readonly<Record<string, JobTask>>;
  /** Jobs under way at once. */
  concurrency: number;
  log: Logger;
  /** How often an idle worker looks without being told of a new job. */
  pollMs?: number;
  /** How often to look for jobs of dead workers. */
  tendMs?: number;
}

/** Running jobs. */
export interface JobRunner {
  /** Takes no more jobs; resolves when those under way have ended. */
  stop(): Promise<void>;
}

const POLL_MS = 2_000;
const TEND_MS = 3_000;
const RESTART_PAUSE_MS = 1_000;
/** A stopping process waits a few seconds in all; tasks are cut off in time to write down how far they came. */
const STOP_GRACE_MS = 1_500;
/** graphile-worker waits e^attempts seconds before the next attempt: after the sixth that is 7 minutes, after the tenth 6 hours. */
const LONGEST_GROWTH_ATTEMPTS = 5;
const LONGEST_PAUSE = '5 minutes';

/** Runs jobs in this process; any number of processes may. Returns at once, also while the database is away. */
export function runJobs(options: RunJobsOptions): JobRunner {
  const { log, schema } = options;
  const alarm = createAlarm();
  let stopped = false;

  async function loop(): Promise<void> {
    while (!stopped) {
      try {
        await runCrew(options, alarm, () => stopped);
      } catch (error) {
        log.warn({ err: error, schema }, 'jobs cannot be run just now; trying again');
      }
      if (!stopped) await alarm.sleep(RESTART_PAUSE_MS);
    }
  }

  const ended = loop();
  return {
    stop() {
      stopped = true;
      alarm.ring();
      return ended;
    },
  };
}

/** One crew from its first job to its last: until it is broken, or `stopped` says so. */
async function runCrew(options: RunJobsOptions, alarm: Alarm, stopped: () => boolean): Promise<void> {
  const { pool, schema, tasks, concurrency, log, pollMs = POLL_MS, tendMs = TEND_MS } = options;
  const locks = await openWorkerLocks(pool, schema);
  let broken = false;
  const breakUp = (): void => {
    broken = true;
    alarm.ring();
  };
  void locks.lost.then(breakUp);
  const events: WorkerEvents = new EventEmitter();
  events.on('worker:stop', ({ error }) => void (error && breakUp()));
  try {
    // First of all: what the process before this one left must not wait for anybody to look.
    await tend(options, locks);
    const crew = runTaskList(
      {
        schema,
        concurrency,
        pollInterval: pollMs,
        gracefulShutdownAbortTimeout: STOP_GRACE_MS,
        noHandleSignals: true,
        logger: toWorkerLogger(log),
        events,
        preset: {
          plugins: [
            {
              name: 'DwayBankWorkerLocks',
              version: '1.0.0',
              worker: { hooks: { startWorker: (_context, { worker }) => locks.hold(worker.workerId) } },
            },
          ],
        },
      },
      toTaskList(tasks),
      pool,
    );
    try {
      while (!broken && !stopped()) {
        await alarm.sleep(tendMs);
        if (!broken && !stopped()) await tend(options, locks);
      }
    } finally {
      await crew.gracefulShutdown();
    }
  } finally {
    locks.release();
  }
}

/** Gives back what dead workers had, and lets nothing that fails wait for hours or run out of attempts. */
async function tend({ pool, schema, log }: RunJobsOptions, locks: { recover(): Promise<string[]> }): Promise<void> {
  const dead = await locks.recover();
  if (dead.length > 0) log.warn({ schema, workers: dead }, 'workers have died; their jobs are taken over');
  const jobs = quoteIdentifier(schema);
  await pool.query({
    name: `jobs-keep-trying-${schema}`,
    text: `SELECT ${jobs}.reschedule_jobs(array_agg(id), run_at => now() + $1::interval, attempts => $2) FROM ${jobs}.jobs
           WHERE attempts > $2 AND locked_at IS NULL HAVING count(*) > 0`,
    values: [LONGEST_PAUSE, LONGEST_GROWTH_ATTEMPTS],
  });
}

function toTaskList(tasks: RunJobsOptions['tasks']): TaskList {
  return Object.fromEntries(
    Object.entries(tasks).map(([name, task]) => [
      name,
      // The signal is optional in their type for helpers made by hand only.
      (payload, { abortSignal }) => task(payload, abortSignal ?? new AbortController().signal),
    ]),
  );
}

/** Their log on ours. What they call an error is a failure that this runner outlives, and their payloads belong in no log. */
function toWorkerLogger(log: Logger): WorkerLogger {
  return new WorkerLogger(({ jobId, taskIdentifier }) => (level: string, message, meta) => {
    const about = { ...(jobId && { jobId, task: taskIdentifier }), ...(meta?.['error'] ? { err: meta['error'] } : {}) };
    const error = meta?.['error'];
    if (error instanceof NotDoneYetError && error.cause === undefined)
      log.debug(about, 'a job is not done yet; it is tried again');
    // Expected, and often: why in one line, and no stack.
    else if (error instanceof NotDoneYetError && meta?.['failure']) {
      const reason = error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
      log.warn({ jobId, ...describeJob(meta['job']), reason }, 'a job is not done yet; it is tried again');
    } else if (meta?.['failure'])
      log.warn({ ...about, ...describeJob(meta['job']) }, 'a job failed; it is tried again');
    else if (level === 'error' || level === 'warning') log.warn(about, message);
    else if (level === 'info') log.debug(about, message);
    else log.trace(about, message);
  });
}

function describeJob(job: unknown): object {
  // graphile-worker puts the whole row there.
  const { key, attempts, task_identifier: task } = job as { key: string; attempts: number; task_identifier: string };
  return { job: key, task, attempts };
}

/**
 * Enqueues jobs of one task within a transaction, each under a key of its own. A key that is there already, waiting or under way,
 * is not enqueued again.
 */
export async function enqueueJobs(
  tx: Queryable,
  { schema, task, jobs }: { schema: string; task: string; jobs: readonly { key: string; payload: object }[] },
): Promise<void> {
  await tx.query({
    name: `jobs-enqueue-${schema}`,
    text: `SELECT ${quoteIdentifier(schema)}.add_job($1, payload => job.payload, job_key => job.key, job_key_mode => 'unsafe_dedupe')
           FROM unnest($2::text[], $3::json[]) AS job (key, payload)`,
    values: [task, jobs.map(({ key }) => key), jobs.map(({ payload }) => JSON.stringify(payload))],
  });
}

/** The schema that an owner's jobs are in. */
export function jobsSchema(owner: string): string {
  return `${owner}_jobs`;
}

/** What `prepareJobs` leaves as the schema's comment: which version of graphile-worker's tables is there. */
export const JOBS_VERSION = `graphile-worker ${
  // The package's own statement of its version.
  (createRequire(import.meta.url)('graphile-worker/package.json') as { version: string }).version
}`;

/** Runs graphile-worker's own migrations. `pool` connects as the role that owns the schema, which is there. Safe to repeat. */
export async function prepareJobs(pool: pg.Pool, schema: string, log: Logger): Promise<void> {
  const quoted = quoteIdentifier(schema);
  // Their first step, which they would begin with CREATE SCHEMA: for that a role needs the right even when the schema is there.
  await pool.query(
    `CREATE TABLE IF NOT EXISTS ${quoted}.migrations (
       id int PRIMARY KEY, ts timestamptz NOT NULL DEFAULT now(), breaking boolean NOT NULL DEFAULT false)`,
  );
  await runMigrations({ pgPool: pool, schema, logger: toWorkerLogger(log) });
  await pool.query(`COMMENT ON SCHEMA ${quoted} IS '${JOBS_VERSION}'`);
}
