import type { UserId } from '../../platform/ids.ts';
import type { SubgraphContext } from '../../platform/subgraph.ts';
import type { PortfolioLoaders } from './loaders.ts';
import type { OutsideAccount, OwnedAccount } from './domain.ts';
import type { NewestRates } from './newest-rates.ts';

/** What each resolver of this subgraph is given as its parent. */

export type PortfolioContext = SubgraphContext<PortfolioLoaders>;

/** The id may be anybody's: each field asks who the viewer is. */
export interface UserParent {
  id: string;
}

export interface AccountParent {
  id: string;
}

export interface PaymentMethodParent {
  id: string;
}

/** What a person has, as it was read, and what it is valued in and with. Whoever has one in hand may see it. */
export interface PortfolioParent {
  userId: UserId;
  currency: string;
  /** Oldest first. */
  accounts: readonly OwnedAccount[];
  rates: NewestRates;
  asOf: Date;
  /** What is elsewhere, read when it is asked for. */
  outside: () => Promise<readonly OutsideAccount[]>;
}
