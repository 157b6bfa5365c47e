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
  /**
   * Moves an account into the past, which only the administrator of a test can: it was opened at the first moment, and its versions 1, 2,
   * 3 … came about at the others. For accounts that share no entry with another customer's.
   */
  backdate(accountId: AccountId, openedAt: Date, versionsAt: readonly Date[]): Promise<void>;
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
    backdate: (accountId, openedAt, versionsAt) => backdate(database, accountId, openedAt, versionsAt),
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

async function backdate(
  database: TestDatabase,
  accountId: AccountId,
  openedAt: Date,
  versionsAt: readonly Date[],
): Promise<void> {
  const admin = await database.pool('postgres', { max: 1 }).connect();
  const run = (sql: string, ...values: unknown[]) => admin.query(sql, [accountId, ...values]);
  try {
    // What is written once cannot be changed, unless triggers are off.
    await admin.query('BEGIN; SET LOCAL session_replication_role = replica');
    await run('UPDATE ledger.account SET opened_at = $2, changed_at = $3 WHERE id = $1', openedAt, versionsAt.at(-1) ?? openedAt); // prettier-ignore
    const { rowCount } = await run(
      `UPDATE ledger.balance_changes c SET at = v.at FROM unnest($2::timestamptz[]) WITH ORDINALITY AS v (at, version)
       WHERE c.account_id = $1 AND c.version = v.version`,
      versionsAt,
    );
    if (rowCount !== versionsAt.length) throw new Error(`account ${accountId} has no ${versionsAt.length} versions`);
    await run(`UPDATE ledger.entry e SET at = c.at FROM ledger.balance_changes c JOIN ledger.posting p ON p.id = c.posting_id
               WHERE c.account_id = $1 AND e.id = p.entry_id`);
    await run(`UPDATE ledger.posting p SET at = e.at FROM ledger.entry e
               WHERE p.entry_id = e.id AND e.id IN (SELECT entry_id FROM ledger.posting WHERE account_id = $1)`);
    await run(`UPDATE ledger.hold_change h SET at = c.at FROM ledger.balance_changes c
               WHERE c.account_id = $1 AND h.account_id = $1 AND h.version = c.version`);
    await run(`UPDATE ledger.hold h SET placed_at = c.first, ended_at = CASE WHEN h.ended_at IS NOT NULL THEN c.last END
               FROM (SELECT hold_id, min(at) AS first, max(at) AS last FROM ledger.hold_change GROUP BY hold_id) c
               WHERE h.account_id = $1 AND c.hold_id = h.id`);
    await admin.query('COMMIT');
  } finally {
    await admin.query('ROLLBACK');
    admin.release();
  }
}
