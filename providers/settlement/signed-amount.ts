import { scaleOf } from '../../platform/money.ts';

/**
 * Minor units of an amount as a report writes it, for example "-12.5", "0", "7.000"; null for what is none, or is finer than the currency.
 * Zeros beyond the currency's decimals say nothing and are taken.
 */
export function parseSignedAmount(text: string, currency: string): bigint | null {
  const match = /^([+-]?)([0-9]{1,30})(?:\.([0-9]{1,18}))?$/.exec(text.trim());
  if (!match) return null;
  const [, sign, whole = '', fraction = ''] = match;
  const scale = scaleOf(currency);
  if (/[1-9]/.test(fraction.slice(scale))) return null;
  const minor = BigInt(whole + fraction.slice(0, scale).padEnd(scale, '0'));
  return sign === '-' ? -minor : minor;
}
