import { openAccount as openLedgerAccount } from '../../ledger/accounts.ts';
import { newId, type AccountId, type UserId } from '../../platform/ids.ts';
import { Refusal } from '../../platform/refusal.ts';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import { MAX_ACCOUNTS, parseOpenAccount, type OpenAccountInput } from './domain.ts';
import type { WalletRefusal } from './refusals.ts';
import { countAccount, insertAccount, type WalletStore } from './store.ts';

export interface OpenAccountDeps extends Pick<SubgraphDeps, 'clock' | 'wakeUp'> {
  store: WalletStore;
}

/** Opens an account at zero. Its name here and its books in the ledger come into being together. */
export async function openAccount(deps: OpenAccountDeps, ownerId: UserId, input: OpenAccountInput): Promise<AccountId> {
  const { currency, name, kind } = parseOpenAccount(input);
  const id = newId<AccountId>(deps.clock.now().getTime());
  await deps.store.transaction(async (tx) => {
    if (!(await countAccount(tx, ownerId, MAX_ACCOUNTS))) throw new Refusal<WalletRefusal>('TOO_MANY_ACCOUNTS');
    await insertAccount(tx, { id, ownerId, name });
    await openLedgerAccount(tx, { id, ownerId, currency, kind });
  });
  deps.wakeUp.signal();
  return id;
}
