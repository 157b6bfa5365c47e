import type { ProviderId } from '../platform/config.ts';
import type { TransferId } from '../platform/ids.ts';
import type { Money } from '../platform/money.ts';
import { ProviderOutcomeUnknownError } from './card-provider.ts';

/*
 * What the bank asks of whoever carries money out of it. An adapter speaks its provider's wire format and says here what came of it.
 * Four things must never blur: done, declined, under way, and unknown. After an answer was lost, money may have moved.
 */

/** What a provider is for. More may come; nobody outside this folder lists them all. */
export type ProviderType = 'ON_RAMP' | 'OFF_RAMP' | 'BANK' | 'MOBILE_MONEY';

/** By which the registry, the settlement accounts and the webhooks know a provider: lower case letters. */
export type ProviderName = ProviderId;

/** Where money goes outside this bank. */
export type PayoutDestination =
  /** A card that Stripe keeps; `reference` as CardProvider gave it. */
  | { kind: 'CARD'; reference: string; holder: string }
  /** Back to the card that was charged for a deposit: a refund of that charge, by whoever made it. */
  | { kind: 'CHARGE'; depositId: TransferId; holder: string }
  /** An account at a bank that is not named by an IBAN: the code of the bank as its country numbers banks. */
  | { kind: 'BANK_ACCOUNT'; bankCode: string; accountNumber: string; holder: string }
  /** ISO 13616, without blanks. */
  | { kind: 'IBAN'; iban: string; holder: string }
  /** A telephone number, E.164 (+254712345678); the network where the number alone does not tell it, for example MPS or MTN. */
  | { kind: 'MOBILE_MONEY'; phone: string; network: string | null; holder: string };

export type PayoutKind = PayoutDestination['kind'];

/** What is to be carried. */
export interface PayoutRequest {
  /** Our own name for it, by which the provider knows a repetition and by which it is found again: 32 hex digits of the transfer's id. */
  key: string;
  transferId: TransferId;
  amountMinor: bigint;
  currency: string;
  destination: PayoutDestination;
  /** For the recipient's statement; may be cut to what the provider takes. */
  description: string | null;
}

/** What became of a payout, by the provider's word. */
export type Payout =
  /** Final: the recipient has it. `feeMinor` is what the provider took for it, where it says so. */
  | { outcome: 'SUCCEEDED'; reference: string; feeMinor: bigint | null }
  /** The provider works on it; `step` is a finer step for the timeline. */
  | { outcome: 'PENDING'; reference: string; step: 'BANK_PROCESSING' | 'CLEARING' }
  /** Final: no money moved. `code` is the provider's own, for example "insufficient_balance". */
  | { outcome: 'DECLINED'; reference: string | null; code: string; message: string }
  /** It had succeeded, and the money came back later (a return, a reversal). Final. */
  | { outcome: 'RETURNED'; reference: string; code: string; message: string };

/** What a provider asks for a payout, and how long it takes. Amounts are in the payout's currency. */
export interface Offer {
  /** What the provider itself takes. */
  providerFeeMinor: bigint;
  /** What the rail behind it takes (card network, mobile operator, interbank). */
  networkFeeMinor: bigint;
  /** Until the recipient usually has it. */
  usualSeconds: number;
}

/** A provider that pays out. Every call ends within the signal's time. */
export interface PayoutProvider {
  readonly name: ProviderName;
  readonly types: readonly ProviderType[];
  /** What it asks for such a payout; null when it cannot carry it (kind, currency, amount, country). Pure and quick. */
  offer(payout: { kind: PayoutKind; iban?: string; amountMinor: bigint; currency: string }): Offer | null;
  /**
   * Sends it, once per key however often it is asked. Throws ProviderOutcomeUnknownError (card-provider.ts) when it is not known
   * whether it was taken, and ProviderUnreachableError when it certainly was not.
   */
  send(request: PayoutRequest, signal: AbortSignal): Promise<Payout>;
  /**
   * What became of the payout with a key (with `depositId`: of the refund of that deposit's charge); null means "not here": the
   * provider never took it and, because we have stopped sending, never will. While that cannot be said for certain yet, it throws
   * ProviderNotCertainYetError; ProviderOutcomeUnknownError when it could not be asked, or shows something
   * of another amount than `amount`. `reference` is its own name for it, where that is known.
   */
  find(
    payout: {
      key: string;
      transferId: TransferId;
      sentAt: Date;
      depositId?: TransferId;
      amount?: Money;
      reference?: string | null;
    },
    signal: AbortSignal,
  ): Promise<Payout | null>;
  /** Resolves when the provider answers as it should. */
  checkHealth(signal: AbortSignal): Promise<void>;
  close?(): Promise<void>;
}

/** Nothing was sent: the connection was refused, or the breaker is open. Another provider may be asked. */
export class ProviderUnreachableError extends Error {
  override readonly name = 'ProviderUnreachableError';
}

/**
 * The provider answered well and does not know the payout, but may still take it (a search that lags, a cut-off that has not
 * passed): not here now is not never. Ask later. It is an unknown outcome, and no fault of the provider's.
 */
export class ProviderNotCertainYetError extends ProviderOutcomeUnknownError {}

/** Something a provider tells on its own (a webhook, a line of a status file), already proved to be from it. */
export interface ProviderNotice {
  provider: ProviderName;
  /** Unique at the provider: the same id is the same notice. */
  eventId: string;
  /** The provider's word for it, for example "transfer.success". */
  type: string;
  /** Our key, where it is about a payout of ours. */
  key: string | null;
  /** Our transfer, where the provider carries it (metadata). */
  transferId: TransferId | null;
  /**
   * What it says of the payout; null for what is not about one, or says nothing by itself. It is a hint: the payout is asked for with `find`
   * before anything is believed, and the two are compared.
   */
  payout: Payout | null;
  /** The amount that it says the payment has; null where it says none. */
  amount: Money | null;
}

/** How a provider's webhooks are proved and read. */
export interface WebhookReader {
  readonly provider: ProviderName;
  /**
   * The notice in a request, or why it is none: BAD_SIGNATURE (401), TOO_OLD (401), MALFORMED (400). `body` is what was received,
   * byte for byte; header names are in lower case.
   */
  read(
    request: { headers: Readonly<Record<string, string | undefined>>; body: Buffer },
    now: Date,
  ): ProviderNotice | 'BAD_SIGNATURE' | 'TOO_OLD' | 'MALFORMED';
}
