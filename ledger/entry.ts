import type { AccountId, EntryId, TransferId } from '../platform/ids.ts';

/** What an entry is about. */
export type EntryKind = 'TRANSFER' | 'FUNDING';

/** What a customer reads on the statement beside an amount; the graph's enum TransactionType. */
export type LineType =
  'DEPOSIT' | 'WITHDRAWAL' | 'TRANSFER_IN' | 'TRANSFER_OUT' | 'EXCHANGE' | 'FEE' | 'REVERSAL' | 'INTEREST';

/** The bank's own accounts. They have no running balance and may be negative. */
export type SystemAccountKind = 'SETTLEMENT' | 'FEE' | 'FX' | 'SUSPENSE';

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

/** What belongs together: all of its legs are posted or none. They sum to zero in every currency. */
export interface Entry {
  id: EntryId;
  kind: EntryKind;
  transferId: TransferId | null;
  /** For a person; stands on the statement. */
  description: string | null;
  legs: readonly Leg[];
}

/** Why the ledger did not post an entry. Decided under the locks, and so final for this attempt. */
export type LedgerRefusal =
  | 'INSUFFICIENT_FUNDS'
  | 'ACCOUNT_FROZEN'
  | 'ACCOUNT_CLOSED'
  | 'UNKNOWN_ACCOUNT'
  | 'CURRENCY_MISMATCH'
  /** The balance would no longer fit into 38 digits. */
  | 'BALANCE_TOO_LARGE';
