import { daysBetween, isDay } from '../../platform/days.ts';
import { CURRENCIES, isAsset } from '../../platform/money.ts';
import { POLICY } from '../../platform/policy.ts';
import { parseRate } from '../../platform/rates.ts';
import type { RateSheet } from '../../providers/rates/rate-source.ts';

/*
 * Whether a day of exchange rates is believed. Two kinds of wrong are told apart, because real days have both (the decision
 * note is docs/decisions/0004-exchange-rates.md):
 *   - The day is wrong (2025-12-06 of the embedded source has BTC and ETH upside down): it is refused whole, and the last
 *     good day stays in use, marked stale.
 *   - Single rates are doubtful (a ticker that two things share, a symbol that is missing, a currency that lost its zeros):
 *     the day is refused while the last good one is fresh, because yesterday's full set is better than today's with holes.
 *     Later, the doubtful ones are set aside and the others are believed, so that one currency cannot stop all.
 * A rate that was set aside is still what the next day is compared with: two days that agree are believed.
 *
 * Plain numbers are good enough here: they only judge, and no amount is computed from them.
 */

/** The newest day that was believed. */
export interface LastGoodDay {
  date: string;
  /** By currency; what was set aside included. */
  perUsd: Readonly<Record<string, string>>;
  /** What of it was set aside. */
  doubtful: ReadonlySet<string>;
}

export type RatesVerdict =
  /** Nothing new: it is the last good day once more. */
  | { outcome: 'KNOWN' }
  /** `perUsd` has every currency of this bank that the sheet has; `doubtful` says which of them must not be used, and why. */
  | { outcome: 'GOOD'; perUsd: Record<string, string>; doubtful: Map<string, string> }
  | { outcome: 'REFUSED'; faults: string[] };

/**
 * Judges a sheet against itself, the calendar (`today`, UTC) and the last good day (null while there is none). What its source does not
 * mean to have (`covers`; null: it means to have all) is not missing from it. Pure.
 */
export function checkRates(
  sheet: RateSheet,
  { last, today, covers = null }: { last: LastGoodDay | null; today: string; covers?: ReadonlySet<string> | null },
): RatesVerdict {
  const perUsd = ratesOfThisBank(sheet);
  const dateFault = checkDate(sheet.date, today, last);
  if (dateFault === null && last?.date === sheet.date && sameRates(perUsd, last.perUsd)) return { outcome: 'KNOWN' };
  const doubtful = findDoubtful(sheet, perUsd, { last, covers });
  const faults = [
    ...(dateFault ? [dateFault] : []),
    ...(last?.date === sheet.date ? [`${sheet.date} is known with other rates`] : []),
    ...faultsOfTheDay(sheet.date, doubtful, last),
  ];
  return faults.length > 0 ? { outcome: 'REFUSED', faults } : { outcome: 'GOOD', perUsd, doubtful };
}

function ratesOfThisBank({ perUsd }: RateSheet): Record<string, string> {
  const known = Object.entries(perUsd).filter(([code]) => CURRENCIES.has(code));
  return Object.fromEntries(known.filter(([, rate]) => isUsable(rate)));
}

/**
 * Beyond these nothing is money any more, and digits without end would get into every computation: the most extreme rates
 * there are lie around 1e-5 and 1e6.
 */
const LEAST = 1e-12;
const MOST = 1e12;

function isUsable(rate: string): boolean {
  const value = Number(rate);
  return parseRate(rate) !== null && value >= LEAST && value <= MOST;
}

function sameRates(left: Readonly<Record<string, string>>, right: Readonly<Record<string, string>>): boolean {
  const codes = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...codes].every((code) => left[code] === right[code]);
}

function checkDate(date: string, today: string, last: LastGoodDay | null): string | null {
  if (!isDay(date)) return `${JSON.stringify(date)} is no day`;
  if (date > today) return `${date} is in the future`;
  if (last && date < last.date) return `${date} is older than the rates in use, of ${last.date}`;
  return null;
}

/** What is wrong with single rates, by currency. */
function findDoubtful(
  sheet: RateSheet,
  perUsd: Readonly<Record<string, string>>,
  { last, covers }: { last: LastGoodDay | null; covers: ReadonlySet<string> | null },
): Map<string, string> {
  const doubtful = new Map<string, string>();
  for (const code of CURRENCIES.keys()) {
    if (covers?.has(code) === false && sheet.perUsd[code] === undefined) continue;
    const reason = usableFault(code, sheet) ?? absurdity(code, sheet) ?? jump(code, sheet.date, perUsd, last);
    if (reason) doubtful.set(code, reason);
  }
  return doubtful;
}

function usableFault(code: string, { perUsd }: RateSheet): string | null {
  const rate = perUsd[code];
  if (rate === undefined) return 'is missing';
  if (code === 'USD' && rate !== '1') return `is ${quote(rate)} to itself`;
  return isUsable(rate) ? null : `is ${quote(rate)}, which is no rate`;
}

/** A source's text in a message: bounded, whatever stands in the file. */
function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

const PLAUSIBLE: Readonly<Record<string, readonly [number, number]>> = {
  BTC: POLICY.rates.plausibleUsd.BTC,
  ETH: POLICY.rates.plausibleUsd.ETH,
};
const PEGGED: readonly string[] = POLICY.rates.pegged.currencies;

/** What no day can say, whatever the day before said. */
function absurdity(code: string, { perUsd, crosses }: RateSheet): string | null {
  const rate = Number(perUsd[code]);
  const inUsd = 1 / rate;
  const bounds = PLAUSIBLE[code];
  if (bounds && (inUsd < bounds[0] || inUsd > bounds[1])) return `would be worth ${inUsd.toPrecision(3)} USD`;
  if (PEGGED.includes(code) && Math.abs(rate - 1) > POLICY.rates.pegged.tolerance)
    return `is ${rate}, far from a dollar`;
  for (const [base, rates] of Object.entries(crosses)) {
    const cross = Number(rates[code]) * Number(perUsd[base]);
    // Written so that a cross that is missing or no number fails as well.
    if (!(Math.abs(cross / rate - 1) <= POLICY.rates.crossTolerance)) {
      return `is ${rate}, but ${Number.isNaN(cross) ? 'unknown' : cross.toPrecision(6)} by way of ${base}`;
    }
  }
  return null;
}

/** A change since the last good day that is larger than markets move in that time. */
function jump(
  code: string,
  date: string,
  perUsd: Readonly<Record<string, string>>,
  last: LastGoodDay | null,
): string | null {
  const [now, before] = [Number(perUsd[code]), Number(last?.perUsd[code])];
  if (!last || Number.isNaN(before) || !isDay(date)) return null;
  const { asset, currency } = POLICY.rates.largestJump;
  const days = Math.max(1, Math.abs(daysBetween(last.date, date)));
  const allowed = (isAsset(code) ? asset : currency) ** Math.sqrt(days);
  const factor = Math.max(now / before, before / now);
  return factor > allowed ? `changed by a factor of ${factor.toPrecision(3)} since ${last.date}` : null;
}

/** When doubtful rates make the whole day one: then all of them, the essential first. */
function faultsOfTheDay(date: string, doubtful: ReadonlyMap<string, string>, last: LastGoodDay | null): string[] {
  const codes = [...doubtful.keys()].sort((a, b) => Number(ESSENTIAL.has(b)) - Number(ESSENTIAL.has(a)));
  const lastIsFresh = last !== null && isDay(date) && daysBetween(last.date, date) <= POLICY.rates.staleAfterDays;
  // What was no better on the last good day is no news: waiting for a better day would be waiting for ever.
  const isNews = (code: string) => last?.perUsd[code] !== undefined && !last.doubtful.has(code);
  const refused =
    codes.length > POLICY.rates.mostDoubtful ||
    codes.some((code) => ESSENTIAL.has(code)) ||
    (lastIsFresh && codes.some(isNews));
  if (!refused) return [];
  const told = codes.slice(0, MOST_TOLD).map((code) => `${code} ${doubtful.get(code)!}`);
  const rest = codes.length - told.length;
  return rest > 0 ? [...told, `and ${rest} more of ${CURRENCIES.size} rates`] : told;
}

const ESSENTIAL: ReadonlySet<string> = new Set(['USD', ...POLICY.rates.essential]);
/** A file that is wrong everywhere need not be written out into the log. */
const MOST_TOLD = 10;
