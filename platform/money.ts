import currencyCodes from 'currency-codes';
import { Refusal } from './refusal.ts';

/** An amount: minor units of one currency, for example 1250n of USD for 12.50 dollars. Never a floating-point number. */
export interface Money {
  amountMinor: bigint;
  currency: string;
}

export interface Currency {
  code: string;
  name: string;
  /** Decimals of one major unit; fixed for ever, because stored amounts are counted in it. */
  scale: number;
}

/** Assets that are not in ISO 4217, with the decimals of their own protocols. */
const ASSETS: readonly Currency[] = [
  { code: 'BTC', name: 'Bitcoin', scale: 8 },
  { code: 'ETH', name: 'Ether', scale: 18 },
  { code: 'SOL', name: 'Solana', scale: 9 },
  { code: 'SUI', name: 'Sui', scale: 9 },
  { code: 'USDC', name: 'USD Coin', scale: 6 },
  { code: 'USDT', name: 'Tether', scale: 6 },
];

/**
 * ISO 4217 codes that nobody can hold in an account: precious metals, bond units, test codes, "no currency" and the units
 * of settlement between institutions.
 */
const NOT_SPENDABLE = new Set([
  'XAU', 'XAG', 'XPD', 'XPT', 'XBA', 'XBB', 'XBC', 'XBD', 'XTS', 'XXX', 'XDR', 'XSU', 'XUA', 'BOV', 'CHE', 'CHW', 'CLF', 'COU', 'MXV', 'USN', 'UYI', 'UYW',
]); // prettier-ignore

/** Every currency this bank knows, by code: ISO 4217 with its minor units, and assets. */
export const CURRENCIES: ReadonlyMap<string, Currency> = new Map(
  [
    ...currencyCodes.data
      .filter(({ code }) => !NOT_SPENDABLE.has(code))
      .map(({ code, currency, digits }) => ({ code, name: currency, scale: digits })),
    ...ASSETS,
  ].map((currency) => [currency.code, currency]),
);

/** NUMERIC(38,0) holds 38 digits; one amount may take 30 of them, so that no sum of amounts can overflow a balance. */
const MAX_AMOUNT_MINOR = 10n ** 30n - 1n;

export type AmountRefusal =
  'INVALID_AMOUNT' | 'AMOUNT_NOT_POSITIVE' | 'TOO_MANY_DECIMALS' | 'AMOUNT_TOO_LARGE' | 'UNSUPPORTED_CURRENCY';

/** Decimals of a known currency; a code that is not known here is a bug, because codes are checked where they come in. */
export function scaleOf(currency: string): number {
  const known = CURRENCIES.get(currency);
  if (!known) throw new Error(`unknown currency ${currency}`);
  return known.scale;
}

/** True for a code this bank can hold. */
export function isCurrency(code: string): boolean {
  return CURRENCIES.has(code);
}

const ASSET_CODES: ReadonlySet<string> = new Set(ASSETS.map(({ code }) => code));

/** True for what no state issues: coins and tokens. */
export function isAsset(code: string): boolean {
  return ASSET_CODES.has(code);
}

/**
 * Minor units of an amount as a client writes it ("12.5" USD is 1250n). Refuses, in this order: a currency that is not known,
 * a text that is not a plain decimal, zero or less, more decimals than the currency has, more than 30 digits.
 */
export function parseAmount(text: string, currency: string): bigint {
  const known = CURRENCIES.get(currency);
  if (!known) throw new Refusal<AmountRefusal>('UNSUPPORTED_CURRENCY', ['currency']);
  const match = /^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?$/.exec(text);
  if (!match) throw new Refusal<AmountRefusal>('INVALID_AMOUNT', ['amount']);
  const [, sign, whole = '0', fraction = ''] = match;
  if (sign === '-' || /^0*$/.test(whole + fraction))
    throw new Refusal<AmountRefusal>('AMOUNT_NOT_POSITIVE', ['amount']);
  if (fraction.length > known.scale) throw new Refusal<AmountRefusal>('TOO_MANY_DECIMALS', ['amount']);
  const amountMinor = BigInt(whole + fraction.padEnd(known.scale, '0'));
  if (amountMinor > MAX_AMOUNT_MINOR) throw new Refusal<AmountRefusal>('AMOUNT_TOO_LARGE', ['amount']);
  return amountMinor;
}

/** Major units with exactly the currency's decimals: 1250n USD is "12.50", -5n JPY is "-5". */
export function formatAmount(amountMinor: bigint, currency: string): string {
  const scale = scaleOf(currency);
  const digits = (amountMinor < 0n ? -amountMinor : amountMinor).toString().padStart(scale + 1, '0');
  const sign = amountMinor < 0n ? '-' : '';
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** The graph's Money. */
export function toGraphMoney({ amountMinor, currency }: Money): { amount: string; currency: string } {
  return { amount: formatAmount(amountMinor, currency), currency };
}
