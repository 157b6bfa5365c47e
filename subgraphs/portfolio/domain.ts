import { codedError } from '../../platform/graph-errors.ts';
import { isCurrency } from '../../platform/money.ts';
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

/** What one payment method has elsewhere, as it last said. */
export interface OutsideAccount {
  paymentMethodId: string;
  currency: string;
  balanceMinor: bigint;
  /** When it stood there, as the source says; where it does not say, when it was last seen. */
  seenAt: Date;
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
