import type { LedgerRefusal } from '../../../ledger/entry.ts';
import type { Queryable } from '../../../platform/db.ts';
import { newId, type EntryId, type PostingId, type TransferId } from '../../../platform/ids.ts';
import type { Money } from '../../../platform/money.ts';
import { POLICY } from '../../../platform/policy.ts';
import type { PayoutDestination } from '../../../providers/payout-provider.ts';
import { parsePayoutReference } from '../../../providers/payout-reference.ts';
import type { Preference } from '../../../providers/registry.ts';
import type { TransferStatus } from '../generated/resolvers.ts';

/* What of payouts is stored: the SQL functions of the migration "payouts". Each is one transaction under the transfer's lock. */

/** How an attempt ended. NOT_HERE: the provider never took it; UNREACHABLE: it never heard of it. */
export type AttemptOutcome = 'SUCCEEDED' | 'DECLINED' | 'UNREACHABLE' | 'NOT_HERE' | 'RETURNED';

/** One giving of a payout to one provider. */
export interface Attempt {
  number: number;
  provider: string;
  sentAt: Date;
  /** How long ago that was, by the database's clock. */
  sentAgoMs: number;
  /** Null: it may yet pay. */
  outcome: AttemptOutcome | null;
  /** The provider's own name for it. */
  reference: string | null;
  code: string | null;
  message: string | null;
}

/** A payout as the job sees it. */
export interface StoredPayout {
  transferId: TransferId;
  status: TransferStatus;
  amount: Money;
  destination: PayoutDestination;
  description: string | null;
  preference: Preference;
  quotedProvider: string | null;
  /** What it waits for before it is given to a provider, or fails: staff, where a provider has contradicted itself, or the account, which is frozen. */
  waitsFor: 'STAFF' | 'ACCOUNT' | null;
  /** False: the payment method that it goes to was disconnected. What was taken from a card goes back to it all the same. */
  methodActive: boolean;
  /** In the order in which they were made. */
  attempts: Attempt[];
}

interface AttemptRow extends Omit<Attempt, 'sentAt'> {
  sentAt: string;
}

/** Reads a payout with its attempts; null when the transfer is none. */
export async function readPayout(db: Queryable, transferId: TransferId): Promise<StoredPayout | null> {
  const { rows } = await db.query<{
    status: TransferStatus;
    amount: string;
    currency: string;
    reference: string;
    holder: string;
    description: string | null;
    preference: Preference;
    quoted_provider: string | null;
    waits_for: StoredPayout['waitsFor'];
    method_active: boolean;
    attempts: AttemptRow[];
  }>({
    name: 'transfer-read-payout',
    text: `SELECT t.status, t.amount, t.currency, t.destination_reference AS reference, t.destination_holder AS holder, t.description,
             t.preference, t.quoted_provider, transfer.payout_waits_for(t.id, t.source_account_id) AS waits_for,
             t.refund_of IS NOT NULL OR NOT EXISTS (
               SELECT FROM transfer.payment_method m WHERE m.id = t.destination_payment_method_id AND NOT m.active) AS method_active,
             coalesce((
               SELECT jsonb_agg(jsonb_build_object('number', a.attempt, 'provider', a.provider, 'sentAt', a.sent_at,
                 'sentAgoMs', round(extract(epoch FROM clock_timestamp() - a.sent_at) * 1000),
                 'outcome', a.outcome, 'reference', a.reference, 'code', a.code, 'message', a.message) ORDER BY a.attempt)
               FROM transfer.provider_attempt a WHERE a.transfer_id = t.id), '[]') AS attempts
           FROM transfer.transfer t WHERE t.id = $1 AND t.destination_reference IS NOT NULL`,
    values: [transferId],
  });
  const row = rows[0];
  if (!row) return null;
  return {
    transferId,
    status: row.status,
    amount: { amountMinor: BigInt(row.amount), currency: row.currency },
    destination: parsePayoutReference(row.reference, row.holder),
    description: row.description,
    preference: row.preference,
    quotedProvider: row.quoted_provider,
    waitsFor: row.waits_for,
    methodActive: row.method_active,
    attempts: row.attempts.map((attempt) => ({ ...attempt, sentAt: new Date(attempt.sentAt) })),
  };
}

/** What a provider was chosen by, as it is kept. */
export interface ChoiceFigures {
  preference: Preference;
  candidates: { provider: string; health: number; cost: number; speed: number; score: number }[];
}

/** Gives a payout to a provider, on paper, and keeps its hold: the number of the attempt; null when it must not be sent (any more). */
export async function sendPayout(
  db: Queryable,
  transferId: TransferId,
  { provider, figures, note }: { provider: string; figures: ChoiceFigures; note: string },
): Promise<number | null> {
  const { rows } = await db.query<{ sent: boolean; attempt: number }>({
    name: 'transfer-send-payout',
    text: 'SELECT sent, attempt FROM transfer.send_payout($1, $2, $3, $4)',
    values: [transferId, provider, JSON.stringify(figures), note],
  });
  const { sent, attempt } = rows[0]!;
  return sent ? attempt : null;
}

/** Which attempt of which payout something is said of. */
export interface AttemptOf {
  transferId: TransferId;
  number: number;
}

/** Whether an attempt is open, and so new that what is sent now is there, or will never be, before anybody trusts a "not here". */
export async function isStillToSend(db: Queryable, { transferId, number }: AttemptOf): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'transfer-is-still-to-send',
    text: `SELECT FROM transfer.provider_attempt WHERE transfer_id = $1 AND attempt = $2 AND outcome IS NULL
             AND clock_timestamp() - sent_at < $3 * interval '1 millisecond'`,
    values: [transferId, number, POLICY.payouts.beginWithinMs],
  });
  return rowCount === 1;
}

/** Notes what a provider does, or that it says nothing, while the attempt is open. */
export async function notePayout(
  db: Queryable,
  { transferId, number }: AttemptOf,
  said: {
    status: 'PROVIDER_PROCESSING' | 'PROVIDER_CONFIRMING';
    step?: string;
    note?: string;
    reference?: string;
  },
): Promise<void> {
  await db.query({
    name: 'transfer-note-payout',
    text: 'SELECT transfer.note_payout($1, $2, $3, $4, $5, $6)',
    values: [transferId, number, said.status, said.step ?? null, said.note ?? null, said.reference ?? null],
  });
}

/** KNOWN: that was said before, or is older news. CONTRADICTION: it and what was said before cannot both be true. */
export type AnswerVerdict = 'DONE' | 'KNOWN' | 'CONTRADICTION';

/** What the ledger says no with to a capture. */
export type CaptureRefusal = LedgerRefusal | 'HOLD_EXPIRED' | 'HOLD_CLOSED' | 'CAPTURE_EXCEEDS_HOLD';

/** The provider has paid: captures the hold. */
export async function completePayout(
  db: Queryable,
  { transferId, number }: AttemptOf,
  { reference, feeMinor }: { reference: string | null; feeMinor: bigint | null },
): Promise<AnswerVerdict | CaptureRefusal> {
  const { rows } = await db.query<{ verdict: AnswerVerdict | CaptureRefusal }>({
    name: 'transfer-complete-payout',
    text: 'SELECT transfer.complete_payout($1, $2, $3, $4, $5, $6) AS verdict',
    values: [transferId, number, reference, feeMinor?.toString() ?? null, newId<EntryId>(), postingIds(6)],
  });
  return rows[0]!.verdict;
}

/** No money moved there: another provider may be asked. */
export async function closeAttempt(
  db: Queryable,
  { transferId, number }: AttemptOf,
  end: {
    outcome: 'DECLINED' | 'UNREACHABLE' | 'NOT_HERE';
    reference?: string | null;
    code: string;
    message: string;
  },
): Promise<AnswerVerdict> {
  const { rows } = await db.query<{ verdict: AnswerVerdict }>({
    name: 'transfer-close-attempt',
    text: 'SELECT transfer.close_attempt($1, $2, $3, $4, $5, $6) AS verdict',
    values: [transferId, number, end.outcome, end.reference ?? null, end.code, end.message],
  });
  return rows[0]!.verdict;
}

/** What had arrived came back: gives it back to the account. OPEN: it was not known yet that it had arrived. */
export async function returnPayout(
  db: Queryable,
  { transferId, number }: AttemptOf,
  { code, message }: { code: string; message: string },
): Promise<AnswerVerdict | 'OPEN' | 'SUSPENDED' | LedgerRefusal> {
  const { rows } = await db.query<{ verdict: AnswerVerdict | 'OPEN' | 'SUSPENDED' | LedgerRefusal }>({
    name: 'transfer-return-payout',
    text: 'SELECT transfer.return_payout($1, $2, $3, $4, $5, $6) AS verdict',
    values: [transferId, number, code, message, newId<EntryId>(), postingIds(2)],
  });
  return rows[0]!.verdict;
}

/** Releases the money of a payout that nobody carries, and ends it as FAILED. Returns the status it has then. */
export async function failPayout(
  db: Queryable,
  transferId: TransferId,
  { code, note }: { code: string; note: string | null },
): Promise<TransferStatus> {
  return statusAfter(db, 'fail-payout', 'SELECT transfer.fail_payout($1, $2, $3) AS status', [transferId, code, note]);
}

/** It cannot be failed in one piece: from now on it is undone piece by piece. Returns the status it has then. */
export async function beginCompensation(
  db: Queryable,
  transferId: TransferId,
  { code, note }: { code: string; note: string },
): Promise<TransferStatus> {
  const text = 'SELECT transfer.begin_compensation($1, $2, $3) AS status';
  return statusAfter(db, 'begin-compensation', text, [transferId, code, note]);
}

/** Undoes one piece of a transfer that is COMPENSATING. Doing it twice is fine. */
export async function compensateStep(db: Queryable, transferId: TransferId, piece: 'RESERVE' | 'QUOTE'): Promise<void> {
  await db.query({
    name: 'transfer-compensate-step',
    text: 'SELECT transfer.compensate_step($1, $2)',
    values: [transferId, piece],
  });
}

async function statusAfter(db: Queryable, name: string, text: string, values: unknown[]): Promise<TransferStatus> {
  const { rows } = await db.query<{ status: TransferStatus }>({ name: `transfer-${name}`, text, values });
  return rows[0]!.status;
}

function postingIds(count: number): PostingId[] {
  return Array.from({ length: count }, () => newId<PostingId>());
}
