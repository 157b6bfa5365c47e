import type { Queryable } from '../../platform/db.ts';
import type { StoredEvent } from '../../platform/events.ts';
import { newId, type AccountId, type EntryId, type PaymentMethodId, type PostingId } from '../../platform/ids.ts';
import type { QuoteId, TransferId, UserId } from '../../platform/ids.ts';
import type { LedgerRefusal } from '../../ledger/entry.ts';
import type { Money } from '../../platform/money.ts';
import type { Assessment } from '../../platform/questions/assess-transfer.ts';
import type { TransferStatus } from './generated/resolvers.ts';
import { MUTATION } from './lookup-store.ts';
import type { QuoteRefusal } from './refusals.ts';

/*
 * What of deposits is stored: the SQL functions of the migration "deposits", and the payment methods as transfer knows them.
 */

/** A linked payment method as this subgraph knows it. */
export interface LinkedMethod {
  id: PaymentMethodId;
  ownerId: UserId;
  provider: string;
  /** What the provider charges it by; null where nothing can be charged. */
  reference: string | null;
  label: string;
  /** False once it was disconnected. */
  active: boolean;
}

/** The payment method with an id, whoever it belongs to and whether it is active or not; null when there is none. */
export async function findPaymentMethod(db: Queryable, id: PaymentMethodId): Promise<LinkedMethod | null> {
  const { rows } = await db.query<LinkedMethod>({
    name: 'transfer-find-payment-method',
    text: `SELECT id, owner_id AS "ownerId", provider, reference, label, active FROM payment_method WHERE id = $1`,
    values: [id],
  });
  return rows[0] ?? null;
}

/** Takes over what events say about payment methods: the newest fact about each counts, in whatever order they come. */
export async function recordPaymentMethods(
  tx: Queryable,
  events: readonly StoredEvent<'PaymentMethodConnected' | 'PaymentMethodDisconnected'>[],
): Promise<void> {
  for (const { type, payload } of events) {
    if (type === 'PaymentMethodConnected') {
      const { paymentMethodId, ownerId, provider, reference, label, at } = payload;
      await tx.query({
        name: 'transfer-record-payment-method',
        text: `INSERT INTO payment_method AS known (id, owner_id, provider, reference, label, active, changed_at)
               VALUES ($1, $2, $3, $4, $5, true, $6)
               ON CONFLICT (id) DO UPDATE SET reference = excluded.reference, label = excluded.label, active = true,
                 changed_at = excluded.changed_at
               WHERE known.changed_at <= excluded.changed_at`,
        values: [paymentMethodId, ownerId, provider, reference, label, at],
      });
    } else {
      await tx.query({
        name: 'transfer-forget-payment-method',
        text: 'UPDATE payment_method SET active = false, changed_at = $2 WHERE id = $1 AND changed_at <= $2',
        values: [payload.paymentMethodId, payload.at],
      });
    }
  }
}

/** A deposit that is ready to be started: parsed, planned and assessed. */
export interface PlannedDeposit {
  /** Fresh for every attempt: it also marks which attempt a key was decided by. */
  transferId: TransferId;
  /** Who asks; both ends are theirs. */
  userId: UserId;
  idempotencyKey: string;
  bodyHash: Buffer;
  amount: Money;
  source: { paymentMethodId: PaymentMethodId; reference: string; label: string };
  destination: { accountId: AccountId; label: string };
  description: string | null;
  initiatedAt: Date;
  assessment: Assessment;
  /** The quote that it is made at, and that it uses up. */
  quoteId?: QuoteId | null;
}

/** What became of a planned deposit; as the verdicts of transfer-batch.ts. */
export type StartVerdict =
  | { outcome: 'DONE'; transferId: TransferId }
  | { outcome: 'REPLAYED'; transferId: TransferId; code: null }
  | { outcome: 'REFUSED'; code: LedgerRefusal | QuoteRefusal }
  | { outcome: 'REPLAYED'; transferId: null; code: LedgerRefusal | QuoteRefusal }
  | { outcome: 'KEY_REUSED' };

/** Claims the key and stores the deposit as INITIATED, on an account that expects it, in one commit. Running it again is safe and tells what the first run did. */
export async function storeDeposit(db: Queryable, planned: PlannedDeposit): Promise<StartVerdict> {
  const { rows } = await db.query<{
    outcome: string;
    verdict: LedgerRefusal | QuoteRefusal | null;
    transfer_id: TransferId | null;
  }>({
    name: 'transfer-start-deposit',
    text: `SELECT outcome, verdict, transfer_id
           FROM transfer.start_deposit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15::jsonb, $16)`,
    values: [
      MUTATION,
      planned.transferId,
      planned.userId,
      planned.idempotencyKey,
      planned.bodyHash,
      planned.amount.amountMinor.toString(),
      planned.amount.currency,
      planned.source.paymentMethodId,
      planned.source.reference,
      planned.source.label,
      planned.destination.accountId,
      planned.destination.label,
      planned.description,
      planned.initiatedAt.toISOString(),
      JSON.stringify(planned.assessment),
      planned.quoteId ?? null,
    ],
  });
  const { outcome, verdict, transfer_id: transferId } = rows[0]!;
  // What each outcome comes with is laid down in the migration; a test goes through all of them.
  switch (outcome) {
    case 'DONE':
      return { outcome, transferId: transferId! };
    case 'REFUSED':
      return { outcome, code: verdict! };
    case 'REPLAYED':
      return transferId ? { outcome, transferId, code: null } : { outcome, transferId: null, code: verdict! };
    case 'KEY_REUSED':
      return { outcome };
    default:
      throw new Error(`start_deposit answered ${outcome}`);
  }
}

/** A deposit as the job sees it. */
export interface Deposit {
  transferId: TransferId;
  /** Who asked for it. */
  userId: UserId;
  status: TransferStatus;
  amount: Money;
  /** What the provider charges. */
  reference: string;
  methodActive: boolean;
  /** How long ago it was first given to the provider, by the database's clock; null when it was not yet. */
  sentAgoMs: number | null;
}

/** Reads a deposit with its payment method. */
export async function readDeposit(db: Queryable, transferId: TransferId): Promise<Deposit> {
  const { rows } = await db.query<{
    user_id: UserId;
    status: TransferStatus;
    amount: string;
    currency: string;
    source_reference: string;
    active: boolean | null;
    sent_ago_ms: string | null;
  }>({
    name: 'transfer-read-deposit',
    text: `SELECT t.user_id, t.status, t.amount, t.currency, t.source_reference, m.active,
             (SELECT round(extract(epoch FROM clock_timestamp() - min((s ->> 'at')::timestamptz)) * 1000)
              FROM jsonb_array_elements(t.timeline) AS s WHERE s ->> 'status' = 'SENT_TO_PROVIDER') AS sent_ago_ms
           FROM transfer.transfer t LEFT JOIN transfer.payment_method m ON m.id = t.source_payment_method_id
           WHERE t.id = $1 AND t.type = 'DEPOSIT'`,
    values: [transferId],
  });
  const row = rows[0];
  if (!row) throw new Error(`there is no deposit ${transferId}`);
  return {
    transferId,
    userId: row.user_id,
    status: row.status,
    amount: { amountMinor: BigInt(row.amount), currency: row.currency },
    reference: row.source_reference,
    methodActive: row.active ?? false,
    sentAgoMs: row.sent_ago_ms === null ? null : Number(row.sent_ago_ms),
  };
}

/** What became of a deposit that was charged. */
export interface Credit {
  /** Null: nothing is left to do; else what the ledger says no with, for now. */
  refusal: LedgerRefusal | null;
  /** For the call that has put the money on suspense, because it cannot go to whom it is for: the step that says why. */
  suspendedAs: 'HELD_IN_SUSPENSE' | 'CHARGED_AFTER_END' | null;
}

/** Credits a deposit that was charged, once; see transfer.complete_deposit. */
export async function completeDeposit(db: Queryable, transferId: TransferId): Promise<Credit> {
  const { rows } = await db.query<{ verdict: LedgerRefusal | null; suspended_as: Credit['suspendedAs'] }>({
    name: 'transfer-complete-deposit',
    text: 'SELECT verdict, suspended_as FROM transfer.complete_deposit($1, $2, $3, $4)',
    values: [transferId, newId<EntryId>(), newId<PostingId>(), newId<PostingId>()],
  });
  const { verdict, suspended_as: suspendedAs } = rows[0]!;
  return { refusal: verdict, suspendedAs };
}

/**
 * Begins to give back to its card what lies on suspense for a deposit, as a payout; false when there is nothing, or somebody has
 * begun before.
 */
export async function giveBackDeposit(db: Queryable, depositId: TransferId): Promise<boolean> {
  const { rows } = await db.query<{ begun: boolean }>({
    name: 'transfer-give-back-deposit',
    text: 'SELECT transfer.give_back_deposit($1, $2) AS begun',
    values: [depositId, newId<TransferId>()],
  });
  return rows[0]!.begun;
}
