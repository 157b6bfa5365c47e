import type { AccountId, PayeeId, PaymentMethodId, TransferId, UserId } from '../ids.ts';
import type { ClientOrigin } from '../viewer.ts';

/**
 * What transfer asks risk before money moves. It is a pure question: risk stores nothing until the posting transaction
 * records the assessment, so that no assessment exists without its transfer.
 */
export interface AssessTransferQuestion {
  transferId: TransferId;
  customerId: UserId;
  type: 'INTERNAL' | 'DEPOSIT' | 'EXCHANGE' | 'WITHDRAWAL' | 'EXTERNAL';
  /** Null for a DEPOSIT. */
  sourceAccountId: AccountId | null;
  /** Null for a WITHDRAWAL and an EXTERNAL. */
  destinationAccountId: AccountId | null;
  /** The owner of the destination; for a WITHDRAWAL the payment method, for an EXTERNAL the payee. */
  recipientId: UserId | PaymentMethodId | PayeeId;
  /** Minor units, as digits. */
  amountMinor: string;
  currency: string;
  origin: ClientOrigin;
}

/** What follows from an assessment; the graph's enum RiskDecision. */
export type RiskDecision = 'ALLOW' | 'STEP_UP' | 'REVIEW' | 'BLOCK';
/** The graph's enum RiskLevel. */
export type RiskLevel = 'LOW' | 'MEDIUM' | 'HIGH' | 'CRITICAL';

export interface RiskFactor {
  name: 'amount' | 'velocity' | 'geography' | 'behaviour' | 'device';
  /** 0 to 100. */
  score: number;
  /** 0 to 1, as a decimal string; what is unknown drops out and the others share its weight. */
  weight: string;
  reason: string;
}

export interface Assessment {
  /** 0 to 100. */
  score: number;
  level: RiskLevel;
  decision: RiskDecision;
  /** Heaviest first. */
  factors: RiskFactor[];
  /** RFC 3339. */
  assessedAt: string;
  /** What it counts against the customer's spending limits; null when nothing leaves the customer. */
  spending: Spending | null;
  /** What risk wants to remember of it when it is posted. Nobody else reads it. */
  evidence: Record<string, unknown>;
}

/** What a transfer counts against the spending limits, in US cents at the recorded rates, and the bank's own limits for this customer. */
export interface Spending {
  /** Digits. */
  usdMinor: string;
  bankDailyUsdMinor: string;
  bankMonthlyUsdMinor: string;
}
