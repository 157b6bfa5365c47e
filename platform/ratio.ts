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
  const total = parts.reduce((sum, part) => sum + part, 0n);
  if (total === 0n) return parts.map(() => '0');
  const unit = 10n ** BigInt(SHARE_DECIMALS);
  const floors = parts.map((part) => (part * unit) / total);
  const left = unit - floors.reduce((sum, floor) => sum + floor, 0n);
  const byRemainder = parts
    .map((part, index) => ({ index, remainder: (part * unit) % total }))
    .sort((a, b) => (a.remainder === b.remainder ? a.index - b.index : a.remainder > b.remainder ? -1 : 1));
  const lucky = new Set(byRemainder.slice(0, Number(left)).map(({ index }) => index));
  return floors.map((floor, index) => writeDecimal(lucky.has(index) ? floor + 1n : floor, SHARE_DECIMALS));
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
