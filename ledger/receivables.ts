import type { Queryable } from '../platform/db.ts';
import { newId, type AccountId, type EntryId, type PostingId, type TransferId, type UserId } from '../platform/ids.ts';
import type { Money } from '../platform/money.ts';

/*
 * What customers owe the bank since money was taken back that they had spent, and its collection. ledger.collect_receivable decides, under
 * the account's lock (prisma/ledger/migrations/20261121100400_receivables).
 */

/** What was taken of a receivable at one time. */
export interface Collection {
  accountId: AccountId;
  amount: Money;
  at: Date;
}

/** What a customer owes, or has owed. */
export interface Receivable {
  /** The entry that laid it out. */
  id: EntryId;
  debtorId: UserId;
  /** The refund that gave back more than the debtor had. */
  transferId: TransferId | null;
  amount: Money;
  collected: Money;
  outstanding: Money;
  since: Date;
  /** Whole days until it was settled, or until now, by the database's clock. */
  ageDays: number;
  settledAt: Date | null;
  /** The newest MOST_COLLECTIONS, newest first. */
  collections: Collection[];
}

/** What became of an attempt to collect: a verdict, and how much was taken. */
export interface CollectionVerdict {
  verdict: 'COLLECTED' | 'SETTLED' | 'NOTHING_AVAILABLE' | 'ACCOUNT_FROZEN' | 'ACCOUNT_CLOSED';
  amountMinor: bigint;
}

/** A receivable, and an account that money for it lies on. */
export interface Collectable {
  receivableId: EntryId;
  accountId: AccountId;
}

/**
 * Receivables that something can be collected of now, with the accounts it lies on: the oldest debt first, and of one debtor's accounts
 * the oldest. Nothing is locked; whether it is so still is decided by collectReceivable.
 */
export async function findCollectable(db: Queryable, limit: number): Promise<Collectable[]> {
  const { rows } = await db.query<Collectable>({
    name: 'ledger-find-collectable',
    text: `SELECT r.id AS "receivableId", a.id AS "accountId"
           FROM ledger.receivable r
           JOIN ledger.account a ON a.owner_id = r.debtor_id AND a.currency = r.currency
           WHERE r.settled_at IS NULL AND a.status = 'ACTIVE' AND a.posted - a.held > 0
           ORDER BY r.id, a.id LIMIT $1`,
    values: [limit],
  });
  return rows;
}

/**
 * Takes what the account has of its own, up to what is still owed. `entryId` names the attempt: once more with the same, it says what it did.
 */
export async function collectReceivable(
  db: Queryable,
  { receivableId, accountId }: Collectable,
  entryId: EntryId,
): Promise<CollectionVerdict> {
  const { rows } = await db.query<{ verdict: CollectionVerdict['verdict']; amount: string }>({
    name: 'ledger-collect-receivable',
    text: 'SELECT verdict, amount FROM ledger.collect_receivable($1, $2, $3, $4)',
    values: [receivableId, accountId, entryId, [newId<PostingId>(), newId<PostingId>()]],
  });
  const { verdict, amount } = rows[0]!;
  return { verdict, amountMinor: BigInt(amount) };
}

/** So many collections of a receivable are told. */
const MOST_COLLECTIONS = 100;

interface ReceivableRow {
  id: EntryId;
  debtor_id: UserId;
  transfer_id: TransferId | null;
  currency: string;
  amount: string;
  collected: string;
  laid_out_at: Date;
  age_days: number;
  settled_at: Date | null;
  collections: { accountId: AccountId; amount: string; at: string }[];
}

const ROWS = `SELECT r.*, e.transfer_id,
    floor(extract(epoch FROM coalesce(r.settled_at, clock_timestamp()) - r.laid_out_at) / 86400)::int AS age_days,
    (SELECT coalesce(json_agg(json_build_object('accountId', c.account_id, 'amount', c.amount::text, 'at', c.at) ORDER BY c.entry_id DESC), '[]')
     FROM (SELECT * FROM ledger.receivable_collection c WHERE c.receivable_id = r.id ORDER BY c.entry_id DESC LIMIT ${MOST_COLLECTIONS}) c
    ) AS collections
  FROM ledger.receivable r JOIN ledger.entry e ON e.id = r.id`;

/** A page of a list; `after` is the last row before it. */
interface ListPage {
  after: EntryId | null;
  limit: number;
}

/** What a customer owes and has owed, newest first. */
export async function receivablesOf(
  db: Queryable,
  { debtorId, after, limit }: ListPage & { debtorId: UserId },
): Promise<Receivable[]> {
  const { rows } = await db.query<ReceivableRow>({
    name: 'ledger-receivables-of',
    text: `${ROWS} WHERE r.debtor_id = $1 AND ($2::uuid IS NULL OR r.id < $2) ORDER BY r.id DESC LIMIT $3`,
    values: [debtorId, after, limit],
  });
  return rows.map(toReceivable);
}

/** What all customers owe, the oldest first. */
export async function outstandingReceivables(db: Queryable, { after, limit }: ListPage): Promise<Receivable[]> {
  const { rows } = await db.query<ReceivableRow>({
    name: 'ledger-outstanding-receivables',
    text: `${ROWS} WHERE r.settled_at IS NULL AND ($1::uuid IS NULL OR r.id > $1) ORDER BY r.id LIMIT $2`,
    values: [after, limit],
  });
  return rows.map(toReceivable);
}

function toReceivable(row: ReceivableRow): Receivable {
  const { currency } = row;
  const [amountMinor, collectedMinor] = [BigInt(row.amount), BigInt(row.collected)];
  return {
    id: row.id,
    debtorId: row.debtor_id,
    transferId: row.transfer_id,
    amount: { amountMinor, currency },
    collected: { amountMinor: collectedMinor, currency },
    outstanding: { amountMinor: amountMinor - collectedMinor, currency },
    since: row.laid_out_at,
    ageDays: row.age_days,
    settledAt: row.settled_at,
    collections: row.collections.map(({ accountId, amount, at }) => ({
      accountId,
      amount: { amountMinor: BigInt(amount), currency },
      at: new Date(at),
    })),
  };
}
