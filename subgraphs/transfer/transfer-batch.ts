import type { QueryConfig } from 'pg';
import { arrayLiteral, legParameters, toLegColumns } from '../../ledger/leg-columns.ts';
import type { Leg, LedgerRefusal } from '../../ledger/entry.ts';
import type { AccountId, EntryId, QuoteId, TransferId, UserId } from '../../platform/ids.ts';
import { newId } from '../../platform/ids.ts';
import type { Money } from '../../platform/money.ts';
import type { Assessment } from '../../platform/questions/assess-transfer.ts';
import { MUTATION } from './lookup-store.ts';
import type { QuoteRefusal } from './refusals.ts';

/** The rate of an exchange as it is recorded. */
export interface AppliedRate {
  /** Destination per source unit, a plain decimal. */
  rate: string;
  /** YYYY-MM-DD. */
  rateDate: string;
}

/** One end of a planned transfer inside this bank. */
export interface PlannedEnd {
  accountId: AccountId;
  ownerId: UserId;
  /** For a person; what the other side may read. */
  label: string;
}

/** A transfer that is ready to be posted: parsed, planned and assessed. Nothing of it is stored yet. */
export interface PlannedTransfer {
  /** Fresh for every attempt: it also marks which attempt a key was decided by. */
  transferId: TransferId;
  /** Who asks; the idempotency key counts per user. */
  userId: UserId;
  idempotencyKey: string;
  /** SHA-256 of the normalised input: the same key with another hash is refused. */
  bodyHash: Buffer;
  type: 'INTERNAL' | 'EXCHANGE';
  amount: Money;
  /** What arrives. */
  destinationAmount: Money;
  /** Of an EXCHANGE: the rate that was applied and the day of the rates behind it. */
  exchange: AppliedRate | null;
  source: PlannedEnd;
  destination: PlannedEnd;
  description: string | null;
  /** When the request was accepted: the time of the INITIATED step. */
  initiatedAt: Date;
  assessment: Assessment;
  /** The postings, in the order in which they are applied; they sum to zero in every currency. */
  legs: readonly Leg[];
  /** The quote that it is made at, and that it uses up when it is posted. */
  quoteId?: QuoteId | null;
}

/** What became of a planned transfer. Everything but KEY_REUSED is stored with the key and stays so for ever. */
export type Verdict =
  /** Posted now; `at` is the time of the postings and of the COMPLETED step. */
  | { outcome: 'DONE'; transferId: TransferId; at: Date }
  /** Not posted, and never will be under this key. */
  | { outcome: 'REFUSED'; code: LedgerRefusal | QuoteRefusal }
  /** This key was decided before, for another attempt with the same body: read that transfer as it is now. */
  | { outcome: 'REPLAYED'; transferId: TransferId; code: null }
  /** This key was decided before, and the decision was no. */
  | { outcome: 'REPLAYED'; transferId: null; code: LedgerRefusal | QuoteRefusal }
  /** This key stands for another body. */
  | { outcome: 'KEY_REUSED' };

/** One row of the statement's answer. */
export interface OutcomeRow {
  outcome: Verdict['outcome'];
  verdict: LedgerRefusal | QuoteRefusal | null;
  transfer_id: TransferId | null;
  posted_at: Date | null;
}

const CREATE_TRANSFERS = `
  SELECT outcome, verdict, transfer_id, posted_at FROM transfer.create_transfers($1, $2::uuid[], $3::uuid[], $4::text[],
    $5::bytea[], $6::uuid[], $7::text[], $8::numeric[], $9::text[], $10::numeric[], $11::text[], $12::text[], $13::date[],
    $14::uuid[], $15::uuid[], $16::text[], $17::uuid[], $18::uuid[], $19::text[], $20::text[], $21::timestamptz[], $22::jsonb[],
    $23::uuid[], $24::numeric[], $25::numeric[], $26::numeric[],
    $27::int[], $28::uuid[], $29::uuid[], $30::text[], $31::numeric[], $32::text[], $33::text[], $34::uuid[]) ORDER BY item`;

/** A query with pg's own client-side timeout, which its type leaves out. */
interface TimedQuery extends QueryConfig {
  query_timeout: number;
}

/**
 * The one statement that makes transfers, in one commit, each with its own outcome. Running it again, also when the first run
 * may have been committed, is safe and tells what the first run did.
 */
export function createTransfersStatement(batch: readonly PlannedTransfer[], timeoutMs: number): TimedQuery {
  return {
    name: 'transfer-create-transfers',
    text: CREATE_TRANSFERS,
    values: parameters(batch),
    query_timeout: timeoutMs,
  };
}

/** The verdicts of a batch, in its order, from what the statement returned. */
export function toVerdicts(batch: readonly PlannedTransfer[], rows: readonly OutcomeRow[]): Verdict[] {
  if (rows.length !== batch.length) throw new Error(`${batch.length} transfers, ${rows.length} outcomes`);
  return rows.map(toVerdict);
}

function parameters(batch: readonly PlannedTransfer[]): unknown[] {
  const legs = toLegColumns(batch.map((planned) => planned.legs));
  return [
    MUTATION,
    arrayLiteral(batch.map(({ transferId }) => transferId)),
    arrayLiteral(batch.map(({ userId }) => userId)),
    batch.map(({ idempotencyKey }) => idempotencyKey),
    arrayLiteral(batch.map(({ bodyHash }) => `"\\\\x${bodyHash.toString('hex')}"`)),
    arrayLiteral(batch.map(() => newId<EntryId>())),
    arrayLiteral(batch.map(({ type }) => type)),
    arrayLiteral(batch.map(({ amount }) => amount.amountMinor.toString())),
    arrayLiteral(batch.map(({ amount }) => amount.currency)),
    arrayLiteral(batch.map(({ destinationAmount }) => destinationAmount.amountMinor.toString())),
    arrayLiteral(batch.map(({ destinationAmount }) => destinationAmount.currency)),
    arrayLiteral(batch.map(({ exchange }) => exchange?.rate ?? 'NULL')),
    arrayLiteral(batch.map(({ exchange }) => exchange?.rateDate ?? 'NULL')),
    arrayLiteral(batch.map(({ source }) => source.accountId)),
    arrayLiteral(batch.map(({ source }) => source.ownerId)),
    batch.map(({ source }) => source.label),
    arrayLiteral(batch.map(({ destination }) => destination.accountId)),
    arrayLiteral(batch.map(({ destination }) => destination.ownerId)),
    batch.map(({ destination }) => destination.label),
    batch.map(({ description }) => description),
    arrayLiteral(batch.map(({ initiatedAt }) => initiatedAt.toISOString())),
    batch.map(({ assessment }) => JSON.stringify({ ...assessment, spending: undefined })),
    arrayLiteral(batch.map(({ assessment, userId }) => (assessment.spending ? userId : 'NULL'))),
    arrayLiteral(batch.map(({ assessment }) => assessment.spending?.usdMinor ?? 'NULL')),
    arrayLiteral(batch.map(({ assessment }) => assessment.spending?.bankDailyUsdMinor ?? 'NULL')),
    arrayLiteral(batch.map(({ assessment }) => assessment.spending?.bankMonthlyUsdMinor ?? 'NULL')),
    ...legParameters(legs),
    // Null for a batch without quotes, which then is not looked through for them.
    batch.some(({ quoteId }) => quoteId) ? batch.map(({ quoteId }) => quoteId ?? null) : null,
  ];
}

function toVerdict({ outcome, verdict, transfer_id, posted_at }: OutcomeRow): Verdict {
  // What each outcome comes with is laid down in the migration of create_transfers; a test goes through all of them.
  switch (outcome) {
    case 'DONE':
      return { outcome, transferId: transfer_id!, at: posted_at! };
    case 'REFUSED':
      return { outcome, code: verdict! };
    case 'REPLAYED':
      return transfer_id
        ? { outcome, transferId: transfer_id, code: null }
        : { outcome, transferId: null, code: verdict! };
    case 'KEY_REUSED':
      return { outcome };
  }
}
