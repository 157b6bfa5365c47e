import type { LedgerRefusal } from '../../../ledger/entry.ts';
import type { Queryable } from '../../../platform/db.ts';
import {
  newId,
  type AccountId,
  type HoldId,
  type PaymentMethodId,
  type QuoteId,
  type TransferId,
  type UserId,
} from '../../../platform/ids.ts';
import { formatAmount, type Money } from '../../../platform/money.ts';
import { POLICY } from '../../../platform/policy.ts';
import type { Assessment } from '../../../platform/questions/assess-transfer.ts';
import type { ProviderName } from '../../../providers/payout-provider.ts';
import type { Preference } from '../../../providers/registry.ts';
import { MUTATION } from '../lookup-store.ts';
import { totalFees, writeFeeLines, type FeeLine } from '../quotes/fees.ts';
import type { QuoteRefusal } from '../refusals.ts';
import type { PlannedEnd } from '../transfer-batch.ts';

/** A transfer whose money is to be held before it moves: parsed, planned and assessed. */
export interface HeldTransfer {
  /** Fresh for every attempt: it also marks which attempt a key was decided by. */
  transferId: TransferId;
  /** Who asks; the source is theirs. */
  userId: UserId;
  idempotencyKey: string;
  bodyHash: Buffer;
  type: 'WITHDRAWAL' | 'EXTERNAL' | 'INTERNAL';
  amount: Money;
  feeLines: readonly FeeLine[];
  source: PlannedEnd;
  destination: {
    /** Of an INTERNAL. */
    accountId: AccountId | null;
    paymentMethodId: PaymentMethodId | null;
    ownerId: UserId | null;
    label: string;
    /** Of a payout; see PayoutEnd. */
    reference: string | null;
    holder: string | null;
  };
  description: string | null;
  preference: Preference | null;
  quoteId: QuoteId | null;
  quotedProvider: ProviderName | null;
  initiatedAt: Date;
  /** With the decision REVIEW a person must look first. */
  assessment: Assessment;
}

/** What became of it; as the verdicts of transfer-batch.ts. */
export type HeldVerdict =
  | { outcome: 'DONE'; transferId: TransferId }
  | { outcome: 'REFUSED'; code: LedgerRefusal | QuoteRefusal }
  | { outcome: 'REPLAYED'; transferId: TransferId; code: null }
  | { outcome: 'REPLAYED'; transferId: null; code: LedgerRefusal | QuoteRefusal }
  | { outcome: 'KEY_REUSED' };

/** Claims the key, holds the money and stores the transfer, in one commit. Running it again is safe and tells what the first run did. */
export async function storeHeld(db: Queryable, held: HeldTransfer): Promise<HeldVerdict> {
  const { assessment } = held;
  const review = assessment.decision === 'REVIEW';
  const { reviewDays, holdMinutes } = POLICY.payouts;
  const { rows } = await db.query<{
    outcome: HeldVerdict['outcome'];
    verdict: LedgerRefusal | QuoteRefusal | null;
    transfer_id: TransferId | null;
  }>({
    name: 'transfer-start-payout',
    text: `SELECT outcome, verdict, transfer_id FROM transfer.start_payout($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    values: [
      MUTATION,
      held.idempotencyKey,
      held.bodyHash,
      JSON.stringify(toRow(held)),
      held.quoteId,
      review,
      review ? `${reviewDays} days` : `${holdMinutes} minutes`,
      assessment.assessedAt,
      JSON.stringify(assessment),
      assessment.spending && JSON.stringify(assessment.spending),
      identityNote(assessment),
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
  }
}

/** Nobody's identity is verified by this bank yet, which is why the same limits hold for everybody: the ledger asks them as it holds the money. */
function identityNote({ spending }: Assessment): string | null {
  if (!spending) return null;
  const dollars = (usdMinor: string) => `${formatAmount(BigInt(usdMinor), 'USD')} USD`;
  const { bankDailyUsdMinor, bankMonthlyUsdMinor } = spending;
  return `Identity not verified: within ${dollars(bankDailyUsdMinor)} a day and ${dollars(bankMonthlyUsdMinor)} a month.`;
}

/** The columns of transfer.transfer that are known before it is stored. */
function toRow({ amount, source, destination, ...held }: HeldTransfer): Record<string, unknown> {
  return {
    id: held.transferId,
    user_id: held.userId,
    type: held.type,
    amount: amount.amountMinor.toString(),
    currency: amount.currency,
    fees: totalFees(held.feeLines).toString(),
    fee_lines: JSON.parse(writeFeeLines(held.feeLines)) as unknown,
    source_account_id: source.accountId,
    source_owner_id: source.ownerId,
    source_label: source.label,
    destination_account_id: destination.accountId,
    destination_payment_method_id: destination.paymentMethodId,
    destination_owner_id: destination.ownerId,
    destination_label: destination.label,
    destination_reference: destination.reference,
    destination_holder: destination.holder,
    description: held.description,
    preference: held.preference,
    quoted_provider: held.quotedProvider,
    hold_id: newId<HoldId>(),
    created_at: held.initiatedAt.toISOString(),
  };
}
