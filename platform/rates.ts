import { scaleOf } from './money.ts';
import { divideHalfEven } from './ratio.ts';

/**
 * Exchange rates of one day, and exact arithmetic with them. A rate is how much of a currency one US dollar buys, as a plain
 * decimal ("157.47729333" for JPY); every other pair follows as a cross rate. No floating-point number touches an amount.
 */
export interface Rates {
  /** The day they are of, YYYY-MM-DD. */
  date: string;
  /** By currency code, upper case; USD is always "1". */
  perUsd: Readonly<Record<string, string>>;
}

/** A positive rational number. */
export interface Fraction {
  numerator: bigint;
  denominator: bigint;
}

const PLAIN_DECIMAL = /^(0|[1-9][0-9]*)(?:\.([0-9]+))?$/;

/** A positive plain decimal as a fraction; null for anything else. */
export function parseRate(text: string | undefined): Fraction | null {
  const match = PLAIN_DECIMAL.exec(text ?? '');
  if (!match) return null;
  const [, whole = '0', decimals = ''] = match;
  const numerator = BigInt(whole + decimals);
  return numerator === 0n ? null : { numerator, denominator: 10n ** BigInt(decimals.length) };
}

/** How much of `to` one unit of `from` buys; null when a rate is missing. A currency is worth itself, whatever is known. */
export function crossRate({ perUsd }: Pick<Rates, 'perUsd'>, from: string, to: string): Fraction | null {
  if (from === to) return { numerator: 1n, denominator: 1n };
  const a = parseRate(from === 'USD' ? '1' : perUsd[from]);
  const b = parseRate(to === 'USD' ? '1' : perUsd[to]);
  return a && b && { numerator: b.numerator * a.denominator, denominator: b.denominator * a.numerator };
}

/** Minor units of `from` in minor units of `to` at a rate in major units, rounded half to even. */
export function convertMinor(
  amountMinor: bigint,
  from: string,
  to: string,
  { numerator, denominator }: Fraction,
): bigint {
  return divideHalfEven(
    amountMinor * numerator * 10n ** BigInt(scaleOf(to)),
    denominator * 10n ** BigInt(scaleOf(from)),
  );
}

/** An amount in another currency at that day's rate, rounded half to even; null when a rate is missing. */
export function valueIn(amountMinor: bigint, from: string, to: string, rates: Pick<Rates, 'perUsd'>): bigint | null {
  const rate = crossRate(rates, from, to);
  return rate && convertMinor(amountMinor, from, to, rate);
}
