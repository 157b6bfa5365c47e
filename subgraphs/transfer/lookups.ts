import DataLoader from 'dataloader';
import type { Queryable } from '../../platform/db.ts';
import type { AccountId, UserId } from '../../platform/ids.ts';
import {
  findAccounts,
  findKeys,
  findRecipients,
  type DecidedKey,
  type FoundAccount,
  type FoundRecipient,
} from './lookup-store.ts';

/*
 * What every createTransfer looks up before anything else. The look-ups of all requests that arrive in one turn of the event loop go
 * as one statement: under load a round trip is what they would mostly consist of. Nothing is kept: the next turn looks again.
 */
export interface Lookups {
  /** What the caller's key was decided to be, or null. */
  key(userId: UserId, key: string): Promise<DecidedKey | null>;
  /** A customer's account with what its owner is called, or null. */
  account(id: AccountId): Promise<FoundAccount | null>;
  /** Whom an email means, and where money in a currency goes then. */
  recipient(emailHash: string, currency: string): Promise<FoundRecipient>;
}

/** Rows in one statement. */
const MOST_AT_ONCE = 256;

export function createLookups(db: Queryable): Lookups {
  const gathered = {
    cache: false,
    maxBatchSize: MOST_AT_ONCE,
    batchScheduleFn: (send: () => void) => void setImmediate(send),
  };
  const keys = new DataLoader((wanted: readonly { userId: UserId; key: string }[]) => findKeys(db, wanted), gathered);
  const accounts = new DataLoader((ids: readonly AccountId[]) => findAccounts(db, ids), gathered);
  const recipients = new DataLoader(
    (wanted: readonly { emailHash: string; currency: string }[]) => findRecipients(db, wanted),
    gathered,
  );
  return {
    key: (userId, key) => keys.load({ userId, key }),
    account: (id) => accounts.load(id),
    recipient: (emailHash, currency) => recipients.load({ emailHash, currency }),
  };
}
