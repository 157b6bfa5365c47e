import { createPool } from '../platform/db.ts';
import { jobsSchema, runJobs } from '../platform/jobs.ts';
import { createLog } from '../platform/log.ts';

/*
 * A process for the tests of jobs: it takes one job, tells its parent so, and works on it until somebody kills it. Argument: the
 * URL of transfer's role.
 */
const url = process.argv[2] ?? '';
const password = decodeURIComponent(new URL(url).password);
const pool = createPool({ url, role: 'dwaybank_transfer', password, schema: 'transfer', max: 4, onError: () => {} });

runJobs({
  pool,
  schema: jobsSchema('transfer'),
  concurrency: 1,
  log: createLog('silent'),
  tasks: {
    stuck: async () => {
      process.send!('under way');
      await new Promise((never) => setInterval(never, 1_000_000));
    },
  },
});
