import type { Pool } from 'pg';
import { createSystemAccounts } from '../../ledger/system-accounts.ts';
import { runJobs, type JobRunner } from '../../platform/jobs.ts';
import type { OutsideAddresses } from '../../platform/outside-address.ts';
import { runPeriodically, type PeriodicRunner } from '../../platform/periodic.ts';
import { createRatesListener, createRatesReader } from '../../platform/rates-projection.ts';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import type { Subgraph } from '../../platform/subgraph.ts';
import { readTypeDefs } from '../../platform/type-defs.ts';
import type { Providers } from '../../providers/providers.ts';
import { createAuditRoom } from './audit/room.ts';
import { createBatchesRoom } from './batches/room.ts';
import type { CreateTransferDeps } from './call.ts';
import { createChargeDeposit } from './charge-deposit.ts';
import { createGate } from './gate.ts';
import { CHARGE_DEPOSIT, deposits, JOBS_SCHEMA, payees, paymentMethods } from './listeners.ts';
import { createLoaders } from './loaders.ts';
import { createLookups } from './lookups.ts';
import { createNoticeOperations } from './notice-operations.ts';
import { createNoticesRoom } from './notices/room.ts';
import { createOperationsRoom } from './operations/room.ts';
import { createPoster, type PosterLimits } from './poster.ts';
import { createPayoutsRoom } from './payouts/room.ts';
import { createQuotesRoom } from './quotes/room.ts';
import { createResolvers } from './resolvers.ts';
import { createReceivablesRoom } from './receivables/room.ts';
import { createReconciliationRoom } from './reconciliation/room.ts';
import { createRefundsRoom } from './refunds/room.ts';
import { createReviewRoom } from './review/room.ts';
import { mergeResolvers, type Room } from './room.ts';
import { createSchedulesRoom } from './schedules/room.ts';
import { createTransferStore } from './store.ts';
import { createWebhooksRoom } from './webhooks/room.ts';

/**
 * Twice what the poster puts into one call, so that both of its connections find full batches; and no more, so that risk is
 * never asked more at once than it answers well within its deadline.
 */
const GATE = { atOnce: 256, mostWaiting: 2_000 };

/** Jobs under way at once: each waits for a provider most of its time, and holds none of the jobs' connections then. */
const JOBS_AT_ONCE = 8;
/** Bulk jobs under way at once: each makes many transfers, one chunk after the other. */
const BULK_JOBS_AT_ONCE = 2;

/** What transfer is wired with. */
export interface TransferDeps extends SubgraphDeps, Providers {
  /** The poster's own connections: who posts money waits for no reader. */
  postingPool: Pool;
  /** The jobs' own connections. */
  jobsPool: Pool;
  /** Those of the workers that do bulk jobs. */
  bulkJobsPool: Pool;
  /** Rates older than so many days change no money; null: of any age. */
  exchangeMaxAgeDays: number | null;
  /** Where webhooks of our own may be posted to. */
  outsideAddresses: OutsideAddresses;
  /** Given by tests that want the poster busy. */
  posterLimits?: Partial<PosterLimits>;
}

/** Wires the subgraph. */
export function createTransferSubgraph(deps: TransferDeps): Subgraph {
  const store = createTransferStore(deps.pool);
  const runners: JobRunner[] = [];
  let periodic: PeriodicRunner | undefined;
  const poster = createPoster({ ...deps, pool: deps.postingPool }, deps.posterLimits);
  const callDeps: CreateTransferDeps = {
    ...deps,
    store,
    poster,
    lookups: createLookups(deps.pool),
    gate: createGate(GATE),
    rates: createRatesReader(deps.pool, 'transfer'),
    systemAccount: createSystemAccounts(deps.pool),
  };
  // What stands by itself, each part in a folder of its own.
  const rooms: readonly Room[] = [
    createPayoutsRoom({ ...callDeps, jobsPool: deps.jobsPool }),
    createReviewRoom(callDeps),
    createNoticesRoom({ ...callDeps, ...createNoticeOperations(deps), webhooks: deps.webhooks }, deps.jobsPool),
    createQuotesRoom(callDeps),
    createRefundsRoom(callDeps),
    createReceivablesRoom(deps),
    createReconciliationRoom(
      { ...callDeps, ...createNoticeOperations(deps), settlements: deps.settlements },
      deps.jobsPool,
    ),
    createWebhooksRoom({ ...callDeps, outsideAddresses: deps.outsideAddresses }),
    createSchedulesRoom(callDeps),
    createBatchesRoom(callDeps),
    createAuditRoom(callDeps),
    createOperationsRoom(callDeps),
  ];
  return {
    name: 'transfer',
    typeDefs: readTypeDefs(import.meta.dirname),
    // The cast: Apollo's type for resolvers knows no __resolveReference, and the server no subgraph's own loaders.
    resolvers: mergeResolvers([
      createResolvers(callDeps),
      ...rooms.map(({ resolvers }) => resolvers),
    ]) as Subgraph['resolvers'],
    createLoaders: (caller) => createLoaders({ store, pool: deps.pool }, caller),
    listeners: [
      payees,
      paymentMethods,
      deposits,
      createRatesListener('transfer'),
      ...rooms.flatMap(({ listeners }) => listeners ?? []),
    ],
    answers: Object.fromEntries(rooms.flatMap(({ answers }) => Object.entries(answers ?? {}))),
    async start() {
      const { cards, jobsPool: pool, wakeUp, limits, log } = deps;
      const tasks = Object.fromEntries(rooms.flatMap(({ tasks }) => Object.entries(tasks ?? {})));
      // Deposits stay where they are until somebody can charge cards again.
      if (cards) tasks[CHARGE_DEPOSIT] = createChargeDeposit({ pool, cards, wakeUp, limits });
      const bulkTasks = Object.fromEntries(rooms.flatMap(({ bulkTasks }) => Object.entries(bulkTasks ?? {})));
      runners.push(
        runJobs({ pool, schema: JOBS_SCHEMA, tasks, concurrency: JOBS_AT_ONCE, log }),
        runJobs({
          pool: deps.bulkJobsPool,
          schema: JOBS_SCHEMA,
          tasks: bulkTasks,
          concurrency: BULK_JOBS_AT_ONCE,
          log,
        }),
      );
      periodic = runPeriodically(
        rooms.flatMap(({ periodic }) => periodic ?? []),
        log,
      );
    },
    async stop() {
      await Promise.all([...runners.map((runner) => runner.stop()), periodic?.stop()]);
      // What was taken gets its verdict before the connections go.
      await poster.stop();
      await Promise.all(rooms.map(async (room) => room.close?.()));
      await store.close();
    },
  };
}
