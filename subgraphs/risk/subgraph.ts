import { readFileSync } from 'node:fs';
import { createRatesListener } from '../../platform/rates-projection.ts';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import type { Subgraph } from '../../platform/subgraph.ts';
import { assessTransfer } from './assess-transfer.ts';
import { outgoingTransfers } from './listeners.ts';
import { createLoaders, type RiskLoaders } from './loaders.ts';
import { createResolvers } from './resolvers.ts';
import { createRiskStore } from './store.ts';

/** Wires the subgraph. */
export function createRiskSubgraph({ pool, clock }: Pick<SubgraphDeps, 'pool' | 'clock'>): Subgraph {
  const store = createRiskStore(pool);
  const openStreams = new Set<() => void>();
  return {
    name: 'risk',
    typeDefs: readFileSync(new URL('schema.graphql', import.meta.url), 'utf8'),
    // The cast: Apollo's type for resolvers knows no __resolveReference, and the server no subgraph's own loaders.
    resolvers: createResolvers({ openStreams }) as Subgraph['resolvers'],
    createLoaders: (caller): RiskLoaders => createLoaders({ store, clock }, caller),
    listeners: [outgoingTransfers, createRatesListener('risk')],
    answers: { 'assess-transfer': (question) => assessTransfer({ store, clock }, question) },
    async stop() {
      for (const end of openStreams) end();
      await store.close();
    },
  };
}
