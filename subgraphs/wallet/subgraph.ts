import { accountsByIds } from '../../ledger/accounts.ts';
import { gather } from '../../platform/gather.ts';
import type { AccountId, UserId } from '../../platform/ids.ts';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import type { Subgraph } from '../../platform/subgraph.ts';
import { readTypeDefs } from '../../platform/type-defs.ts';
import type { CardProvider } from '../../providers/card-provider.ts';
import type { ProviderRegistry } from '../../providers/registry.ts';
import { createAccountLoaders } from './account-loaders.ts';
import type { OpenAccountInput } from './domain.ts';
import { forgetDisconnectedCards } from './forget-card.ts';
import { createLoaders } from './loaders.ts';
import { openAccount } from './open-account.ts';
import { createPaymentMethodLoaders } from './payment-method-loaders.ts';
import { createResolvers } from './resolvers.ts';
import { createWalletStore } from './store.ts';

/** The wallet subgraph, and what the bank itself may ask of it when it starts. */
export interface WalletSubgraph extends Subgraph {
  /** Opens an account for a demo customer; throws the refusals of openAccount. */
  openAccount(ownerId: UserId, input: OpenAccountInput): Promise<AccountId>;
}

/** What wallet is wired with. */
export interface WalletDeps extends SubgraphDeps {
  /** Who keeps and charges cards; null: nobody, and no card can be linked. */
  cards: CardProvider | null;
  /** Who carries money out of the bank; null: nobody, and nothing that is paid out to can be linked. */
  payouts: ProviderRegistry | null;
}

/** Wires the subgraph. */
export function createWalletSubgraph(deps: WalletDeps): WalletSubgraph {
  const store = createWalletStore(deps.pool);
  // An account with its balance is what most requests ask for: one statement serves all that ask meanwhile.
  const findAccount = gather(async (ids: readonly AccountId[]) => {
    const accounts = await accountsByIds(deps.pool, ids);
    return ids.map((id) => accounts.get(id));
  });
  const openStreams = new Set<() => void>();
  const stopping = new AbortController();
  let forgetting: Promise<void> | undefined;
  const walletDeps = { ...deps, store, openStreams };
  return {
    name: 'wallet',
    typeDefs: readTypeDefs(import.meta.dirname),
    // The cast: what serves them knows loaders as unknown, and Apollo's type has no room for __resolveReference.
    resolvers: createResolvers(walletDeps) as unknown as Subgraph['resolvers'],
    createLoaders: ({ viewer }) => ({
      ...createLoaders(deps.pool, store, viewer, findAccount),
      ...createAccountLoaders(deps.pool),
      ...createPaymentMethodLoaders(deps.pool, viewer),
    }),
    listeners: [],
    answers: {},
    openAccount: (ownerId, input) => openAccount(walletDeps, ownerId, input),
    start() {
      // Nothing waits for it: whoever was away may be away still.
      forgetting = forgetDisconnectedCards(deps, stopping.signal).catch((error: unknown) => {
        deps.log.error({ err: error }, 'disconnected cards could not be looked up');
      });
      return Promise.resolve();
    },
    async stop() {
      stopping.abort();
      await forgetting;
      for (const close of [...openStreams]) close();
      await store.close();
    },
  };
}
