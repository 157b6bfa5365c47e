import type { Money } from '../../../platform/money.ts';
import type { Payout } from '../../../providers/payout-provider.ts';

/*
 * What a provider has told on its own, beside what it says when it is asked. Pure.
 *
 *   told        it says SUCCEEDED   PENDING   DECLINED      RETURNED      nothing is here
 *   SUCCEEDED   agrees              behind    contradicts   agrees        contradicts
 *   PENDING     agrees              agrees    agrees        agrees        contradicts
 *   DECLINED    contradicts         behind    agrees        contradicts   contradicts
 *   RETURNED    behind              behind    contradicts   agrees        contradicts
 */

/** BEHIND: what was told may still become true of what it says. */
export type Comparison = 'AGREES' | 'BEHIND' | 'CONTRADICTS';

/** Compares a notice with the provider's answer. Two names for one payout are a contradiction; `key` is ours, which counts as none. */
export function compareNotice(told: Payout, answer: Payout | null, key: string): Comparison {
  if (!answer) return 'CONTRADICTS';
  const names = [told.reference, answer.reference].filter((name) => name !== null && name !== key);
  if (new Set(names).size > 1) return 'CONTRADICTS';
  if (told.outcome === answer.outcome || told.outcome === 'PENDING') return 'AGREES';
  if (answer.outcome === 'PENDING') return 'BEHIND';
  if (told.outcome === 'SUCCEEDED' && answer.outcome === 'RETURNED') return 'AGREES';
  return told.outcome === 'RETURNED' && answer.outcome === 'SUCCEEDED' ? 'BEHIND' : 'CONTRADICTS';
}

/** Whether a notice tells of a fee that the provider does not confirm, or that nobody takes. */
export function feeDiffers(told: Payout, answer: Payout | null, amount: Money): boolean {
  if (told.outcome !== 'SUCCEEDED' || told.feeMinor === null) return false;
  if (!isLikelyFee(told.feeMinor, amount)) return true;
  return answer?.outcome === 'SUCCEEDED' && answer.feeMinor !== null && answer.feeMinor !== told.feeMinor;
}

/** Nobody pays for being paid, and no fee is larger than what it is for. */
export function isLikelyFee(feeMinor: bigint, { amountMinor }: Money): boolean {
  return feeMinor >= 0n && feeMinor <= amountMinor;
}
