import { openAccount, systemAccount } from '../ledger/accounts.ts';
import type { Entry, Leg, LineType } from '../ledger/entry.ts';
import { postEntry } from '../ledger/post.ts';
import type { Queryable } from '../platform/db.ts';
import type { AccountKind } from '../platform/events.ts';
import { newId, type AccountId, type EntryId, type UserId } from '../platform/ids.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';

/** A customer's account as tests hold it. */
export interface TestAccount {
  accountId: AccountId;
  ownerId: UserId;
  currency: string;
}

/** A database with the books in it, and hands to work on them. */
export interface LedgerWorld {
  database: TestDatabase;
  /** As dwaybank_ledger. */
  ledger: Queryable;
  /** As the administrator: sees everything, and may do what production code cannot. */
  admin: Queryable;
  open(options?: { ownerId?: UserId; currency?: string; kind?: AccountKind }): Promise<TestAccount>;
  fund(account: TestAccount, amountMinor: bigint): Promise<void>;
  /** Opens an account with money on it. */
  funded(amountMinor: bigint, currency?: string): Promise<TestAccount>;
  drop(): Promise<void>;
}

export async function createLedgerWorld(): Promise<LedgerWorld> {
  const database = await createTestDatabase();
  const wallet = database.pool('dwaybank_wallet', { max: 2 });
  const ledger = database.pool('dwaybank_ledger');
  // Within one millisecond ids do not sort by age; accounts of a test do.
  let lastOpenedMs = 0;
  const world: LedgerWorld = {
    database,
    ledger,
    admin: database.pool('postgres', { max: 4 }),
    async open({ ownerId = newId<UserId>(), currency = 'USD', kind = 'PERSONAL' } = {}) {
      lastOpenedMs = Math.max(Date.now(), lastOpenedMs + 1);
      const accountId = newId<AccountId>(lastOpenedMs);
      await openAccount(wallet, { id: accountId, ownerId, currency, kind });
      return { accountId, ownerId, currency };
    },
    async fund({ accountId, currency }, amountMinor) {
      const settlement = await systemAccount(ledger, 'SETTLEMENT', currency);
      const verdict = await postEntry(
        ledger,
        entryOf([leg(settlement, -amountMinor, currency, 'DEPOSIT'), leg(accountId, amountMinor, currency, 'DEPOSIT')]),
      );
      if (!verdict.posted) throw new Error(`funding was refused: ${verdict.refusal}`);
    },
    async funded(amountMinor, currency = 'USD') {
      const account = await world.open({ currency });
      await world.fund(account, amountMinor);
      return account;
    },
    drop: () => database.drop(),
  };
  return world;
}

export function leg(
  accountId: AccountId,
  amountMinor: bigint,
  currency = 'USD',
  lineType: LineType = amountMinor < 0n ? 'TRANSFER_OUT' : 'TRANSFER_IN',
): Leg {
  return { accountId, currency, amountMinor, lineType, counterparty: 'The other end' };
}

export function entryOf(legs: readonly Leg[], description: string | null = null): Entry {
  return { id: newId<EntryId>(), kind: 'FUNDING', transferId: null, description, legs };
}

/** From one account to another. */
export function movement(from: TestAccount, to: TestAccount, amountMinor: bigint, currency = from.currency): Entry {
  return entryOf([leg(from.accountId, -amountMinor, currency), leg(to.accountId, amountMinor, currency)]);
}
