import DataLoader from 'dataloader';
import { statusReasons } from '../../ledger/account-status.ts';
import { openHoldsOf, type OpenHold } from '../../ledger/open-holds.ts';
import { balancesWithPockets, type BalanceWithPockets } from '../../ledger/pockets.ts';
import type { Queryable } from '../../platform/db.ts';
import { groupBy } from '../../platform/group-by.ts';
import type { AccountId } from '../../platform/ids.ts';
import { findOpenPockets, type PocketParent } from './pockets/pocket-store.ts';

/**
 * What is read beside an account, for accounts only that the viewer may see; each costs the same statements however many accounts there
 * are. Nothing is remembered: a mutation of the same request may change all of it.
 */
export interface AccountLoaders {
  /** Why its status is as it is; null when nobody said. */
  statusReason: DataLoader<AccountId, string | null>;
  /** What it holds for payments, oldest first. */
  holdsOfAccount: DataLoader<AccountId, OpenHold[]>;
  /** Its open pockets, oldest first. */
  pocketsOfAccount: DataLoader<AccountId, PocketParent[]>;
  /** Its balance together with what is in pockets. */
  overviewOfAccount: DataLoader<AccountId, BalanceWithPockets>;
}

/** As the schema says. */
const MOST_HOLDS = 100;

export function createAccountLoaders(db: Queryable): AccountLoaders {
  return {
    statusReason: new DataLoader(
      async (ids: readonly AccountId[]) => {
        const reasons = await statusReasons(db, ids);
        return ids.map((id) => reasons.get(id) ?? null);
      },
      { cache: false },
    ),
    holdsOfAccount: new DataLoader(
      async (ids: readonly AccountId[]) => {
        const holds = groupBy(await openHoldsOf(db, ids, MOST_HOLDS), ({ accountId }) => accountId);
        return ids.map((id) => holds.get(id) ?? []);
      },
      { cache: false },
    ),
    pocketsOfAccount: new DataLoader(
      async (ids: readonly AccountId[]) => {
        const pockets = groupBy(await findOpenPockets(db, ids), ({ accountId }) => accountId);
        return ids.map((id) => pockets.get(id) ?? []);
      },
      { cache: false },
    ),
    overviewOfAccount: new DataLoader(
      async (ids: readonly AccountId[]) => {
        const balances = await balancesWithPockets(db, ids);
        return ids.map((id) => balances.get(id) ?? new Error(`account ${id} has no balance`));
      },
      { cache: false },
    ),
  };
}
