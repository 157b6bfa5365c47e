import { countUnchained, extendChain } from '../ledger/chain.ts';
import type { Queryable } from '../platform/db.ts';
import { until } from './until.ts';

/**
 * Chains every entry that is committed now. What may be chained lies below the oldest open transaction of the whole server, so that tests beside
 * this one can hold it back for a moment.
 */
export async function chainEntries(db: Queryable, atOnce = 100): Promise<void> {
  await until('the chain has come to every entry', async () => {
    while ((await extendChain(db, atOnce)) > 0);
    return (await countUnchained(db, 1)) === 0;
  });
}
