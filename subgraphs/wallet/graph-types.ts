import type { AccountWithBalance } from '../../ledger/accounts.ts';
import type { LedgerBalance } from '../../ledger/balances.ts';
import type { LineType } from '../../ledger/entry.ts';
import type { AccountId, PostingId, UserId } from '../../platform/ids.ts';
import type { SubgraphContext } from '../../platform/subgraph.ts';
import type { AccountLoaders } from './account-loaders.ts';
import type { StoredExternalTransaction } from './external-transaction-store.ts';
import type { WalletLoaders } from './loaders.ts';
import type { PaymentMethodLoaders } from './payment-method-loaders.ts';
import type { StoredPaymentMethod } from './payment-method-store.ts';

export type WalletContext = SubgraphContext<WalletLoaders & AccountLoaders & PaymentMethodLoaders>;

/** A user here is an id; who it is, the user subgraph knows. */
export interface UserParent {
  id: UserId;
}

/** An account of the viewer's own; its name is read when it is asked for. */
export type AccountParent = AccountWithBalance;

export interface BalanceParent extends LedgerBalance {
  currency: string;
}

/** A statement line. */
export interface TransactionParent {
  id: PostingId;
  type: LineType;
  currency: string;
  amountMinor: bigint;
  balanceAfterMinor: bigint;
  description: string;
  counterparty: string | null;
  createdAt: Date;
}

export interface BalanceUpdateParent {
  kind: 'SNAPSHOT' | 'CHANGE';
  accountId: AccountId;
  /** The balance at that version, which is not always the newest. */
  balance: BalanceParent;
  cause: TransactionParent | null;
}

/** A linked outside source, as its owner sees it. */
export type PaymentMethodParent = StoredPaymentMethod;

/** A line on an outside account. */
export type ExternalTransactionParent = StoredExternalTransaction;

export type { OpenHold as HoldParent } from '../../ledger/open-holds.ts';
export type { BalanceWithPockets as AccountOverviewParent } from '../../ledger/pockets.ts';
export type { MonthlyStatementParent } from './monthly-statements/find-statement.ts';
export type { PocketParent } from './pockets/pocket-store.ts';
