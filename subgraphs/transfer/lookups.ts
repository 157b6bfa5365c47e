import type { Queryable } from '../../platform/db.ts';
import { gather } from '../../platform/gather.ts';
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
 * What every createTransfer looks up before anything else. The look-ups of many requests go as one statement, and nothing of
 * them is kept.
 */
export interface Lookups {
  /** What the caller's key was decided to be, or null. */
  key(userId: UserId, key: string): Promise<DecidedKey | null>;
  /** A customer's account with what its owner is called, or null. */
  account(id: AccountId): Promise<FoundAccount | null>;
  /** Whom an email means, and where money in a currency goes then. */
  recipient(emailHash: string, currency: string): Promise<FoundRecipient>;
}

export function createLookups(db: Queryable): Lookups {
  const keys = gather((wanted: readonly { userId: UserId; key: string }[]) => findKeys(db, wanted));
  const accounts = gather((ids: readonly AccountId[]) => findAccounts(db, ids));
  const recipients = gather((wanted: readonly { emailHash: string; currency: string }[]) => findRecipients(db, wanted));
  return {
    key: (userId, key) => keys({ userId, key }),
    account: accounts,
    recipient: (emailHash, currency) => recipients({ emailHash, currency }),
  };
}
