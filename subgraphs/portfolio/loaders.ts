import DataLoader from 'dataloader';
import type { OutsideAccount, OwnedAccount } from './domain.ts';
import type { PortfolioStore } from './store.ts';

export interface PortfolioLoaders {
  /** A person's accounts, oldest first. */
  accounts: DataLoader<string, readonly OwnedAccount[]>;
  /** What a person's payment methods have. */
  outside: DataLoader<string, readonly OutsideAccount[]>;
}

/** The loaders of one request. */
export function createLoaders(store: PortfolioStore): PortfolioLoaders {
  return {
    accounts: new DataLoader(async (ownerIds) => {
      const found = await store.findAccounts(ownerIds);
      return ownerIds.map((ownerId) => found.get(ownerId) ?? []);
    }),
    outside: new DataLoader(async (ownerIds) => {
      const found = await store.findOutside(ownerIds);
      return ownerIds.map((ownerId) => found.get(ownerId)?.accounts ?? []);
    }),
  };
}
