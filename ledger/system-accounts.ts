import type { Queryable } from '../platform/db.ts';
import type { AccountId } from '../platform/ids.ts';
import { systemAccount } from './accounts.ts';
import type { SystemAccountKind } from './entry.ts';

/** The id of the bank's own account of a kind in a currency, for what is with a provider; made on first use. */
export type SystemAccounts = (kind: SystemAccountKind, currency: string, provider?: string) => Promise<AccountId>;

/** Asks once for each account and remembers: there are a few per currency and provider, and their ids never change. */
export function createSystemAccounts(db: Queryable): SystemAccounts {
  const known = new Map<string, Promise<AccountId>>();
  return (kind, currency, provider = '') => {
    const name = `${kind} ${currency} ${provider}`;
    const found = known.get(name) ?? systemAccount(db, kind, currency, provider);
    known.set(name, found);
    found.catch(() => known.delete(name));
    return found;
  };
}
