import type { AccountId, EntryId, TransferId, UserId } from '../platform/ids.ts';

/** What an entry is about. */
export type EntryKind = 'TRANSFER' | 'FUNDING';

/** What a customer reads on the statement beside an amount; the graph's enum TransactionType. */
export type LineType =
  'DEPOSIT' | 'WITHDRAWAL' | 'TRANSFER_IN' | 'TRANSFER_OUT' | 'EXCHANGE' | 'FEE' | 'REVERSAL' | 'INTEREST';

/** The bank's own accounts. They have no running balance and may be negative. */
export type SystemAccountKind =
  'SETTLEMENT' | 'FEE' | 'FX' | 'FX_ROUNDING' | 'SUSPENSE' | 'RECEIVABLE' | 'PROVIDER_COST' | 'OWN_FUNDS';

/** One movement on one account; it becomes one posting. */
export interface Leg {
  accountId: AccountId;
  currency: string;
  /** Signed minor units: plus comes onto the account, minus leaves it; never 0. */
  amountMinor: bigint;
  lineType: LineType;
  /** The other end, by name, as this account's owner may read it. */
  counterparty: string | null;
}

/** What an entry counts against a customer's spending limits, per UTC day and month. */
export interface EntrySpending {
  /** Whose money leaves. */
  ownerId: UserId;
  /** Counted against the total over all accounts, in US cents at the rates of the day. */
  usdMinor: bigint;
  /** The bank's own limits for this customer in US cents; of these and the customer's own the smaller ones hold. */
  bankDailyUsdMinor: bigint;
  bankMonthlyUsdMinor: bigint;
  /** Counted against a limit that the customer may have set for this currency: what leaves, fees left out. */
  currency: string;
  amountMinor: bigint;
}

/** What belongs together: all of its legs are posted or none. They sum to zero in every currency. */
export interface Entry {
  id: EntryId;
  kind: EntryKind;
  transferId: TransferId | null;
  /** For a person; stands on the statement. */
  description: string | null;
  legs: readonly Leg[];
  /** Null or missing: nothing leaves a customer by it. */
  spending?: EntrySpending | null;
}

/** Why the ledger did not post an entry. Decided under the locks, and so final for this attempt. */
export type LedgerRefusal =
  | 'INSUFFICIENT_FUNDS'
  /** More would have left the customer in this UTC day or month than may. */
  | 'LIMIT_EXCEEDED'
  | 'ACCOUNT_FROZEN'
  | 'ACCOUNT_CLOSED'
  | 'UNKNOWN_ACCOUNT'
  | 'CURRENCY_MISMATCH'
  /** The balance would no longer fit into 38 digits. */
  | 'BALANCE_TOO_LARGE';
