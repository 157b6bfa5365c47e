import type { AccountId, PaymentMethodId, PostingId, TransferId, UserId } from '../../platform/ids.ts';
import type { Money } from '../../platform/money.ts';
import type { SubgraphContext } from '../../platform/subgraph.ts';
import type { TransferStatus, TransferType } from './generated/resolvers.ts';
import type { TransferLoaders } from './loaders.ts';
import type { FeeLine } from './quotes/fees.ts';

/** What each resolver of this subgraph is given as its parent: our own rows and ids. */

export type TransferContext = SubgraphContext<TransferLoaders>;

/** Stands here for what the customer's transfers hang on; the id may be anybody's. */
export interface UserParent {
  id: string;
}

export interface AccountParent {
  id: string;
}

export interface PaymentMethodParent {
  id: string;
}

/** A statement line, known by its posting; null for an id that has not the form of one. */
export interface TransactionParent {
  id: string;
  postingId: PostingId | null;
}

/** One step that happened. */
export interface TransferStep {
  status: TransferStatus;
  at: Date;
  step: string | null;
  note: string | null;
}

/**
 * One end as it was when the transfer was made. An end inside this bank has an account; the source of a DEPOSIT has its payment
 * method and, as owner, the customer it belongs to; an end that is no customer's has neither.
 */
export interface TransferEndParent {
  accountId: AccountId | null;
  paymentMethodId: PaymentMethodId | null;
  ownerId: UserId | null;
  label: string;
}

/** A transfer as it is stored. Whoever has one in hand has made sure that the viewer may see it. */
export interface TransferParent {
  id: TransferId;
  type: TransferType;
  status: TransferStatus;
  amount: Money;
  /** What arrives, or will: the amount itself, but for an EXCHANGE. */
  destinationAmount: Money;
  /** Destination per source unit, a plain decimal; of an EXCHANGE only. */
  exchangeRate: string | null;
  feesMinor: bigint;
  /** What feesMinor is made of. */
  feeLines: FeeLine[];
  source: TransferEndParent;
  destination: TransferEndParent;
  description: string | null;
  /** Why FAILED, in the provider's words. */
  failureCode: string | null;
  timeline: TransferStep[];
  createdAt: Date;
  updatedAt: Date;
}
