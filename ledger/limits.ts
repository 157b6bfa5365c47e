import type { Queryable } from '../platform/db.ts';
import { groupBy } from '../platform/group-by.ts';
import type { UserId } from '../platform/ids.ts';

/*
 * What may leave a customer, and what has left, per UTC day and month. Limits are set and read here; they are checked and
 * counted where money moves, under the ledger's locks (ledger.post_batch).
 */

/** All accounts together, counted in US cents; or one currency, counted in its own minor units. */
export type LimitScope = 'TOTAL' | (string & {});

/** A customer's own limits in one scope, and what counts against them. */
export interface SpendingCounter {
  scope: LimitScope;
  /** Null: the customer has set none. The bank's own limit on TOTAL is not here: it belongs to risk. */
  dailyMinor: bigint | null;
  monthlyMinor: bigint | null;
  /** In the present UTC day and month; may be above a limit that was lowered later. */
  spentTodayMinor: bigint;
  spentThisMonthMinor: bigint;
}

/**
 * Sets a customer's own limits in a scope; null takes one away. It holds for every posting that has not been decided yet. What
 * was spent so far counts, also in a currency that had no limit before.
 */
export async function setSpendingLimit(
  tx: Queryable,
  {
    ownerId,
    scope,
    dailyMinor,
    monthlyMinor,
  }: { ownerId: UserId; scope: LimitScope; dailyMinor: bigint | null; monthlyMinor: bigint | null },
): Promise<void> {
  await tx.query({
    name: 'ledger-set-limit',
    text: 'SELECT ledger.set_limit($1, $2, $3, $4)',
    values: [ownerId, scope, dailyMinor?.toString() ?? null, monthlyMinor?.toString() ?? null],
  });
}

interface CounterRow {
  owner_id: UserId;
  scope: string;
  daily: string | null;
  monthly: string | null;
  spent_today: string;
  spent_this_month: string;
}

/** The limits of customers, TOTAL first; who never had an account is missing from the map. */
export async function readSpending(
  db: Queryable,
  ownerIds: readonly UserId[],
): Promise<ReadonlyMap<UserId, SpendingCounter[]>> {
  const { rows } = await db.query<CounterRow>({
    name: 'ledger-spending-of',
    text: `SELECT owner_id, scope, daily, monthly, spent_today, spent_this_month FROM ledger.spending_of($1::uuid[])
           ORDER BY owner_id, scope <> 'TOTAL', scope`,
    values: [ownerIds],
  });
  const byOwner = groupBy(rows, ({ owner_id }) => owner_id);
  return new Map([...byOwner].map(([ownerId, counters]) => [ownerId, counters.map(toCounter)]));
}

function toCounter({ scope, daily, monthly, spent_today, spent_this_month }: CounterRow): SpendingCounter {
  return {
    scope,
    dailyMinor: daily === null ? null : BigInt(daily),
    monthlyMinor: monthly === null ? null : BigInt(monthly),
    spentTodayMinor: BigInt(spent_today),
    spentThisMonthMinor: BigInt(spent_this_month),
  };
}
