import type { Entry, EntrySpending, LedgerRefusal } from '../ledger/entry.ts';
import type { HoldVerdict } from '../ledger/holds.ts';
import { legParameters, toLegColumns } from '../ledger/leg-columns.ts';
import type { Queryable } from '../platform/db.ts';
import type { AccountId, HoldId, TransferId } from '../platform/ids.ts';
import type { Money } from '../platform/money.ts';

/*
 * The SQL functions for holds that production code calls from within other SQL functions alone (transfer.start_payout places, the functions
 * of payouts capture and keep), as tests call them one by one.
 */

/** How long a hold lasts unless something else is said. */
export const HOLD_LASTS_SECONDS = 30 * 60;

/** What a hold is asked to be. */
export interface HoldRequest {
  /** Placed again under the same id with the same figures it is held again, as it was then; with other figures it throws. */
  id: HoldId;
  accountId: AccountId;
  amount: Money;
  transferId: TransferId | null;
  /** Null: it never ends by itself. Missing: HOLD_LASTS_SECONDS. */
  lastsSeconds?: number | null;
  /** What it counts against the owner's limits, from now on; a capture counts nothing more, a release gives its part back. */
  spending?: HoldSpending | null;
}

/** As an entry's; the currency is the hold's. */
export type HoldSpending = Omit<EntrySpending, 'currency'>;

/** Why no money was held. */
export type HoldRefusal = Exclude<LedgerRefusal, 'BALANCE_TOO_LARGE'>;

/** Why a hold could not be captured, increased or kept: its time is over, or it has ended otherwise. */
export type HoldEnded = 'HOLD_EXPIRED' | 'HOLD_CLOSED';

/** Holds money of an account that is available. */
export async function placeHold(
  db: Queryable,
  { id, accountId, amount, transferId, lastsSeconds = HOLD_LASTS_SECONDS, spending }: HoldRequest,
): Promise<HoldVerdict<HoldRefusal, { placedAt: Date; expiresAt: Date | null }>> {
  const { rows } = await db.query<{ verdict: 'HELD' | HoldRefusal; placed_at: Date; expires_at: Date | null }>({
    name: 'ledger-place-hold',
    text: `SELECT verdict, placed_at, expires_at FROM ledger.place_hold($1, $2, $3, $4, $5, make_interval(secs => $6), $7, $8, $9, $10, $11)`,
    values: [
      id,
      accountId,
      amount.amountMinor.toString(),
      amount.currency,
      transferId,
      lastsSeconds,
      spending?.ownerId ?? null,
      ...spendingParameters(spending),
    ],
  });
  const { verdict, placed_at: placedAt, expires_at: expiresAt } = rows[0]!;
  return verdict === 'HELD' ? { ok: true, placedAt, expiresAt } : { ok: false, refusal: verdict };
}

/**
 * Posts an entry out of a hold: what leaves the hold's account by it is captured. A `final` capture frees what is left. A frozen
 * account's hold can be captured too, because the money was promised before.
 */
export async function captureHold(
  db: Queryable,
  holdId: HoldId,
  entry: Omit<Entry, 'spending'>,
  { final }: { final: boolean },
): Promise<HoldVerdict<HoldEnded | 'CAPTURE_EXCEEDS_HOLD' | LedgerRefusal>> {
  const [, ...legs] = legParameters(toLegColumns([entry.legs]));
  const { rows } = await db.query<{
    verdict: 'POSTED' | HoldEnded | 'CAPTURE_EXCEEDS_HOLD' | LedgerRefusal;
    posted_at: Date;
  }>({
    name: 'ledger-capture-hold',
    text: `SELECT verdict, posted_at FROM ledger.capture_hold($1, $2, $3, $4, $5, $6,
             $7::uuid[], $8::uuid[], $9::text[], $10::numeric[], $11::text[], $12::text[])`,
    values: [holdId, final, entry.id, entry.kind, entry.transferId, entry.description, ...legs],
  });
  const { verdict, posted_at: at } = rows[0]!;
  return verdict === 'POSTED' ? { ok: true, at } : { ok: false, refusal: verdict };
}

/** Holds more under the same hold; its expiry stays. What it counts is needed when the hold counts, and only then. */
export async function increaseHold(
  db: Queryable,
  holdId: HoldId,
  amountMinor: bigint,
  spending: Omit<HoldSpending, 'ownerId'> | null = null,
): Promise<HoldVerdict<HoldEnded | HoldRefusal>> {
  const { rows } = await db.query<{ verdict: 'INCREASED' | HoldEnded | HoldRefusal; at: Date }>({
    name: 'ledger-increase-hold',
    text: 'SELECT verdict, at FROM ledger.increase_hold($1, $2, $3, $4, $5, $6)',
    values: [holdId, amountMinor.toString(), ...spendingParameters(spending)],
  });
  const { verdict, at } = rows[0]!;
  return verdict === 'INCREASED' ? { ok: true, at } : { ok: false, refusal: verdict };
}

/** Moves a hold's expiry; null: it never ends, because money that was sent is never freed by a clock. */
export async function keepHold(db: Queryable, holdId: HoldId, until: Date | null = null): Promise<'KEPT' | HoldEnded> {
  const { rows } = await db.query<{ outcome: 'KEPT' | HoldEnded }>({
    name: 'ledger-keep-hold',
    text: 'SELECT ledger.keep_hold($1, $2) AS outcome',
    values: [holdId, until],
  });
  return rows[0]!.outcome;
}

function spendingParameters(spending: Omit<HoldSpending, 'ownerId'> | null | undefined): (string | null)[] {
  if (!spending) return [null, null, null, null];
  const { usdMinor, bankDailyUsdMinor, bankMonthlyUsdMinor, amountMinor } = spending;
  return [usdMinor, bankDailyUsdMinor, bankMonthlyUsdMinor, amountMinor].map(String);
}
