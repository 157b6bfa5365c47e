import { randomBytes } from 'node:crypto';

/**
 * Ids are UUIDv7 (RFC 9562, 5.7): the first 48 bits are the Unix time in milliseconds, so that new rows land at the end
 * of their indexes. Each kind of id is its own type: an account id cannot be passed where a user id is asked for.
 */
declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

export type UserId = Branded<'UserId'>;
export type SessionId = Branded<'SessionId'>;
export type AccountId = Branded<'AccountId'>;
export type EntryId = Branded<'EntryId'>;
export type PostingId = Branded<'PostingId'>;
export type TransferId = Branded<'TransferId'>;
export type PaymentMethodId = Branded<'PaymentMethodId'>;
export type ExternalTransactionId = Branded<'ExternalTransactionId'>;
export type AlertId = Branded<'AlertId'>;
export type HoldId = Branded<'HoldId'>;
export type QuoteId = Branded<'QuoteId'>;
export type ScheduleId = Branded<'ScheduleId'>;
export type BatchId = Branded<'BatchId'>;
export type DeadLetterId = Branded<'DeadLetterId'>;
export type WebhookId = Branded<'WebhookId'>;
export type PocketId = Branded<'PocketId'>;
/** Somebody or something outside the bank that money goes to: made from what names it (an IBAN), so that the same is the same. */
export type PayeeId = Branded<'PayeeId'>;
export type AnyId =
  | UserId
  | SessionId
  | AccountId
  | EntryId
  | PostingId
  | TransferId
  | PaymentMethodId
  | ExternalTransactionId
  | AlertId
  | HoldId
  | QuoteId
  | ScheduleId
  | BatchId
  | DeadLetterId
  | WebhookId
  | PocketId
  | PayeeId;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The time and counter of the newest id of this process. */
let lastMs = 0;
let counter = 0;
/** rand_a has 12 bits. */
const COUNTER_END = 0x1000;

/**
 * A fresh UUIDv7, greater than every id of this process before it: rand_a counts within a millisecond (RFC 9562, 6.2, method
 * 1), beginning at random in its lower half, and borrows from the next millisecond when it is used up. Lists in the order of
 * ids are thereby lists in the order of making. `now` is in milliseconds since 1970.
 */
export function newId<Id extends AnyId>(now: number = Date.now()): Id {
  const bytes = freshBytes();
  if (now > lastMs) {
    lastMs = now;
    counter = bytes.readUInt16BE(6) & 0x7ff;
  } else if (++counter === COUNTER_END) {
    lastMs++;
    counter = 0;
  }
  bytes.writeUIntBE(lastMs, 0, 6);
  bytes.writeUInt16BE(0x7000 | counter, 6);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  const hex = bytes.toString('hex');
  // The cast is the one place where an id of a kind comes into being.
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}` as Id;
}

const ID_BYTES = 16;
/** Asking the system for random bytes costs the same for one id as for many; a posting needs four. */
const IDS_AT_ONCE = 256;
let randomPool = Buffer.alloc(0);

/** Random bytes for one id, never handed out twice. */
function freshBytes(): Buffer {
  if (randomPool.length === 0) randomPool = randomBytes(ID_BYTES * IDS_AT_ONCE);
  const bytes = randomPool.subarray(0, ID_BYTES);
  randomPool = randomPool.subarray(ID_BYTES);
  return bytes;
}

/** The id in `text`, or null when it has not the form of an id: callers answer as for an id that does not exist. */
export function parseId<Id extends AnyId>(text: string): Id | null {
  return UUID.test(text) ? (text.toLowerCase() as Id) : null;
}

/** When an id was made, in milliseconds since 1970: the first 48 bits of a UUIDv7. */
export function idTime(id: AnyId): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}
