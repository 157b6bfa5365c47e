import type { Queryable } from '../platform/db.ts';
import type { HoldId } from '../platform/ids.ts';

/*
 * Holds: money that is promised to a transfer and not posted yet. The SQL functions of the same names decide, under the account's
 * lock and by the database's clock (prisma/ledger/migrations/20261121100002_place_and_capture). What does not exist, or is not in
 * whole minor units, is a bug of the caller and throws. Here is what code calls: placing, capturing and keeping a hold is part of larger
 * transactions, and so called by transfer's SQL functions; nobody increases one yet but pockets. Tests call them through tests/holds.ts.
 */

/** What became of it; nothing was changed when it was refused. */
export type HoldVerdict<Code extends string, Result = { at: Date }> =
  ({ ok: true } & Result) | { ok: false; refusal: Code };

/** Gives up part of a hold, or all that is left of it (null), and the limits what they counted for it. */
export async function releaseHold(
  db: Queryable,
  holdId: HoldId,
  amountMinor: bigint | null = null,
): Promise<HoldVerdict<'HOLD_CLOSED' | 'RELEASE_EXCEEDS_HOLD'>> {
  const { rows } = await db.query<{ verdict: 'RELEASED' | 'HOLD_CLOSED' | 'RELEASE_EXCEEDS_HOLD'; at: Date }>({
    name: 'ledger-release-hold',
    text: 'SELECT verdict, at FROM ledger.release_hold($1, $2)',
    values: [holdId, amountMinor?.toString() ?? null],
  });
  const { verdict, at } = rows[0]!;
  return verdict === 'RELEASED' ? { ok: true, at } : { ok: false, refusal: verdict };
}

/** Ends up to `limit` holds that are past their expiry; how many it were. */
export async function expireHolds(db: Queryable, limit: number): Promise<number> {
  const { rows } = await db.query<{ expired: number }>({
    name: 'ledger-expire-holds',
    text: 'SELECT ledger.expire_holds($1) AS expired',
    values: [limit],
  });
  return rows[0]!.expired;
}
