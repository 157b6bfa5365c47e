import type { Offer } from './payout-provider.ts';

/** What a provider asks for payouts of one kind in one currency. Amounts are minor units. */
export interface Tariff {
  /** From the smallest amounts up; the last one says how much it carries at most. */
  tiers: readonly FeeTier[];
  /** Until the recipient usually has it. */
  usualSeconds: number;
}

export interface FeeTier {
  /** For amounts up to and with this. */
  upTo: bigint;
  fee: bigint;
  /** Beside the fee: hundredths of a per cent of the amount, rounded up. */
  basisPoints?: bigint;
}

const WHOLE = 10_000n;

/** The offer for an amount; null when the tariff does not carry so much, or there is none. */
export function offerOf(tariff: Tariff | undefined, amountMinor: bigint): Offer | null {
  const tier = amountMinor > 0n ? tariff?.tiers.find(({ upTo }) => amountMinor <= upTo) : undefined;
  if (!tariff || !tier) return null;
  const share = (amountMinor * (tier.basisPoints ?? 0n) + WHOLE - 1n) / WHOLE;
  return { providerFeeMinor: tier.fee + share, networkFeeMinor: 0n, usualSeconds: tariff.usualSeconds };
}
