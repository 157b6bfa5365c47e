import { groupBy } from '../../platform/group-by.ts';
import { scaleOf } from '../../platform/money.ts';
import { convertMinor, crossRate, valueIn, type Fraction, type Rates } from '../../platform/rates.ts';
import { divideHalfEven, shares } from '../../platform/ratio.ts';
import type { OutsideAccount, OwnedAccount } from './domain.ts';

/*
 * What people have, in one currency. Each holding is converted exactly and rounded once, half to even; totals are sums of what
 * is shown, so that a reader who adds the values up gets the total.
 */

type KnownRates = Pick<Rates, 'perUsd'>;

/** What a person has in one currency. All that follows from a price is null while no rate is known. */
export interface Holding {
  currency: string;
  quantityMinor: bigint;
  /** One whole unit, in minor units of the valuation currency. */
  priceMinor: bigint | null;
  /** How much of the valuation currency one unit buys, to twelve significant digits. */
  rate: string | null;
  valueMinor: bigint | null;
  /** Of the total; null as well while the total is not positive or something is overdrawn. */
  share: string | null;
  accountIds: string[];
}

/** One holding for each currency: those with a price by value, largest first, then the others by name. */
export function valueHoldings(accounts: readonly OwnedAccount[], valuation: string, rates: KnownRates): Holding[] {
  const byCurrency = groupBy(accounts, ({ currency }) => currency);
  const holdings = [...byCurrency].map(([currency, group]) => {
    const quantityMinor = group.reduce((sum, { postedMinor }) => sum + postedMinor, 0n);
    const rate = crossRate(rates, currency, valuation);
    const convert = (amountMinor: bigint) => rate && convertMinor(amountMinor, currency, valuation, rate);
    return {
      currency,
      quantityMinor,
      priceMinor: convert(10n ** BigInt(scaleOf(currency))),
      rate: rate && writeRate(rate),
      valueMinor: convert(quantityMinor),
      accountIds: group.map(({ id }) => id),
    };
  });
  holdings.sort((a, b) => byValue(a.valueMinor, b.valueMinor) || (a.currency < b.currency ? -1 : 1));
  const priced = holdings.filter(({ valueMinor }) => valueMinor !== null);
  // An overdrawn holding has no share that means anything; nor has a whole of nothing.
  const meaningful = totalOf(holdings) > 0n && priced.every(({ valueMinor }) => valueMinor! >= 0n);
  const parts = meaningful ? shares(priced.map(({ valueMinor }) => valueMinor!)) : null;
  // What has no price comes after what has one.
  return holdings.map((holding, place) => ({ ...holding, share: parts?.[place] ?? null }));
}

/** An outside account with its value; null while no rate is known. */
export interface ValuedOutside extends OutsideAccount {
  valueMinor: bigint | null;
}

/** Outside accounts with their values: largest first, those without a price last. */
export function valueOutside(
  accounts: readonly OutsideAccount[],
  valuation: string,
  rates: KnownRates,
): ValuedOutside[] {
  return accounts
    .map((account) => ({ ...account, valueMinor: valueIn(account.balanceMinor, account.currency, valuation, rates) }))
    .sort((a, b) => byValue(a.valueMinor, b.valueMinor) || (a.paymentMethodId < b.paymentMethodId ? -1 : 1));
}

/** What somebody with these balances (minor units by currency) has, in the valuation currency; what has no price is left out. */
export function valueBalances(balances: ReadonlyMap<string, bigint>, valuation: string, rates: KnownRates): bigint {
  return totalOf(
    [...balances].map(([currency, amountMinor]) => ({ valueMinor: valueIn(amountMinor, currency, valuation, rates) })),
  );
}

/** The sum of what has a price. */
export function totalOf(valued: readonly { valueMinor: bigint | null }[]): bigint {
  return valued.reduce((sum, { valueMinor }) => sum + (valueMinor ?? 0n), 0n);
}

function byValue(a: bigint | null, b: bigint | null): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return a > b ? -1 : 1;
}

const RATE_DIGITS = 12;

/** A rate as a plain decimal with at least twelve significant digits, rounded half to even, without trailing zeros. */
function writeRate({ numerator, denominator }: Fraction): string {
  const wholeDigits = numerator.toString().length - denominator.toString().length;
  const decimals = Math.max(0, RATE_DIGITS - wholeDigits);
  const scaled = divideHalfEven(numerator * 10n ** BigInt(decimals), denominator);
  const digits = scaled.toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '');
  return fraction ? `${whole}.${fraction}` : whole;
}
