import { readFileSync } from 'node:fs';
import { createRatesListener } from '../../platform/rates-projection.ts';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import type { Subgraph } from '../../platform/subgraph.ts';
import { movements } from './listeners.ts';
import { createLoaders, type InsightsLoaders } from './loaders.ts';
import { createResolvers } from './resolvers.ts';
import { createInsightsStore } from './store.ts';

/** Wires the subgraph. */
export function createInsightsSubgraph({ pool }: Pick<SubgraphDeps, 'pool'>): Subgraph {
  const store = createInsightsStore(pool);
  return {
    name: 'insights',
    typeDefs: readFileSync(new URL('schema.graphql', import.meta.url), 'utf8'),
    // The cast: Apollo's type for resolvers knows no __resolveReference, and the server no subgraph's own loaders.
    resolvers: createResolvers({ store }) as Subgraph['resolvers'],
    createLoaders: (caller): InsightsLoaders => createLoaders(store, caller),
    listeners: [movements, createRatesListener('insights')],
    answers: {},
    stop: () => store.close(),
  };
}
