import type { AccountId, PostingId, TransferId, UserId } from '../../platform/ids.ts';
import type { Money } from '../../platform/money.ts';
import type { SubgraphContext } from '../../platform/subgraph.ts';
import type { TransferStatus, TransferType } from './generated/resolvers.ts';
import type { TransferLoaders } from './loaders.ts';

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

/** One end as it was when the transfer was made. Account and owner are null for an end outside this bank. */
export interface TransferEndParent {
  accountId: AccountId | null;
  ownerId: UserId | null;
  label: string;
}

/** A transfer as it is stored. Whoever has one in hand has made sure that the viewer may see it. */
export interface TransferParent {
  id: TransferId;
  type: TransferType;
  status: TransferStatus;
  amount: Money;
  feesMinor: bigint;
  source: TransferEndParent;
  destination: TransferEndParent;
  description: string | null;
  timeline: TransferStep[];
  createdAt: Date;
  updatedAt: Date;
}
