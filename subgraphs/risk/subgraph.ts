import { createRatesListener, createRatesReader } from '../../platform/rates-projection.ts';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import type { Subgraph } from '../../platform/subgraph.ts';
import { readTypeDefs } from '../../platform/type-defs.ts';
import { assessTransfer } from './assess-transfer.ts';
import { createAlertsListener, createUndoneListener } from './listeners.ts';
import { createLoaders, type RiskLoaders } from './loaders.ts';
import { createResolvers } from './resolvers.ts';
import { createRiskStore } from './store.ts';

/** Wires the subgraph. */
export function createRiskSubgraph(deps: SubgraphDeps): Subgraph {
  const { pool, clock } = deps;
  const store = createRiskStore(pool);
  const rates = createRatesReader(pool, 'risk');
  const openStreams = new Set<() => void>();
  return {
    name: 'risk',
    typeDefs: readTypeDefs(import.meta.dirname),
    // The cast: Apollo's type for resolvers knows no __resolveReference, and the server no subgraph's own loaders.
    resolvers: createResolvers({ ...deps, rates, openStreams }) as unknown as Subgraph['resolvers'],
    createLoaders: (caller): RiskLoaders => createLoaders({ pool, store, clock }, caller),
    listeners: [createAlertsListener({ clock }), createUndoneListener(), createRatesListener('risk')],
    answers: { 'assess-transfer': (question) => assessTransfer({ ...deps, store, rates }, question) },
    async stop() {
      for (const end of [...openStreams]) end();
      await store.close();
    },
  };
}
