import DataLoader from 'dataloader';
import type { AccountId, UserId } from '../../platform/ids.ts';
import type { DecidedKey, FoundAccount, TransferStore } from './store.ts';

/*
 * What every createTransfer looks up before anything else. The look-ups of all requests that arrive in one turn of the event loop go
 * as one statement: under load a round trip is what they would mostly consist of. Nothing is kept: the next turn looks again.
 */
export interface Lookups {
  /** What the caller's key was decided to be, or null. */
  key(userId: UserId, key: string): Promise<DecidedKey | null>;
  /** A customer's account with what its owner is called, or null. */
  account(id: AccountId): Promise<FoundAccount | null>;
}

/** Rows in one statement. */
const MOST_AT_ONCE = 256;

export function createLookups(store: Pick<TransferStore, 'findKeys' | 'findAccounts'>): Lookups {
  const gathered = {
    cache: false,
    maxBatchSize: MOST_AT_ONCE,
    batchScheduleFn: (send: () => void) => void setImmediate(send),
  };
  const keys = new DataLoader(store.findKeys, gathered);
  const accounts = new DataLoader(store.findAccounts, gathered);
  return {
    key: (userId, key) => keys.load({ userId, key }),
    account: (id) => accounts.load(id),
  };
}
