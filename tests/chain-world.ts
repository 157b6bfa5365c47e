import type pg from 'pg';
import { postEntry } from '../ledger/post.ts';
import { verifyLedger, type VerifyReport } from '../ledger/verify.ts';
import type { Queryable } from '../platform/db.ts';
import type { EntryId } from '../platform/ids.ts';
import { chainEntries } from './chain-entries.ts';
import { createLedgerWorld, movement, type LedgerWorld, type TestAccount } from './ledger-world.ts';

/** Books whose entries are chained, and hands to work on them. */
export interface ChainWorld {
  world: LedgerWorld;
  transfer: pg.Pool;
  admin: pg.Pool;
  /** Has money. */
  ada: TestAccount;
  /** Ada pays somebody so many times. */
  pay: (count?: number) => Promise<EntryId[]>;
  chainAll: () => Promise<void>;
  positionOf: (entryId: EntryId) => Promise<string>;
}

export async function openChainWorld(): Promise<ChainWorld> {
  const world = await createLedgerWorld();
  const transfer = world.database.pool('dwaybank_transfer', { max: 4 });
  const admin = world.database.pool('postgres', { max: 4 });
  const [ada, ben] = [await world.funded(1_000_000n), await world.open()];
  return {
    world,
    transfer,
    admin,
    ada,
    async pay(count = 1) {
      const entries = Array.from({ length: count }, () => movement(ada, ben, 1n));
      for (const entry of entries) {
        if (!(await postEntry(world.ledger, entry)).posted) throw new Error('a payment was refused');
      }
      return entries.map(({ id }) => id);
    },
    async chainAll() {
      await chainEntries(transfer, 7);
    },
    async positionOf(entryId) {
      const { rows } = await admin.query<{ position: string }>(
        'SELECT position FROM ledger.entry_chain WHERE entry_id = $1',
        [entryId],
      );
      return `position ${rows[0]!.position}`;
    },
  };
}

/** What verifying says, from the first entry on. */
export const verify = (
  tx: Queryable,
  options: Partial<Parameters<typeof verifyLedger>[1]> = {},
): Promise<VerifyReport> => verifyLedger(tx, { from: 1n, anchor: null, ...options });
