import { readFileSync } from 'node:fs';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import type { Subgraph } from '../../platform/subgraph.ts';
import { balances } from './listeners.ts';
import { createLoaders, type PortfolioLoaders } from './loaders.ts';
import { createResolvers } from './resolvers.ts';
import { createPortfolioStore } from './store.ts';

/** Wires the subgraph. `pauseMs` is given by tests that want live portfolios quicker than once a second. */
export function createPortfolioSubgraph(deps: SubgraphDeps & { pauseMs?: number }): Subgraph {
  const store = createPortfolioStore(deps.pool);
  const openStreams = new Set<() => void>();
  return {
    name: 'portfolio',
    typeDefs: readFileSync(new URL('schema.graphql', import.meta.url), 'utf8'),
    // The cast: Apollo's type for resolvers knows no __resolveReference, and the server no subgraph's own loaders.
    resolvers: createResolvers({ ...deps, store, openStreams }) as Subgraph['resolvers'],
    createLoaders: (): PortfolioLoaders => createLoaders(store),
    listeners: [balances],
    answers: {},
    async stop() {
      for (const end of openStreams) end();
      await store.close();
    },
  };
}
