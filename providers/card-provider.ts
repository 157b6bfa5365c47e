import type { TransferId, UserId } from '../platform/ids.ts';

/*
 * What the bank asks of whoever charges cards. An adapter speaks its provider's wire format and says here what came of it.
 * The one thing it must never blur is "declined" against "unknown": after an answer was lost, money may have moved.
 */

/** A card the provider keeps for the customer. */
export interface SavedCard {
  /** What charges name it by; worth nothing without the bank's own key. */
  reference: string;
  /** For example "visa". */
  brand: string;
  last4: string;
  /** Of the month in which it ends, for example 4 and 2030. */
  expiresMonth: number;
  expiresYear: number;
}

/** What became of a charge. */
export type Charge =
  | { outcome: 'SUCCEEDED'; chargeId: string }
  /** Final: no money moved. `code` is the provider's own, for example "insufficient_funds". */
  | { outcome: 'DECLINED'; chargeId: string | null; code: string; message: string }
  /** The provider works on it: ask again with findCharge. */
  | { outcome: 'PENDING'; chargeId: string };

export interface ChargeRequest {
  /** The provider's own idempotency key: the same key is charged once. */
  key: string;
  /** Travels as metadata, by which the charge is found again. */
  transferId: TransferId;
  reference: string;
  amountMinor: bigint;
  currency: string;
}

/** It is not known what the provider did: the answer did not come, or made no sense. Ask again by key and metadata. */
export class ProviderOutcomeUnknownError extends Error {
  override readonly name = 'ProviderOutcomeUnknownError';
}

/** The provider said no to something that moves no money, for example to an unknown token. `code` is its own. */
export class ProviderRefusedError extends Error {
  override readonly name = 'ProviderRefusedError';
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A provider of card payments. Every call ends within the signal's time; throws as said above. */
export interface CardProvider {
  name: 'stripe';
  /** Keeps the card behind a token that the customer's app got from the provider. */
  saveCard(token: string, ownerId: UserId, signal: AbortSignal): Promise<SavedCard>;
  /** The card as the provider knows it now; null when it does not know it any more. */
  findCard(reference: string, signal: AbortSignal): Promise<SavedCard | null>;
  /** Forgets the card. Doing it twice is fine. */
  removeCard(reference: string, signal: AbortSignal): Promise<void>;
  charge(request: ChargeRequest, signal: AbortSignal): Promise<Charge>;
  /** The charge made for a transfer, by metadata; null when there is none (a very recent one may not be found yet). */
  findCharge(transferId: TransferId, signal: AbortSignal): Promise<Charge | null>;
}
