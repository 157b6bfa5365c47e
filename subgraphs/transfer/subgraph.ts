import { readFileSync } from 'node:fs';
import type { Pool } from 'pg';
import { createSystemAccounts } from '../../ledger/system-accounts.ts';
import { runJobs, type JobRunner } from '../../platform/jobs.ts';
import { createRatesListener, createRatesReader } from '../../platform/rates-projection.ts';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import type { Subgraph } from '../../platform/subgraph.ts';
import type { CardProvider } from '../../providers/card-provider.ts';
import { createChargeDeposit } from './charge-deposit.ts';
import { createGate } from './gate.ts';
import { CHARGE_DEPOSIT, deposits, JOBS_SCHEMA, payees, paymentMethods } from './listeners.ts';
import { createLoaders } from './loaders.ts';
import { createLookups } from './lookups.ts';
import { createPoster, type PosterLimits } from './poster.ts';
import { createResolvers } from './resolvers.ts';
import { createTransferStore } from './store.ts';

/**
 * Twice what the poster puts into one call, so that both of its connections find full batches; and no more, so that risk is
 * never asked more at once than it answers well within its deadline.
 */
const GATE = { atOnce: 256, mostWaiting: 2_000 };

/** Charges under way at once: each waits for the provider most of its time, and holds none of the jobs' connections then. */
const CHARGES_AT_ONCE = 4;

/** What transfer is wired with. */
export interface TransferDeps extends SubgraphDeps {
  /** The poster's own connections: who posts money waits for no reader. */
  postingPool: Pool;
  /** The jobs' own connections. */
  jobsPool: Pool;
  /** Who charges cards; null: nobody, and deposits are refused. */
  cards: CardProvider | null;
  /** Rates older than so many days change no money; null: of any age. */
  exchangeMaxAgeDays: number | null;
  /** Given by tests that want the poster busy. */
  posterLimits?: Partial<PosterLimits>;
}

/** Wires the subgraph. */
export function createTransferSubgraph(deps: TransferDeps): Subgraph {
  const store = createTransferStore(deps.pool);
  let jobs: JobRunner | undefined;
  const poster = createPoster({ ...deps, pool: deps.postingPool }, deps.posterLimits);
  return {
    name: 'transfer',
    typeDefs: readFileSync(new URL('schema.graphql', import.meta.url), 'utf8'),
    // The cast: Apollo's type for resolvers knows no __resolveReference, and the server no subgraph's own loaders.
    resolvers: createResolvers({
      ...deps,
      store,
      poster,
      lookups: createLookups(deps.pool),
      gate: createGate(GATE),
      rates: createRatesReader(deps.pool, 'transfer'),
      systemAccount: createSystemAccounts(deps.pool),
    }) as Subgraph['resolvers'],
    createLoaders: (caller) => createLoaders({ store, pool: deps.pool }, caller),
    listeners: [payees, paymentMethods, deposits, createRatesListener('transfer')],
    answers: {},
    async start() {
      const { cards, jobsPool, wakeUp, limits, log } = deps;
      // Jobs stay where they are until somebody can charge cards again.
      if (!cards) return;
      const chargeDeposit = createChargeDeposit({ pool: jobsPool, cards, wakeUp, limits });
      const tasks = { [CHARGE_DEPOSIT]: chargeDeposit };
      jobs = runJobs({ pool: jobsPool, schema: JOBS_SCHEMA, tasks, concurrency: CHARGES_AT_ONCE, log });
    },
    async stop() {
      await jobs?.stop();
      // What was taken gets its verdict before the connections go.
      await poster.stop();
      await store.close();
    },
  };
}
