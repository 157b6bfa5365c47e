import { divideHalfEven } from '../../../platform/ratio.ts';

/*
 * Robust statistics on minor units: one odd payment moves a mean and a standard deviation as far as it likes, a median and the
 * median deviation from it (MAD) hardly at all. (Hampel 1974; Leys et al. 2013, "Detecting outliers: do not use standard
 * deviation around the mean, use absolute deviation around the median".)
 */

/** The middle amount; of an even number the half-even rounded middle of the two. There has to be one. */
export function median(amounts: readonly bigint[]): bigint {
  if (amounts.length === 0) throw new Error('a median of nothing');
  const sorted = [...amounts].sort(compareAmounts);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[half]! : divideHalfEven(sorted[half - 1]! + sorted[half]!, 2n);
}

/** The median of the distances from the median. */
export function medianDeviation(amounts: readonly bigint[]): bigint {
  const middle = median(amounts);
  return median(amounts.map((amount) => magnitude(amount - middle)));
}

/** True when an amount is at most so many per cent of another away from it. */
export function isWithin(amount: bigint, of: bigint, percent: bigint): boolean {
  return magnitude(amount - of) * 100n <= magnitude(of) * percent;
}

/**
 * How steady positive amounts are, 50 to 100: 100 when the median deviation is nothing, 50 when it is the median itself or more.
 */
export function steadiness(amounts: readonly bigint[]): number {
  const middle = median(amounts);
  const spread = middle === 0n ? 100n : (medianDeviation(amounts) * 100n) / middle;
  return 100 - Math.round(Number(spread < 100n ? spread : 100n) / 2);
}

/**
 * What so many observations are worth, in per cent: n / (n + k), the rule of succession's shape. It never reaches certainty, and
 * k observations are worth a half.
 */
export function observed(count: number, half = 1): number {
  return Math.round((100 * count) / (count + half));
}

/** Parts in per cent that all have to hold. */
export function allOf(...percents: readonly number[]): number {
  return Math.round(percents.reduce((product, percent) => (product * percent) / 100, 100));
}

function magnitude(amount: bigint): bigint {
  return amount < 0n ? -amount : amount;
}

/** For sorting, smallest first. */
export function compareAmounts(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
