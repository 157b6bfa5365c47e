import { readFileSync } from 'node:fs';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import type { Subgraph } from '../../platform/subgraph.ts';
import { createGate } from './gate.ts';
import { payees } from './listeners.ts';
import { createLoaders } from './loaders.ts';
import { createPoster, type PosterLimits } from './poster.ts';
import { createResolvers } from './resolvers.ts';
import { createTransferStore } from './store.ts';

/**
 * Twice what the poster puts into one call, so that both of its connections find full batches; and no more, so that risk is
 * never asked more at once than it answers well within its deadline.
 */
const GATE = { atOnce: 256, mostWaiting: 2_000 };

/**
 * Wires the subgraph. The poster takes its connections out of the same pool, which therefore needs room beside them.
 * `posterLimits` is given by tests that want it busy.
 */
export function createTransferSubgraph(deps: SubgraphDeps & { posterLimits?: Partial<PosterLimits> }): Subgraph {
  const store = createTransferStore(deps.pool);
  const poster = createPoster(deps, deps.posterLimits);
  return {
    name: 'transfer',
    typeDefs: readFileSync(new URL('schema.graphql', import.meta.url), 'utf8'),
    // The cast: Apollo's type for resolvers knows no __resolveReference, and the server no subgraph's own loaders.
    resolvers: createResolvers({ ...deps, store, poster, gate: createGate(GATE) }) as Subgraph['resolvers'],
    createLoaders: (caller) => createLoaders({ store, pool: deps.pool }, caller),
    listeners: [payees],
    answers: {},
    async stop() {
      // What was taken gets its verdict before the connections go.
      await poster.stop();
      await store.close();
    },
  };
}
