import { formatAmount, isCurrency, scaleOf } from '../platform/money.ts';
import { plainDecimal } from './rates/plain-decimal.ts';

/** Whoever reads a JSON number has a double for it, in which so many digits are always exact. */
const EXACT_DIGITS = 15;

/**
 * An amount as a JSON number in major units, written digit by digit and never computed: 1250n USD is 12.50. Null when it has more
 * digits than its reader can keep.
 */
export function toMajorNumber(amountMinor: bigint, currency: string): string | null {
  if (amountMinor.toString().length > EXACT_DIGITS) return null;
  return formatAmount(amountMinor, currency);
}

/**
 * Minor units of a number in major units as a provider wrote it. Null for what is no number, has more decimals than the currency,
 * or more digits than are exact: then nobody knows what was written.
 */
export function fromMajorNumber(value: unknown, currency: string): bigint | null {
  if (typeof value !== 'number' || !Number.isFinite(value) || !isCurrency(currency)) return null;
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(plainDecimal(value));
  if (!match) return null;
  const [, sign = '', whole = '', fraction = ''] = match;
  const scale = scaleOf(currency);
  if (fraction.length > scale) return null;
  const digits = whole + fraction.padEnd(scale, '0');
  if (digits.replace(/^0+/, '').length > EXACT_DIGITS) return null;
  return BigInt(sign + digits);
}
