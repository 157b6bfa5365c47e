import type { Rates } from '../../../platform/rates.ts';
import type { InsightKind } from '../generated/resolvers.ts';
import { toAdvice, type Advice } from './advice.ts';
import { findExposures } from './exposure.ts';
import type { History } from './history.ts';
import { findLowBalances } from './low-balance.ts';
import { spendingByMonth } from './monthly.ts';
import { findRecurringPayments, findSeries } from './recurring.ts';
import { findSavings } from './savings.ts';
import { findSpikes } from './spikes.ts';
import { findUnusual } from './unusual.ts';

/** Everything a history shows, newest first. The same history shows the same, in the same order. */
export function findAdvice(history: History, rates: Rates | null): Advice[] {
  const series = findSeries(history);
  const spending = spendingByMonth(history);
  return [
    ...findRecurringPayments(series),
    ...findSpikes(spending),
    ...findLowBalances(history, series),
    ...findUnusual(spending, series, history.today),
    ...findSavings(history, series),
    ...findExposures(history, rates),
  ]
    .map((finding) => toAdvice(history, finding))
    .sort(compareAdvice);
}

/** Newest first; of one moment by id. */
export function compareAdvice(a: Pick<Advice, 'createdAt' | 'id'>, b: Pick<Advice, 'createdAt' | 'id'>): number {
  return b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);
}

/** How useful a kind is: what can still be prevented, what can be changed, what is good to know. */
const USEFULNESS: Readonly<Record<InsightKind, number>> = {
  LOW_BALANCE_FORECAST: 6,
  UNUSUAL_TRANSACTION: 5,
  SAVING_OPPORTUNITY: 4,
  SPENDING_SPIKE: 3,
  FX_EXPOSURE: 2,
  RECURRING_PAYMENT: 1,
};

/** The most useful first; within a kind the surest, then the newest. */
export function mostUsefulFirst(advice: readonly Advice[]): Advice[] {
  return [...advice].sort(
    (a, b) =>
      USEFULNESS[b.kind] - USEFULNESS[a.kind] || b.confidencePercent - a.confidencePercent || compareAdvice(a, b),
  );
}
