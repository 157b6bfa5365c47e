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
  /** Leaves out those that carry nothing just now. */
  mayCarry: (candidate: Candidate) => boolean;
}

/**
 * What a payout costs through each provider that could carry it; the best one is recommended. Null when nobody can. What is
 * suggested as cheaper is exactly what the preference CHEAP would lead to, so that it can be had by asking for it.
 */
export function payoutTerms(providers: Pick<ProviderRegistry, 'candidates'>, payout: PayoutToQuote): Terms | null {
  const { type, amount, preference } = payout;
  const candidates = candidatesFor(providers, payout, preference);
  const [best] = candidates;
  if (!best) return null;
  const lines = feeLines({ type, amount, offer: best.offer, preference });
  const [cheapest] = candidatesFor(providers, payout, 'CHEAP').map((candidate) => optionOf(candidate, payout, 'CHEAP'));
  return {
    type,
    amount,
    feeLines: lines,
    destinationAmount: amount,
    exchange: null,
    provider: best.provider.name,
    options: candidates.map((candidate) => optionOf(candidate, payout, preference)),
    cheaper: cheapest && cheapest.feesMinor < totalFees(lines) ? cheapest : null,
  };
}

function candidatesFor(
  providers: Pick<ProviderRegistry, 'candidates'>,
  { wanted, mayCarry }: PayoutToQuote,
  preference: Preference,
): Candidate[] {
  return providers.candidates(wanted, preference).filter((candidate) => mayCarry(candidate));
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
