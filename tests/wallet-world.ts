import { systemAccount } from '../ledger/accounts.ts';
import type { Leg, LineType } from '../ledger/entry.ts';
import { postEntries } from '../ledger/post.ts';
import { newId, type AccountId, type EntryId, type UserId } from '../platform/ids.ts';
import type { SubgraphDeps } from '../platform/subgraph-deps.ts';
import { createWalletSubgraph, type WalletDeps, type WalletSubgraph } from '../subgraphs/wallet/subgraph.ts';
import { expectBooksOk } from './books.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { startOneSubgraph, type OneSubgraph } from './one-subgraph.ts';

/** One posting on a customer's account, against the bank's settlement account. */
export interface TestPosting {
  accountId: AccountId;
  amountMinor: bigint;
  currency?: string;
  lineType?: LineType;
  counterparty?: string | null;
  description?: string | null;
}

/** The wallet subgraph on a database of its own, and the ledger beside it to move money with. */
export interface WalletWorld extends OneSubgraph<WalletSubgraph> {
  database: TestDatabase;
  /** Opens an account and returns its id. */
  open(ownerId: UserId, currency?: string): Promise<AccountId>;
  /** Posts entries in one call, one for each posting; all must be posted. Signals the wake-up afterwards. */
  post(...postings: TestPosting[]): Promise<void>;
  /** Ends it after proving the books. */
  close(): Promise<void>;
}

export async function startWalletWorld({
  cards = null,
  payouts = null,
  ...overrides
}: Partial<WalletDeps> = {}): Promise<WalletWorld> {
  const database = await createTestDatabase();
  const create = (deps: SubgraphDeps) => createWalletSubgraph({ ...deps, cards, payouts });
  const one = await startOneSubgraph(database, 'dwaybank_wallet', create, overrides);
  const ledger = database.pool('dwaybank_ledger');
  return {
    ...one,
    database,
    open: (ownerId, currency = 'USD') => one.subgraph.openAccount(ownerId, { currency, name: `My ${currency}` }),
    async post(...postings) {
      const entries = await Promise.all(
        postings.map(async (posting) => {
          const { accountId, amountMinor, currency = 'USD', description = null, counterparty = null } = posting;
          const lineType = posting.lineType ?? (amountMinor > 0n ? 'DEPOSIT' : 'WITHDRAWAL');
          const settlement = await systemAccount(ledger, 'SETTLEMENT', currency);
          const legs: Leg[] = [
            { accountId, currency, amountMinor, lineType, counterparty },
            { accountId: settlement, currency, amountMinor: -amountMinor, lineType, counterparty: null },
          ];
          return { id: newId<EntryId>(), kind: 'FUNDING' as const, transferId: null, description, legs };
        }),
      );
      const verdicts = await postEntries(ledger, entries);
      const refused = verdicts.find(({ posted }) => !posted);
      if (refused) throw new Error(`not posted: ${JSON.stringify(refused)}`);
      one.deps.wakeUp.signal();
    },
    async close() {
      await one.stop();
      try {
        await expectBooksOk(database.pool('dwaybank_transfer'));
      } finally {
        await database.drop();
      }
    },
  };
}
