import { fork, type ChildProcess } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../tests/database.ts';
import { blocked, endStatements, hold, type Held } from '../tests/deposit-jobs.ts';
import { until } from '../tests/until.ts';
import { withTransaction } from './db.ts';
import { pino } from 'pino';
import { enqueueJobs, jobsSchema, NotDoneYetError, runJobs, type JobRunner, type JobTask } from './jobs.ts';
import { createLog, type Logger } from './log.ts';

const schema = jobsSchema('transfer');

let database: TestDatabase;
let admin: pg.Pool;
let pool: pg.Pool;
const runners: JobRunner[] = [];
const children: ChildProcess[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  admin = database.pool('postgres', { max: 4 });
  pool = database.pool('dwaybank_transfer', { max: 2 });
});
afterEach(async () => {
  jest.restoreAllMocks();
  await Promise.all(runners.splice(0).map((runner) => runner.stop()));
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await admin.query(`TRUNCATE ${schema}._private_jobs`);
});
afterAll(() => database.drop());

/** graphile-worker shows the loss of a worker on the console, beside its log. */
function quietTrace(): void {
  jest.spyOn(console, 'trace').mockImplementation(() => {});
}

function run(
  tasks: Record<string, JobTask>,
  more: { pollMs?: number; concurrency?: number; log?: Logger } = {},
): JobRunner {
  const jobsPool = database.pool('dwaybank_transfer', { max: 4 });
  const options = { pool: jobsPool, schema, tasks, concurrency: 2, log: createLog('silent'), tendMs: 50, ...more };
  const runner = runJobs(options);
  runners.push(runner);
  return runner;
}

function enqueue(task: string, ...keys: string[]): Promise<void> {
  const jobs = keys.map((key) => ({ key, payload: { key } }));
  return withTransaction(pool, (tx) => enqueueJobs(tx, { schema, task, jobs }));
}

interface JobRow {
  key: string;
  attempts: number;
  waits_s: string;
  locked_by: string | null;
}

async function jobs(): Promise<JobRow[]> {
  const { rows } = await admin.query<JobRow>(
    `SELECT key, attempts, extract(epoch FROM run_at - now())::int AS waits_s, locked_by FROM ${schema}.jobs ORDER BY key`,
  );
  return rows;
}

const noJobs = async () => (await jobs()).length === 0;

/** A process that takes a job and never ends it. */
async function startStuckProcess(): Promise<ChildProcess> {
  const child = fork('tests/stuck-job.ts', [database.urlFor('dwaybank_transfer')], { execArgv: ['--import', 'tsx'] });
  children.push(child);
  await new Promise((resolve) => child.once('message', resolve));
  return child;
}

describe('jobs', () => {
  test('that are not done yet are tried again, and only those with a cause are worth a warning', async () => {
    const warnings: string[] = [];
    const log = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(line) });
    const tries = { quiet: 0, troubled: 0 };
    const task =
      (name: keyof typeof tries, cause?: Error): JobTask =>
      async () => {
        if (++tries[name] === 1) throw new NotDoneYetError(`${name} is not done yet`, cause && { cause });
      };
    run({ quiet: task('quiet'), troubled: task('troubled', new Error('no answer')) }, { log, pollMs: 50 });
    await enqueue('quiet', 'a');
    await enqueue('troubled', 'b');
    await until('both are done at the second attempt', noJobs);
    expect(tries).toEqual({ quiet: 2, troubled: 2 });
    expect(warnings).toEqual([expect.stringContaining('troubled is not done yet')]);
  });

  test('are done once each, whoever looks for them', async () => {
    const done: string[] = [];
    const note: JobTask = async (payload) => void done.push((payload as { key: string }).key);
    run({ note });
    run({ note });
    await enqueue('note', ...Array.from({ length: 20 }, (_, n) => `key ${n}`));
    await until('all jobs are done', noJobs);
    expect(done.sort()).toEqual(Array.from({ length: 20 }, (_, n) => `key ${n}`).sort());
  });

  test('begin at once when they are enqueued, without waiting for the next poll', async () => {
    let begun = false;
    run({ note: async () => void (begun = true) }, { pollMs: 600_000 });
    await until('the crew listens', async () => {
      const { rowCount } = await admin.query(
        `SELECT FROM pg_stat_activity WHERE datname = $1 AND query LIKE 'LISTEN%'`,
        [database.name],
      );
      return rowCount === 1;
    });
    await enqueue('note', 'a');
    await until('the job has begun', () => begun);
  });

  test('that are not committed are not there', async () => {
    const failed = withTransaction(pool, async (tx) => {
      await enqueueJobs(tx, { schema, task: 'note', jobs: [{ key: 'lost', payload: {} }] });
      throw new Error('rolled back');
    });
    await expect(failed).rejects.toThrow('rolled back');
    expect(await jobs()).toEqual([]);
  });

  test('are enqueued once under one key, waiting or under way', async () => {
    let begun = 0;
    let finish = () => {};
    const finished = new Promise<void>((resolve) => (finish = resolve));
    await enqueue('slow', 'a', 'b');
    await enqueue('slow', 'a');
    expect((await jobs()).map(({ key }) => key)).toEqual(['a', 'b']);
    run({
      slow: async () => {
        begun++;
        await finished;
      },
    });
    await until('both are under way', () => begun === 2);
    await enqueue('slow', 'a', 'b');
    finish();
    await until('both are done', noJobs);
    expect(begun).toBe(2);
  });

  test('that fail are tried again with growing pauses, never out of attempts and never later than in five minutes', async () => {
    let begun = 0;
    run({
      fail: async () => {
        begun++;
        throw new Error('not yet');
      },
    });
    await enqueue('fail', 'a');
    await until(
      'it has failed once',
      async () => (await jobs())[0]?.attempts === 1 && (await jobs())[0]!.locked_by === null,
    );
    const [first] = await jobs();
    expect(Number(first!.waits_s)).toBeGreaterThan(0);
    expect(Number(first!.waits_s)).toBeLessThan(5);
    // As it is after its last attempt: graphile-worker would not look at it any more.
    await admin.query(
      `UPDATE ${schema}._private_jobs SET attempts = max_attempts, run_at = now() + interval '6 hours' WHERE key = 'a'`,
    );
    const last = await until('it is given more attempts', async () => {
      const [found] = await jobs();
      return found!.attempts <= 5 ? found! : null;
    });
    expect(Number(last!.waits_s)).toBeLessThanOrEqual(300);
    expect(begun).toBe(1);
  });

  test('under way are waited for by stop, and cut off by their signal', async () => {
    const events: string[] = [];
    const runner = run({
      long: async (_payload, signal) => {
        events.push('begun');
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        events.push('ended');
      },
    });
    await enqueue('long', 'a');
    await until('it is under way', () => events.length === 1);
    await runner.stop();
    expect(events).toEqual(['begun', 'ended']);
    expect(await jobs()).toEqual([]);
  });

  test('of a process that was killed are taken over at once', async () => {
    await enqueue('stuck', 'a');
    const child = await startStuckProcess();
    const done: unknown[] = [];
    child.kill('SIGKILL');
    run({ stuck: async (payload) => void done.push(payload) });
    await until('the job is done', noJobs);
    expect(done).toEqual([{ key: 'a' }]);
  });

  test('of a process that lives are left alone, and taken over by one that runs already when it dies', async () => {
    await enqueue('stuck', 'a');
    const child = await startStuckProcess();
    const owner = (await jobs())[0]!.locked_by;
    const done: string[] = [];
    run({ stuck: async (payload) => void done.push((payload as { key: string }).key) });
    // Long enough for many looks at who is alive: the newcomer has done its own first job.
    await enqueue('stuck', 'b');
    await until('the newcomer works', () => done.length === 1);
    const tended = (await xactCount()) + 20;
    await until('it has looked around often', async () => (await xactCount()) > tended);
    expect(done).toEqual(['b']);
    expect((await jobs()).map(({ locked_by }) => locked_by)).toEqual([owner]);
    child.kill('SIGKILL');
    await until('the job is taken over', () => done.length === 2);
    expect(done).toEqual(['b', 'a']);
  });

  test('go on with a new crew when a worker could not write down how its job ended, and that job is done again', async () => {
    quietTrace();
    await enqueue('note', 'a');
    let done = 0;
    const job = { row: null as Held | null };
    run(
      {
        note: async () => {
          job.row ??= await hold(admin, `SELECT FROM ${schema}._private_jobs WHERE key = 'a' FOR UPDATE`);
          done++;
        },
      },
      { concurrency: 1 },
    );
    // The only worker there is gives up for good.
    await endStatements(admin, await blocked(admin, 'delete from'));
    await job.row!.letGo();
    await until('the job is done', noJobs);
    expect(done).toBe(2);
  });

  test('go on when all connections have been lost, also that of the locks', async () => {
    quietTrace();
    const done: string[] = [];
    let letGo = () => {};
    const held = new Promise<void>((resolve) => (letGo = resolve));
    run({
      note: async (payload) => void done.push((payload as { key: string }).key),
      hold: async () => held,
    });
    await enqueue('hold', 'under way');
    await until('it is under way', async () => (await jobs())[0]?.locked_by);
    await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND usename = 'dwaybank_transfer'`,
      [database.name],
    );
    letGo();
    await until('another crew works', async () => {
      await enqueue('note', 'a').catch(() => {});
      return done.includes('a');
    });
    await until('what was under way is done', noJobs);
  });
});

/** Transactions of this database so far: grows with every look that a runner takes. */
async function xactCount(): Promise<number> {
  await admin.query('SELECT pg_stat_clear_snapshot()');
  const { rows } = await admin.query<{ count: string }>(
    'SELECT xact_commit AS count FROM pg_stat_database WHERE datname = $1',
    [database.name],
  );
  return Number(rows[0]!.count);
}
