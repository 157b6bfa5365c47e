import { POLICY } from '../platform/policy.ts';
import type { Offer, ProviderName } from './payout-provider.ts';
import type { Preference } from './registry.ts';

/*
 * Who carries a payout. Every number behind the choice is 0 to 100 and can be shown to the customer:
 *   health   the share of the provider's calls that went well of late; 0 while its breaker is open
 *   cost     100 for the cheapest of the offers, less for dearer ones in proportion
 *   speed    100 for the quickest of the offers, less for slower ones in proportion
 *   score    their weighted sum (POLICY.providers.weights)
 * Pure: no clock, no chance. The same offers give the same order.
 */

/** What one provider offers, and how it is. */
export interface ScoredOffer {
  name: ProviderName;
  offer: Offer;
  /** 0 to 100. */
  health: number;
  /** Its breaker is open: it comes after all others, whatever its score. */
  down: boolean;
}

/** The parts of a score. */
export interface Score {
  health: number;
  cost: number;
  speed: number;
  score: number;
}

/** A fee of zero does not make every other offer worthless: this part of the amount is added to each fee. */
const FEE_GROUND_PARTS = 1_000n;
/** Nor does "at once" make a minute worthless. */
const SPEED_GROUND_SECONDS = 60;

/** The offers with their scores, best first; those that are down come last, and equal ones go by name. */
export function scoreOffers<Item extends ScoredOffer>(
  offers: readonly Item[],
  { amountMinor, preference }: { amountMinor: bigint; preference: Preference },
): (Item & Score)[] {
  const cheapest = offers
    .map(({ offer }) => feeOf(offer))
    .reduce((least, fee) => (fee < least ? fee : least), 1n << 200n);
  const quickest = Math.min(...offers.map(({ offer }) => offer.usualSeconds));
  return offers
    .map((item) => {
      const parts = {
        health: item.down ? 0 : rounded(item.health),
        cost: costScore(feeOf(item.offer), cheapest, amountMinor),
        speed: speedScore(item.offer.usualSeconds, quickest),
      };
      return { ...item, ...parts, score: weightedScore(parts, preference) };
    })
    .sort((a, b) => Number(a.down) - Number(b.down) || b.score - a.score || a.name.localeCompare(b.name));
}

/** The weighted sum of the parts, 0 to 100. */
export function weightedScore(parts: { health: number; cost: number; speed: number }, preference: Preference): number {
  const weights = POLICY.providers.weights[preference];
  return rounded((weights.health * parts.health + weights.cost * parts.cost + weights.speed * parts.speed) / 100);
}

/** 100 for the cheapest, falling towards 0 as the fee grows. Counted in whole minor units until the last division. */
export function costScore(fee: bigint, cheapest: bigint, amountMinor: bigint): number {
  const ground = amountMinor / FEE_GROUND_PARTS + 1n;
  return Number(((cheapest + ground) * 10_000n) / (fee + ground)) / 100;
}

/** 100 for the quickest, falling towards 0 with the time it takes. */
export function speedScore(usualSeconds: number, quickest: number): number {
  return rounded((100 * (quickest + SPEED_GROUND_SECONDS)) / (usualSeconds + SPEED_GROUND_SECONDS));
}

function feeOf({ providerFeeMinor, networkFeeMinor }: Offer): bigint {
  return providerFeeMinor + networkFeeMinor;
}

/** Two decimals: what a person reads is what was compared. */
function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
