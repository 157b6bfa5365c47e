import type { CardProvider } from './card-provider.ts';
import type { WebhookReader } from './payout-provider.ts';
import type { ProviderRegistry } from './registry.ts';
import type { SettlementFeed } from './settlement/settlement-feed.ts';

/** All outside companies that a bank works with. */
export interface Providers {
  /** Who keeps and charges cards; null: nobody, and deposits are refused. */
  cards: CardProvider | null;
  /** Who carries money out of the bank; null: nobody, and payouts are refused. */
  payouts: ProviderRegistry | null;
  /** Whose webhooks are read. */
  webhooks: readonly WebhookReader[];
  /** Who tells what moved in our accounts with them. */
  settlements: readonly SettlementFeed[];
}

/** A bank that works with nobody. */
export const NO_PROVIDERS: Providers = { cards: null, payouts: null, webhooks: [], settlements: [] };
