import type { Offer, PayoutKind, PayoutProvider, ProviderName, ProviderType } from './payout-provider.ts';

/** What a customer may prefer; the default is neither. */
export type Preference = 'BALANCED' | 'CHEAP' | 'FAST';

/** A payout that wants carrying. */
export interface WantedPayout {
  kind: PayoutKind;
  /** Of kind IBAN. */
  iban?: string;
  amountMinor: bigint;
  currency: string;
}

/** A provider that could carry it, with the figures behind its place in the list. Each part is 0 to 100. */
export interface Candidate {
  provider: PayoutProvider;
  offer: Offer;
  health: number;
  cost: number;
  speed: number;
  /** The weighted sum, 0 to 100. */
  score: number;
  /** Its breaker is open: what is sent there now is turned away. */
  down: boolean;
}

/** A provider as operators see it. */
export interface ProviderState {
  name: ProviderName;
  types: readonly ProviderType[];
  /** 0 to 100. */
  health: number;
  breaker: 'CLOSED' | 'OPEN' | 'HALF_OPEN';
  /** When it was last asked how it is; null before the first time. */
  checkedAt: Date | null;
}

/** All providers of payouts. */
export interface ProviderRegistry {
  /** Those that can carry it, best first; none when nobody can. Paused and excluded ones are the caller's to leave out. */
  candidates(wanted: WantedPayout, preference: Preference): Candidate[];
  /** By name; null when this bank has none of that name. */
  find(name: string): PayoutProvider | null;
  states(): ProviderState[];
  /** Ends the health checks. */
  close(): Promise<void>;
}
