import { openAccount, systemAccount } from '../ledger/accounts.ts';
import type { Entry, Leg, LineType } from '../ledger/entry.ts';
import { placeHold, type HoldRequest } from './holds.ts';
import { postEntry } from '../ledger/post.ts';
import type { Queryable } from '../platform/db.ts';
import type { AccountKind } from '../platform/events.ts';
import { newId, type AccountId, type EntryId, type HoldId, type UserId } from '../platform/ids.ts';
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
  /** Holds money of it, which must be there, and returns the hold. */
  hold(account: TestAccount, amountMinor: bigint, options?: Partial<HoldRequest>): Promise<HoldId>;
  /** A fingerprint of every row of the books and the event log: equal before and after what must leave no trace. */
  fingerprint(): Promise<Record<string, string>>;
  /** Makes all that has happened so far so many days older, as if the clock had gone on. */
  letDaysPass(days: number): Promise<void>;
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
    async hold({ accountId, currency }, amountMinor, options = {}) {
      const id = newId<HoldId>();
      const request = { id, accountId, amount: { amountMinor, currency }, transferId: null, ...options };
      const verdict = await placeHold(ledger, request);
      if (!verdict.ok) throw new Error(`the hold was refused: ${verdict.refusal}`);
      return id;
    },
    fingerprint: () => fingerprint(world.admin),
    letDaysPass: (days) => letDaysPass(database, days),
    drop: () => database.drop(),
  };
  return world;
}

const TABLES = [
  'ledger.account',
  'ledger.balance_changes',
  'ledger.entry',
  'ledger.hold',
  'ledger.hold_change',
  'ledger.hold_spending',
  'ledger.pocket',
  'ledger.posting',
  'ledger.posting_gate',
  'ledger.receivable',
  'ledger.receivable_collection',
  'ledger.reversal',
  'ledger.spending_limit',
  'platform.event',
];

async function fingerprint(admin: Queryable): Promise<Record<string, string>> {
  const { rows } = await admin.query<{ name: string; print: string }>({
    text: TABLES.map(
      (name) =>
        `SELECT '${name}' AS name, md5(coalesce(string_agg(t::text, ';' ORDER BY t::text), '')) AS print FROM ${name} t`,
    ).join(' UNION ALL '),
  });
  return Object.fromEntries(rows.map(({ name, print }) => [name, print]));
}

/** Columns of when something happened. */
const TIMES = [
  'entry.at',
  'posting.at',
  'balance_changes.at',
  'account.changed_at',
  'account.opened_at',
  'hold.placed_at',
  'hold.expires_at',
  'hold.ended_at',
  'hold_change.at',
  'hold_spending.at',
  'reversal.at',
  'receivable.laid_out_at',
  'receivable.settled_at',
  'receivable_collection.at',
];

async function letDaysPass(database: TestDatabase, days: number): Promise<void> {
  const client = await database.pool('postgres', { max: 1 }).connect();
  try {
    await client.query('BEGIN');
    await client.query('SET LOCAL session_replication_role = replica');
    for (const column of TIMES) {
      const [table, name] = column.split('.');
      await client.query(`UPDATE ledger.${table} SET ${name} = ${name} - make_interval(days => $1)`, [days]);
    }
    await client.query(
      `UPDATE ledger.spending_limit SET day = day - $1::int, month = date_trunc('month', (day - $1::int)::timestamp)`,
      [days],
    );
    await client.query('COMMIT');
  } finally {
    client.release();
  }
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
