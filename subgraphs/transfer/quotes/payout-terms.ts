import type { Money } from '../../../platform/money.ts';
import type { Candidate, Preference, ProviderRegistry, WantedPayout } from '../../../providers/registry.ts';
import { feeLines, totalFees } from './fees.ts';
import type { QuotedOption, Terms } from './quote.ts';

/** A payout whose price is asked. */
export interface PayoutToQuote {
  type: 'WITHDRAWAL' | 'EXTERNAL';
  amount: Money;
  wanted: WantedPayout;
  preference: Preference;
  /** Who can carry it now, best first. */
  candidates: readonly [Candidate, ...Candidate[]];
}

/**
 * What a payout costs through each provider that could carry it; the best one is recommended. What is suggested as cheaper is exactly
 * what the preference CHEAP would lead to, so that it can be had by asking for it.
 */
export function payoutTerms(providers: Pick<ProviderRegistry, 'candidates'>, payout: PayoutToQuote): Terms {
  const { type, amount, wanted, preference, candidates } = payout;
  const [best] = candidates;
  const lines = feeLines({ type, amount, offer: best.offer, preference });
  const usable = new Set(candidates.map(({ provider }) => provider.name));
  const cheapest = providers.candidates(wanted, 'CHEAP').find(({ provider }) => usable.has(provider.name));
  const cheaper = cheapest && optionOf(cheapest, payout, 'CHEAP');
  return {
    type,
    amount,
    feeLines: lines,
    destinationAmount: amount,
    exchange: null,
    provider: best.provider.name,
    options: candidates.map((candidate) => optionOf(candidate, payout, preference)),
    cheaper: cheaper && cheaper.feesMinor < totalFees(lines) ? cheaper : null,
  };
}

function optionOf(
  { provider, offer, health, cost, speed, score }: Candidate,
  { type, amount }: PayoutToQuote,
  preference: Preference,
): QuotedOption {
  return {
    provider: provider.name,
    preference,
    feesMinor: totalFees(feeLines({ type, amount, offer, preference })),
    usualSeconds: Math.round(offer.usualSeconds),
    health: Math.round(health),
    cost: Math.round(cost),
    speed: Math.round(speed),
    score: Math.round(score),
  };
}
