import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import type { Subgraph } from '../../platform/subgraph.ts';
import { readTypeDefs } from '../../platform/type-defs.ts';
import { embeddedRates } from '../../providers/rates/embedded-rates.ts';
import type { RateSource } from '../../providers/rates/rate-source.ts';
import { balances, outside } from './listeners.ts';
import { startLoadingRates } from './load-rates.ts';
import { createLoaders, type PortfolioLoaders } from './loaders.ts';
import { createNewestRatesReader } from './newest-rates.ts';
import { createResolvers } from './resolvers.ts';
import { createPortfolioStore } from './store.ts';

/** What tests give: live portfolios quicker than once a second, rates of their own. */
export interface PortfolioOptions {
  pauseMs?: number;
  rateSources?: readonly RateSource[];
  recheckMs?: number;
}

/** Wires the subgraph. */
export function createPortfolioSubgraph(deps: SubgraphDeps & PortfolioOptions): Subgraph {
  const { rateSources = embeddedRates() } = deps;
  const store = createPortfolioStore(deps.pool);
  // Whether the newest day was refused is said of the last source: those before it are what it falls back on.
  const rates = createNewestRatesReader(deps.pool, rateSources.at(-1)?.name ?? null);
  const openStreams = new Set<() => void>();
  let stopLoadingRates = () => Promise.resolve();
  return {
    name: 'portfolio',
    typeDefs: readTypeDefs(import.meta.dirname),
    // The cast: Apollo's type for resolvers knows no __resolveReference, and the server no subgraph's own loaders.
    resolvers: createResolvers({ ...deps, store, rates, openStreams }) as Subgraph['resolvers'],
    createLoaders: (): PortfolioLoaders => createLoaders(store),
    listeners: [balances, outside],
    answers: {},
    async start() {
      stopLoadingRates = await startLoadingRates({ ...deps, rateSources });
    },
    async stop() {
      for (const end of openStreams) end();
      await stopLoadingRates();
      await store.close();
    },
  };
}
