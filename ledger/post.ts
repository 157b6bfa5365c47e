import type { Queryable } from '../platform/db.ts';
import type { Entry, EntrySpending, LedgerRefusal } from './entry.ts';
import { legParameters, toLegColumns } from './leg-columns.ts';

/** What became of one entry. */
export type EntryVerdict = { posted: true; at: Date } | { posted: false; refusal: LedgerRefusal };

/**
 * Posts entries, each whole or not at all, and says for each what became of it: a refused one does not disturb the others.
 * Within the call they happen one after the other. Throws when an entry does not sum to zero in every currency.
 *
 * Posting twice the same is up to the caller: the ledger knows no idempotency keys, but an entry id can be used only once.
 */
export async function postEntries(db: Queryable, entries: readonly Entry[]): Promise<EntryVerdict[]> {
  if (entries.length === 0) return [];
  const { rows } = await db.query<{ verdict: 'POSTED' | LedgerRefusal; posted_at: Date }>({
    name: 'ledger-post-batch',
    text: `SELECT verdict, posted_at FROM ledger.post_batch($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::boolean[],
             $6::int[], $7::uuid[], $8::uuid[], $9::text[], $10::numeric[], $11::text[], $12::text[], $13::uuid[], $14::numeric[],
             $15::numeric[], $16::numeric[], $17::text[], $18::numeric[]) ORDER BY entry_no`,
    values: [
      entries.map(({ id }) => id),
      entries.map(({ kind }) => kind),
      entries.map(({ transferId }) => transferId),
      entries.map(({ description }) => description),
      entries.map(() => true),
      ...legParameters(toLegColumns(entries.map(({ legs }) => legs))),
      ...spendingParameters(entries.map(({ spending }) => spending ?? null)),
    ],
  });
  return rows.map(({ verdict, posted_at }) =>
    verdict === 'POSTED' ? { posted: true, at: posted_at } : { posted: false, refusal: verdict },
  );
}

/** Posts one entry, for example the funding of an account out of the bank's settlement account. */
export async function postEntry(db: Queryable, entry: Entry): Promise<EntryVerdict> {
  const [verdict] = await postEntries(db, [entry]);
  return verdict!;
}

/** What each entry counts against limits, as the arrays of `ledger.post_batch`. */
function spendingParameters(spendings: readonly (EntrySpending | null)[]): unknown[] {
  return [
    spendings.map((spending) => spending?.ownerId ?? null),
    spendings.map((spending) => spending?.usdMinor.toString() ?? null),
    spendings.map((spending) => spending?.bankDailyUsdMinor.toString() ?? null),
    spendings.map((spending) => spending?.bankMonthlyUsdMinor.toString() ?? null),
    spendings.map((spending) => spending?.currency ?? null),
    spendings.map((spending) => spending?.amountMinor.toString() ?? null),
  ];
}
