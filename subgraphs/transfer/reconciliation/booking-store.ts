import { readPostingStop } from '../../../ledger/posting-gate.ts';
import type { Queryable } from '../../../platform/db.ts';
import { newId, type EntryId, type PostingId, type TransferId } from '../../../platform/ids.ts';
import { POLICY } from '../../../platform/policy.ts';
import { SUBJECT_OF_LINE, type SettlementAccount } from './settlement-store.ts';

/*
 * What the bank books because a provider's statement says so: what the provider took for itself, and the bank's own money that came or went. What
 * was assumed when a payout was paid is corrected by the difference, once (transfer.book_settlement).
 */

/** What statements say of one subject in total. */
interface Told {
  kind: 'CHARGE' | 'OWN_FUNDS';
  subject: string;
  transferId: TransferId | null;
  /** Signed as on the statement. */
  total: string;
}

/** Books what open lines say and the books do not. While posting is stopped nothing: the lines stay open. */
export async function bookTold(tx: Queryable, account: SettlementAccount): Promise<void> {
  if (await readPostingStop(tx)) return;
  const told = await readTold(tx, account);
  if (told.length === 0) return;
  const { overAssumedPercent, overAmountPercent } = POLICY.reconciliation.charges;
  await tx.query({
    name: 'transfer-book-settlement',
    text: 'SELECT transfer.book_settlement($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
    values: [
      account.provider,
      account.currency,
      told.map(({ kind }) => kind),
      told.map(({ subject }) => subject),
      told.map(({ transferId }) => transferId),
      told.map(({ total }) => total),
      overAssumedPercent,
      overAmountPercent,
      told.map(() => newId<EntryId>()),
      told.flatMap(() => [newId<PostingId>(), newId<PostingId>()]),
    ],
  });
}

/** All that was ever told of the subjects that have an open line, in the order of their transfers. */
async function readTold(tx: Queryable, { provider, currency }: SettlementAccount): Promise<Told[]> {
  const { rows } = await tx.query<Told>({
    name: 'transfer-read-told-bookings',
    text: `SELECT l.kind, ${SUBJECT_OF_LINE} AS subject, t.id AS "transferId", sum(l.amount)::text AS total
           FROM settlement_line l LEFT JOIN transfer t ON t.id = l.reference::uuid
           WHERE l.provider = $1 AND l.currency = $2 AND l.kind <> 'PAYMENT'
           GROUP BY 1, 2, 3 HAVING bool_or(l.match_id IS NULL) ORDER BY 3, 2`,
    values: [provider, currency],
  });
  return rows;
}

/** A charge that a person should look at. */
export interface ExceptionalCharge {
  entryId: string;
  subject: string;
  transferId: TransferId | null;
  amountMinor: bigint;
  bookedOn: string;
}

/** Charges that are far from what was to be expected. */
export async function exceptionalCharges(
  tx: Queryable,
  { provider, currency }: SettlementAccount,
): Promise<ExceptionalCharge[]> {
  const { rows } = await tx.query<Omit<ExceptionalCharge, 'amountMinor'> & { amount: string }>({
    name: 'transfer-exceptional-charges',
    text: `SELECT entry_id AS "entryId", subject, transfer_id AS "transferId", amount::text,
             to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS "bookedOn"
           FROM settlement_booking WHERE provider = $1 AND currency = $2 AND exceptional ORDER BY entry_id`,
    values: [provider, currency],
  });
  return rows.map(({ amount, ...charge }) => ({ ...charge, amountMinor: BigInt(amount) }));
}
