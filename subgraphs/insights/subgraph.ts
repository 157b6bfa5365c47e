import { createRatesListener, createRatesReader } from '../../platform/rates-projection.ts';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import type { Subgraph } from '../../platform/subgraph.ts';
import { readTypeDefs } from '../../platform/type-defs.ts';
import { createHistoryStore } from './history-store.ts';
import { externalLines, movements } from './listeners.ts';
import { createLoaders, type InsightsLoaders } from './loaders.ts';
import { createResolvers } from './resolvers.ts';
import { createInsightsStore } from './store.ts';

/** Wires the subgraph. */
export function createInsightsSubgraph({ pool, clock }: Pick<SubgraphDeps, 'pool' | 'clock'>): Subgraph {
  const store = createInsightsStore(pool);
  const history = createHistoryStore(pool);
  const rates = createRatesReader(pool, 'insights');
  return {
    name: 'insights',
    typeDefs: readTypeDefs(import.meta.dirname),
    // The cast: Apollo's type for resolvers knows no __resolveReference, and the server no subgraph's own loaders.
    resolvers: createResolvers({ history, rates }) as Subgraph['resolvers'],
    createLoaders: (caller): InsightsLoaders => createLoaders({ store, history, rates, clock }, caller),
    listeners: [movements, externalLines, createRatesListener('insights')],
    answers: {},
    stop: () => store.close(),
  };
}
