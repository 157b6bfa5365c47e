import type {
  AccountId,
  AlertId,
  DeadLetterId,
  EntryId,
  ExternalTransactionId,
  HoldId,
  PaymentMethodId,
  PostingId,
  SessionId,
  TransferId,
  UserId,
} from './ids.ts';
import type { Rates } from './rates.ts';

/**
 * The facts this bank is made of, by type, with the payload of their newest version. Facts are past: they are appended in
 * the transaction that makes them true (`platform.append_events`), never changed, and read by listeners and live streams
 * in the order (xid, id). Amounts are minor units as digits, times RFC 3339.
 */
export interface EventPayloads {
  /** By user. The email travels only as a keyed hash. */
  UserRegistered: { userId: UserId; displayName: string; emailHash: string };
  /** By user: the session's tokens and streams are void from now on. */
  SessionEnded: { sessionId: SessionId; userId: UserId; reason: 'LOGOUT' | 'REFRESH_TOKEN_REUSED' | 'ROLE_REVOKED' };
  /** By ledger. */
  AccountOpened: { accountId: AccountId; ownerId: UserId; currency: string; kind: AccountKind; at: string };
  /** By ledger: one entry and what it did to each customer account it touched (system accounts have no balance). */
  EntryPosted: { entryId: EntryId; transferId: TransferId | null; kind: string; changes: BalanceChange[] };
  /** By transfer: money was asked to come in from outside; a job charges the provider. */
  DepositStarted: { transferId: TransferId; userId: UserId; at: string };
  /** By ledger: a hold was placed, increased, released or has expired (a capture is an EntryPosted), and what that did to the account. */
  HoldChanged: {
    holdId: HoldId;
    transferId: TransferId | null;
    status: 'OPEN' | 'CAPTURED' | 'RELEASED' | 'EXPIRED';
    changes: BalanceChange[];
  };
  /** By ledger: an account was frozen, used again, or closed for good, and the version that this made. */
  AccountStatusChanged: {
    accountId: AccountId;
    ownerId: UserId;
    status: 'ACTIVE' | 'FROZEN' | 'CLOSED';
    at: string;
    changes: BalanceChange[];
  };
  /** By ledger: staff has agreed on another overdraft for an account, and the version that this made. */
  OverdraftChanged: { accountId: AccountId; ownerId: UserId; changedBy: UserId; changes: BalanceChange[] };
  /** By transfer: money is held and waits to be carried out of the bank; a job does it. */
  PayoutStarted: { transferId: TransferId; userId: UserId; at: string };
  /** By transfer: a step that is not the last. Read the transfer for what it is now. */
  TransferAdvanced: { transferId: TransferId; userId: UserId; status: string; at: string };
  /** By transfer: it ended without moving money, as FAILED, EXPIRED, CANCELLED or COMPENSATED. */
  TransferFailed: { transferId: TransferId; userId: UserId; failureCode: string; at: string };
  /** By transfer: money that had arrived was taken back, in part or whole; the status is REVERSED once nothing is left. */
  TransferReversed: { transferId: TransferId; userId: UserId; status: 'COMPLETED' | 'REVERSED'; at: string };
  /** By transfer. */
  TransferCompleted: {
    transferId: TransferId;
    type: 'INTERNAL' | 'DEPOSIT' | 'EXCHANGE' | 'WITHDRAWAL' | 'EXTERNAL';
    /** Who asked for it. */
    senderId: UserId;
    /** Null when it went to somebody who is no customer (EXTERNAL). */
    recipientId: UserId | null;
    /** Null for a DEPOSIT. */
    sourceAccountId: AccountId | null;
    /** Null for a WITHDRAWAL and an EXTERNAL. */
    destinationAccountId: AccountId | null;
    amountMinor: string;
    currency: string;
    /** What arrived: differs from the amount for an EXCHANGE. */
    destinationAmountMinor: string;
    destinationCurrency: string;
    at: string;
  };
  /** By transfer: a provider has told something, proved to be from it and stored; a job acts on it. */
  ProviderNoticeReceived: { provider: string; eventId: string; at: string };
  /** By transfer: something that no machine can end was put aside for the bank's staff. */
  DeadLetterRecorded: { deadLetterId: DeadLetterId; transferId: TransferId | null; kind: string; at: string };
  /** By transfer: staff wants it tried again; whoever works on its kind takes it up. */
  DeadLetterRetried: { deadLetterId: DeadLetterId; transferId: TransferId | null; kind: string; at: string };
  /** By wallet: an outside source was linked. */
  PaymentMethodConnected: {
    paymentMethodId: PaymentMethodId;
    ownerId: UserId;
    type: PaymentMethodType;
    provider: string;
    label: string;
    /** What the provider knows it by; null where nothing can be charged (statements). Worth nothing without the bank's own key. */
    reference: string | null;
    at: string;
  };
  /** By wallet: the outside balance as last seen; null when the source does not say. */
  PaymentMethodSynced: {
    paymentMethodId: PaymentMethodId;
    ownerId: UserId;
    balanceMinor: string | null;
    currency: string | null;
    /** When it stood there, as the source says (RFC 3339): a statement may be years old; null when it does not say. */
    balanceAsOf: string | null;
    at: string;
  };
  /** By wallet: from now on it can neither be charged nor seen in sums. */
  PaymentMethodDisconnected: { paymentMethodId: PaymentMethodId; ownerId: UserId; at: string };
  /** By wallet: new lines of an outside account, at most 200 in one event. */
  ExternalTransactionsImported: {
    paymentMethodId: PaymentMethodId;
    ownerId: UserId;
    currency: string;
    lines: ImportedLine[];
    at: string;
  };
  /** By portfolio: a day of exchange rates that passed its checks. */
  RatesRecorded: Rates & { source: string };
  /** By risk. */
  RiskAlertRaised: { alertId: AlertId; userId: UserId; at: string };
}

/** What an account is for; the graph's enum. */
export type AccountKind = 'PERSONAL' | 'SAVINGS' | 'BUSINESS' | 'JOINT';

/** What an outside source is; the graph's enum. */
export type PaymentMethodType = 'BANK_ACCOUNT' | 'CARD' | 'MOBILE_MONEY' | 'CRYPTO_WALLET' | 'APPLE_PAY' | 'GOOGLE_PAY';

/** One line of an outside account. */
export interface ImportedLine {
  externalTransactionId: ExternalTransactionId;
  /** Signed: negative leaves the outside account. */
  amountMinor: string;
  /** As the source words it. */
  description: string;
  /** The other end, where the source names it apart. */
  counterparty: string | null;
  /** YYYY-MM-DD. */
  bookedOn: string;
  /** ISO 18245 merchant category code, where the source gives one. */
  merchantCategory: string | null;
}

/** One version of one customer account: the balance it led to and, unless a hold caused it, the posting behind it. */
export interface BalanceChange {
  accountId: AccountId;
  ownerId: UserId;
  currency: string;
  version: number;
  posted: string;
  held: string;
  overdraft: string;
  at: string;
  postingId: PostingId | null;
  /** Signed; "0" for a hold. */
  amountMinor: string;
  /** The graph's TransactionType; null for a hold. */
  lineType: string | null;
  counterparty: string | null;
  description: string | null;
}

export type EventType = keyof EventPayloads;

/** A position in the log: the writing transaction and the row. Only comparable as a pair. */
export interface EventPosition {
  xid: string;
  id: string;
}

/** One event as it stands in the log. */
export type StoredEvent<Type extends EventType = EventType> = {
  [T in Type]: {
    position: EventPosition;
    type: T;
    /** Version of the payload's shape. */
    version: number;
    /** What it is about, for example the account or user id. */
    key: string;
    payload: EventPayloads[T];
    at: Date;
  };
}[Type];
