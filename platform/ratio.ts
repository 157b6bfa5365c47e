/** Exact decimals of quotients and parts, for shares and changes. No floating-point number on the way. */

/** Decimals of a ratio: a millionth is finer than anybody reads. */
const RATIO_DECIMALS = 6;
/** Decimals of a share: a hundredth of a per cent. */
const SHARE_DECIMALS = 4;

/** numerator / denominator, rounded half to even; trailing zeros are left out: 1/4 is "0.25", -1/2 is "-0.5", 3/1 is "3". */
export function ratio(numerator: bigint, denominator: bigint): string {
  return writeDecimal(divideHalfEven(numerator * 10n ** BigInt(RATIO_DECIMALS), denominator), RATIO_DECIMALS);
}

/** numerator / denominator as a whole number, rounded half to even (IEEE 754's default; errors of many roundings cancel out). */
export function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  if (denominator === 0n) throw new Error('a division by zero');
  const negative = numerator < 0n !== denominator < 0n;
  const dividend = magnitude(numerator);
  const divisor = magnitude(denominator);
  const quotient = dividend / divisor;
  const twice = (dividend % divisor) * 2n;
  const up = twice > divisor || (twice === divisor && quotient % 2n === 1n);
  const rounded = up ? quotient + 1n : quotient;
  return negative ? -rounded : rounded;
}

/**
 * Each part's share of their sum, 0 to 1. Rounded by the largest remainder (Hamilton), so that the shares add up to exactly 1;
 * of equal remainders the earlier part gets the unit. Parts must not be negative; when all are zero, so are the shares.
 */
export function shares(parts: readonly bigint[]): string[] {
  if (parts.every((part) => part === 0n)) return parts.map(() => '0');
  return allot(10n ** BigInt(SHARE_DECIMALS), parts).map((share) => writeDecimal(share, SHARE_DECIMALS));
}

/**
 * Divides an amount into so many equal parts, or by weights, without losing a unit: 100 in 3 is 34, 33, 33. What rounding down leaves
 * goes by the largest remainder (Hamilton), of equal ones to the earlier part; a negative amount is divided as its magnitude. Weights
 * must not be negative, nor all zero.
 */
export function allot(amountMinor: bigint, parts: number | readonly bigint[]): bigint[] {
  const weights = typeof parts === 'number' ? Array.from({ length: parts }, () => 1n) : parts;
  const total = weights.reduce((sum, weight) => sum + weight, 0n);
  if (total <= 0n || weights.some((weight) => weight < 0n)) throw new Error('there is nobody to divide among');
  if (amountMinor < 0n) return allot(-amountMinor, weights).map((part) => -part);
  const floors = weights.map((weight) => (amountMinor * weight) / total);
  const left = amountMinor - floors.reduce((sum, floor) => sum + floor, 0n);
  const byRemainder = weights
    .map((weight, index) => ({ index, remainder: (amountMinor * weight) % total }))
    .sort((a, b) => (a.remainder === b.remainder ? a.index - b.index : a.remainder > b.remainder ? -1 : 1));
  const lucky = new Set(byRemainder.slice(0, Number(left)).map(({ index }) => index));
  return floors.map((floor, index) => (lucky.has(index) ? floor + 1n : floor));
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value;
}

function writeDecimal(scaled: bigint, decimals: number): string {
  const digits = magnitude(scaled)
    .toString()
    .padStart(decimals + 1, '0');
  const fraction = digits.slice(-decimals).replace(/0+$/, '');
  const sign = scaled < 0n ? '-' : '';
  return `${sign}${digits.slice(0, -decimals)}${fraction && `.${fraction}`}`;
}
