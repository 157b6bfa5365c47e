import type { AccountId, EntryId, PostingId, SessionId, TransferId, UserId } from './ids.ts';

/**
 * The facts this bank is made of, by type, with the payload of their newest version. Facts are past: they are appended in
 * the transaction that makes them true (`platform.append_events`), never changed, and read by listeners and live streams
 * in the order (xid, id). Amounts are minor units as digits, times RFC 3339.
 */
export interface EventPayloads {
  /** By user. The email travels only as a keyed hash. */
  UserRegistered: { userId: UserId; displayName: string; emailHash: string };
  /** By user: the session's tokens and streams are void from now on. */
  SessionEnded: { sessionId: SessionId; userId: UserId; reason: 'LOGOUT' | 'REFRESH_TOKEN_REUSED' };
  /** By ledger. */
  AccountOpened: { accountId: AccountId; ownerId: UserId; currency: string; kind: AccountKind; at: string };
  /** By ledger: one entry and what it did to each customer account it touched (system accounts have no balance). */
  EntryPosted: { entryId: EntryId; transferId: TransferId | null; kind: string; changes: BalanceChange[] };
  /** By transfer. */
  TransferCompleted: {
    transferId: TransferId;
    type: 'INTERNAL';
    senderId: UserId;
    recipientId: UserId;
    sourceAccountId: AccountId;
    destinationAccountId: AccountId;
    amountMinor: string;
    currency: string;
    at: string;
  };
}

/** What an account is for; the graph's enum. */
export type AccountKind = 'PERSONAL' | 'SAVINGS' | 'BUSINESS' | 'JOINT';

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
