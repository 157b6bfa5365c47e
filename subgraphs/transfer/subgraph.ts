import { readFileSync } from 'node:fs';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import type { Subgraph } from '../../platform/subgraph.ts';
import { payees } from './listeners.ts';
import { createLoaders, type TransferLoaders } from './loaders.ts';
import { createPoster } from './poster.ts';
import { createResolvers } from './resolvers.ts';
import { createTransferStore } from './store.ts';

/** Wires the subgraph. The poster takes its connections out of the same pool, so that it needs room beside them. */
export function createTransferSubgraph(deps: SubgraphDeps): Subgraph<TransferLoaders> {
  const store = createTransferStore(deps.pool);
  const poster = createPoster(deps);
  return {
    name: 'transfer',
    typeDefs: readFileSync(new URL('schema.graphql', import.meta.url), 'utf8'),
    // The cast: Apollo's type for resolvers knows no __resolveReference, which its buildSubgraphSchema takes all the same.
    resolvers: createResolvers({ ...deps, store, poster }) as Subgraph<TransferLoaders>['resolvers'],
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
