import type { Queryable } from '../platform/db.ts';
import type { AccountId, PostingId } from '../platform/ids.ts';

/** An account's money at one version. */
export interface LedgerBalance {
  accountId: AccountId;
  /** Sum of all postings so far. */
  postedMinor: bigint;
  /** Reserved by open holds. */
  heldMinor: bigint;
  /** How far available may go beyond posted - held. */
  overdraftMinor: bigint;
  /** Grows by exactly 1 with every change; 0 when opened. */
  version: number;
  /** When this version came about. */
  at: Date;
}

/** A version together with what led to it. */
export interface LedgerBalanceChange extends LedgerBalance {
  /** Null when a hold or the overdraft changed. */
  postingId: PostingId | null;
  /** Signed; 0n when a hold or the overdraft changed. */
  amountMinor: bigint;
}

/** What can be spent. */
export function availableMinor({ postedMinor, heldMinor, overdraftMinor }: LedgerBalance): bigint {
  return postedMinor - heldMinor + overdraftMinor;
}

/** A balance as a row of a query. */
export interface BalanceRow {
  account_id: AccountId;
  posted: string;
  held: string;
  overdraft: string;
  version: string;
  at: Date;
}

/** The present balances of customer accounts; what does not exist is missing from the map. */
export async function balances(
  db: Queryable,
  ids: readonly AccountId[],
): Promise<ReadonlyMap<AccountId, LedgerBalance>> {
  const { rows } = await db.query<BalanceRow>({
    name: 'ledger-balances',
    text: `SELECT id AS account_id, posted, held, overdraft, version, changed_at AS at
           FROM ledger.account WHERE id = ANY ($1::uuid[]) AND owner_id IS NOT NULL`,
    values: [ids],
  });
  return new Map(rows.map((row) => [row.account_id, toBalance(row)]));
}

/** A moment at which an account's balance is asked for. */
export interface BalanceMoment {
  accountId: AccountId;
  at: Date;
}

/**
 * Balances as they were at moments, in the order asked for; null for an account that does not exist. Before the first change
 * it is zero at version 0. What this has said about a moment that is past stays so for ever; a moment to come means now.
 */
export async function balancesAsOf(
  db: Queryable,
  moments: readonly BalanceMoment[],
): Promise<(LedgerBalance | null)[]> {
  const { rows } = await db.query<BalanceRow & { place: string }>({
    name: 'ledger-balances-as-of',
    // Each may wait for its account's lock, so they go in the order in which postings lock accounts: by id.
    text: `SELECT moment.place, moment.account_id, posted, held, overdraft, version, balance.at
           FROM (SELECT * FROM unnest($1::uuid[], $2::timestamptz[]) WITH ORDINALITY AS asked (account_id, at, place)
                 ORDER BY account_id) AS moment
           CROSS JOIN LATERAL ledger.balance_as_of(moment.account_id, moment.at) AS balance`,
    values: [moments.map(({ accountId }) => accountId), moments.map(({ at }) => at)],
  });
  const found = new Map(rows.map((row) => [Number(row.place), toBalance(row)]));
  return moments.map((_moment, index) => found.get(index + 1) ?? null);
}

/** The changes of an account after a version, oldest first: version + 1, + 2 … without a gap, at most `limit`. */
export async function changesAfter(
  db: Queryable,
  accountId: AccountId,
  version: number,
  limit: number,
): Promise<LedgerBalanceChange[]> {
  const { rows } = await db.query<BalanceRow & { posting_id: PostingId | null; amount: string }>({
    name: 'ledger-changes-after',
    text: `SELECT account_id, posted, held, overdraft, version, at, posting_id, amount
           FROM ledger.balance_changes WHERE account_id = $1 AND version > $2 ORDER BY version LIMIT $3`,
    values: [accountId, version, limit],
  });
  return rows.map((row) => ({ ...toBalance(row), postingId: row.posting_id, amountMinor: BigInt(row.amount) }));
}

/** The balance of a row. */
export function toBalance({ account_id, posted, held, overdraft, version, at }: BalanceRow): LedgerBalance {
  return {
    accountId: account_id,
    postedMinor: BigInt(posted),
    heldMinor: BigInt(held),
    overdraftMinor: BigInt(overdraft),
    // Versions count single changes of one account: a number is exact far beyond what an account can see.
    version: Number(version),
    at,
  };
}
