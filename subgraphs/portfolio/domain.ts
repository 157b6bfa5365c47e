import { codedError } from '../../platform/graph-errors.ts';
import { groupBy } from '../../platform/group-by.ts';
import { isCurrency, scaleOf, type Money } from '../../platform/money.ts';
import { shares } from '../../platform/ratio.ts';
import { addDays, countDays, dayOf, startOf } from '../../platform/days.ts';
import type { Period } from './generated/resolvers.ts';

/** One account as portfolio knows it. */
export interface OwnedAccount {
  id: string;
  currency: string;
  /** Its newest known version. */
  version: number;
  postedMinor: bigint;
}

/** What a person has in one currency. */
export interface Holding {
  currency: string;
  quantityMinor: bigint;
  /** Null while no price in the valuation currency is known. */
  valueMinor: bigint | null;
  /** Of the total; null for what has no price, and while the total is zero. */
  share: string | null;
  accountIds: string[];
}

/** Who has no account yet is shown this. */
const FALLBACK_CURRENCY = 'USD';

/** The currency asked for, or the person's own: the one of the oldest account. Accounts are given oldest first. */
export function valuationCurrency(asked: string | null | undefined, accounts: readonly OwnedAccount[]): string {
  checkCurrency(asked);
  return asked ?? accounts[0]?.currency ?? FALLBACK_CURRENCY;
}

/** Refuses a currency the bank does not know; none given is fine. */
export function checkCurrency(asked: string | null | undefined): void {
  if (asked !== null && asked !== undefined && !isCurrency(asked))
    throw codedError('UNSUPPORTED_CURRENCY', 'This currency is not supported.');
}

/**
 * What one unit of `currency` costs. Until there are exchange rates, the only price that is known is that of the valuation
 * currency itself; everything else has none, rather than one that is made up.
 */
export function priceOf(currency: string, valuation: string): Money | null {
  return currency === valuation ? { amountMinor: 10n ** BigInt(scaleOf(currency)), currency } : null;
}

/** One holding for each currency: those with a price by value, then the others by name. */
export function holdingsOf(accounts: readonly OwnedAccount[], valuation: string): Holding[] {
  const byCurrency = groupBy(accounts, ({ currency }) => currency);
  const holdings = [...byCurrency].map(([currency, group]) => {
    const quantityMinor = group.reduce((sum, { postedMinor }) => sum + postedMinor, 0n);
    const valueMinor = priceOf(currency, valuation) && quantityMinor;
    return { currency, quantityMinor, valueMinor, accountIds: group.map(({ id }) => id) };
  });
  holdings.sort((a, b) => byValue(a.valueMinor, b.valueMinor) || (a.currency < b.currency ? -1 : 1));
  const priced = holdings.filter(({ valueMinor }) => valueMinor !== null);
  // An overdrawn holding has no share that means anything; nor has a whole of nothing.
  const total = totalOf(holdings);
  const parts =
    total > 0n && priced.every(({ valueMinor }) => valueMinor! >= 0n) ? shares(priced.map((h) => h.valueMinor!)) : null;
  return holdings.map((holding) => ({ ...holding, share: parts?.[priced.indexOf(holding)] ?? null }));
}

/** The sum of what has a price. */
export function totalOf(holdings: readonly { valueMinor: bigint | null }[]): bigint {
  return holdings.reduce((sum, { valueMinor }) => sum + (valueMinor ?? 0n), 0n);
}

function byValue(a: bigint | null, b: bigint | null): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return a > b ? -1 : 1;
}

const PERIOD_DAYS: Record<Exclude<Period, 'ALL'>, number> = { DAY: 1, WEEK: 7, MONTH: 30, YEAR: 365 };

/** The moment a period that ends now began; null for the time before the first event, when there was nothing. */
export function startOfPeriod(period: Period, now: Date): Date | null {
  return period === 'ALL' ? null : addDays(now, -PERIOD_DAYS[period]);
}

const DEFAULT_HISTORY_DAYS = 30;
const MAX_POINTS = 1000;

/**
 * The days of a history: at most `points`, evenly spaced, the first and the last among them. What lies in the future is left
 * out, because nothing is known of it.
 */
export function historyDays(
  { from, to, points }: { from?: string | null; to?: string | null; points?: number | null },
  now: Date,
): string[] {
  const most = points ?? 100;
  if (!Number.isInteger(most) || most < 1 || most > MAX_POINTS) {
    throw codedError('BAD_USER_INPUT', `points must be 1 to ${MAX_POINTS}.`);
  }
  const today = dayOf(now);
  const asked = to ?? today;
  const last = asked > today ? today : asked;
  const first = from ?? dayOf(addDays(startOf(last), 1 - DEFAULT_HISTORY_DAYS));
  countDays(first, asked);
  if (first > last) return [];
  const days = countDays(first, last);
  const count = Math.min(most, days);
  // One point alone is the newest.
  if (count === 1) return [last];
  return Array.from({ length: count }, (_, index) =>
    dayOf(addDays(startOf(first), Math.floor((index * (days - 1)) / (count - 1)))),
  );
}
