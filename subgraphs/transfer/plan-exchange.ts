import type { Leg, SystemAccountKind } from '../../ledger/entry.ts';
import type { AccountId } from '../../platform/ids.ts';
import { scaleOf, type Money } from '../../platform/money.ts';
import { convertMinor, crossRate, parseRate, type Fraction, type Rates } from '../../platform/rates.ts';
import { refuse } from './refusals.ts';
import type { PlannedEnd } from './transfer-batch.ts';

/*
 * The arithmetic of an exchange, exact and without any outside.
 *
 *   mid        the rate of the day between the two currencies, a fraction
 *   rate       what the customer gets: mid less the bank's spread, written with ten significant digits and rounded down
 *   arrives    amount x rate, rounded half to even
 *
 * The books keep both sides apart: in the source currency the bank takes over the amount; in the destination currency it gives
 * its worth at the mid rate, of which `arrives` goes to the customer and the difference of the two rates to the bank's fees.
 * These three are rounded each by itself, and what that leaves (a minor unit at most) goes to FX_ROUNDING.
 */

/** An exchange that may be made. Amounts after `rate` are minor units of the destination's currency. */
export interface ExchangePlan {
  /** Destination per source unit, a plain decimal with at most ten significant digits. */
  rate: string;
  /** The day of the rates behind it, YYYY-MM-DD. */
  rateDate: string;
  arrivesMinor: bigint;
  /** The amount's worth at the mid rate. */
  worthMinor: bigint;
  /** What the bank earns by the spread. */
  earnedMinor: bigint;
  /** worth - arrives - earned: -1n, 0n or 1n. */
  residueMinor: bigint;
}

const BASIS_POINTS = 10_000n;
const RATE_DIGITS = 10;

/**
 * What an amount becomes in another currency. Null when one of the two has no rate. Refuses EXCHANGE_TOO_SMALL when nothing
 * would arrive, or when rounding would give more than the amount is worth: else small change, sent there and back, would grow.
 */
export function planExchange(amount: Money, to: string, rates: Rates, spreadBasisPoints: bigint): ExchangePlan | null {
  const { amountMinor, currency: from } = amount;
  const mid = crossRate(rates, from, to);
  if (!mid) return null;
  const rate = writeRateDown({
    numerator: mid.numerator * (BASIS_POINTS - spreadBasisPoints),
    denominator: mid.denominator * BASIS_POINTS,
  });
  const applied = parseRate(rate)!;
  const arrivesMinor = convertMinor(amountMinor, from, to, applied);
  if (arrivesMinor === 0n || isWorthLess(amountMinor, from, to, mid, arrivesMinor)) {
    throw refuse('EXCHANGE_TOO_SMALL', ['amount', 'amount']);
  }
  const worthMinor = convertMinor(amountMinor, from, to, mid);
  const earnedMinor = convertMinor(amountMinor, from, to, difference(mid, applied));
  const residueMinor = worthMinor - arrivesMinor - earnedMinor;
  return { rate, rateDate: rates.date, arrivesMinor, worthMinor, earnedMinor, residueMinor };
}

/** The exact test: is the amount, at the mid rate, worth less than so many minor units of `to`? */
function isWorthLess(
  amountMinor: bigint,
  from: string,
  to: string,
  { numerator, denominator }: Fraction,
  thanMinor: bigint,
): boolean {
  return amountMinor * numerator * 10n ** BigInt(scaleOf(to)) < thanMinor * denominator * 10n ** BigInt(scaleOf(from));
}

function difference(larger: Fraction, smaller: Fraction): Fraction {
  return {
    numerator: larger.numerator * smaller.denominator - smaller.numerator * larger.denominator,
    denominator: larger.denominator * smaller.denominator,
  };
}

/** A fraction as a plain decimal with ten significant digits, rounded down; trailing zeros are left out. */
export function writeRateDown({ numerator, denominator }: Fraction): string {
  // So many decimals that the quotient has ten digits, or eleven, of which the last is dropped.
  const decimals = RATE_DIGITS + denominator.toString().length - numerator.toString().length;
  const scaled =
    decimals >= 0
      ? (numerator * 10n ** BigInt(decimals)) / denominator
      : numerator / (denominator * 10n ** BigInt(-decimals));
  const surplus = scaled.toString().length - RATE_DIGITS;
  return writeDecimal(scaled / 10n ** BigInt(surplus), decimals - surplus);
}

/** digits x 10^-decimals. */
function writeDecimal(digits: bigint, decimals: number): string {
  if (decimals <= 0) return (digits * 10n ** BigInt(-decimals)).toString();
  const padded = digits.toString().padStart(decimals + 1, '0');
  return `${padded.slice(0, -decimals)}.${padded.slice(-decimals)}`.replace(/\.?0+$/, '');
}

/** The bank's accounts that an exchange goes through. */
export function exchangeAccounts(from: string, to: string): { kind: SystemAccountKind; currency: string }[] {
  return [
    { kind: 'FX', currency: from },
    { kind: 'FX', currency: to },
    { kind: 'FEE', currency: to },
    { kind: 'FX_ROUNDING', currency: to },
  ];
}

/**
 * The postings of an exchange; they sum to zero in both currencies. `bank` are the ids of exchangeAccounts, in its order. Each of
 * the customer's accounts reads the other one's label on its statement.
 */
export function exchangeLegs(
  { amountMinor, currency: from }: Money,
  to: string,
  { arrivesMinor, worthMinor, earnedMinor, residueMinor }: ExchangePlan,
  { source, destination }: { source: PlannedEnd; destination: PlannedEnd },
  [takes, gives, fees, rounding]: readonly AccountId[],
): Leg[] {
  const leg = (accountId: AccountId, currency: string, minor: bigint, counterparty: string | null = null): Leg => ({
    accountId,
    currency,
    amountMinor: minor,
    lineType: 'EXCHANGE',
    counterparty,
  });
  const legs = [
    leg(source.accountId, from, -amountMinor, destination.label),
    leg(takes!, from, amountMinor),
    leg(gives!, to, -worthMinor),
    leg(destination.accountId, to, arrivesMinor, source.label),
    leg(fees!, to, earnedMinor),
    leg(rounding!, to, residueMinor),
  ];
  return legs.filter((one) => one.amountMinor !== 0n);
}
