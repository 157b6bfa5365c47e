import type { QuoteId, TransferId, UserId } from '../../../platform/ids.ts';
import type { Money } from '../../../platform/money.ts';
import type { ProviderName } from '../../../providers/payout-provider.ts';
import type { Preference } from '../../../providers/registry.ts';
import type { TransferType } from '../generated/resolvers.ts';
import type { ExchangePlan } from '../plan-exchange.ts';
import type { FeeLine } from './fees.ts';

/** The terms of an exchange: everything that its postings are made of, so that nothing is computed a second time. */
export interface QuotedExchange extends ExchangePlan {
  /** Before the spread, to ten digits. */
  midRate: string;
  spreadBasisPoints: bigint;
}

/** A provider that could carry it, as it was when the quote was made. The figures are 0 to 100. */
export interface QuotedOption {
  provider: ProviderName;
  preference: Preference;
  feesMinor: bigint;
  usualSeconds: number;
  health: number;
  cost: number;
  speed: number;
  score: number;
}

/** What a transfer would cost and bring. */
export interface Terms {
  type: TransferType;
  amount: Money;
  feeLines: FeeLine[];
  destinationAmount: Money;
  /** Of an EXCHANGE. */
  exchange: QuotedExchange | null;
  /** Who is recommended to carry it; null inside the bank. */
  provider: ProviderName | null;
  /** Best first; the recommended one is the first of the quote's own preference. */
  options: QuotedOption[];
  /** A way that costs less. */
  cheaper: QuotedOption | null;
}

/** Terms as they were promised to a customer. */
export interface StoredQuote extends Terms {
  id: QuoteId;
  userId: UserId;
  preference: Preference;
  createdAt: Date;
  expiresAt: Date;
  usedBy: TransferId | null;
}
