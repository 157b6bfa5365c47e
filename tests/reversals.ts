import type { LedgerRefusal } from '../ledger/entry.ts';
import type { Queryable } from '../platform/db.ts';
import { newId, type EntryId, type PostingId } from '../platform/ids.ts';

/** What the ledger says to a reversal. */
export type ReversalVerdict =
  'POSTED' | 'REFUND_EXCEEDS_REMAINING' | 'REVERSAL_OF_REVERSAL' | 'NOT_REVERSIBLE' | LedgerRefusal;

/** Takes back an entry, in part or (null) whole, without the transfer that a customer would see. */
export async function reverseEntry(
  db: Queryable,
  reverses: EntryId,
  amountMinor: bigint | null,
  shortfall: 'REFUSE' | 'RECEIVABLE' = 'REFUSE',
  id = newId<EntryId>(),
): Promise<{ id: EntryId; verdict: ReversalVerdict; receivableMinor: bigint }> {
  const postings = Array.from({ length: 3 }, () => newId<PostingId>());
  const { rows } = await db.query<{ verdict: ReversalVerdict; receivable: string }>({
    text: 'SELECT verdict, receivable FROM ledger.reverse_entry($1, $2, $3, $4, NULL, $5, $6)',
    values: [id, postings, reverses, amountMinor?.toString() ?? null, 'Taken back', shortfall],
  });
  return { id, verdict: rows[0]!.verdict, receivableMinor: BigInt(rows[0]!.receivable) };
}
