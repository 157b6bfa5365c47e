import { groupBy } from '../../../platform/group-by.ts';
import { addMonths, monthOf, monthsBetween } from '../calendar.ts';
import { spendingLines, spentMinor, type History, type HistoryLine } from './history.ts';
import { median } from './statistics.ts';

/** What was spent in one currency, month by month. */
export interface MonthlySpending {
  currency: string;
  /** The month of the first line, and the one that has not ended. */
  firstMonth: string;
  currentMonth: string;
  byCategory: ReadonlyMap<string, readonly HistoryLine[]>;
  /** What a month costs, all categories together; null without a whole month. */
  medianMonthMinor: bigint | null;
}

/** Spending of each currency. Amounts of different currencies are not compared: their rates change by themselves. */
export function spendingByMonth(history: History): MonthlySpending[] {
  const currentMonth = monthOf(history.today);
  return [...groupBy(spendingLines(history), ({ currency }) => currency)].map(([currency, lines]) => {
    const firstMonth = monthOf(lines[0]!.day);
    const whole = monthsBetween(firstMonth, addMonths(currentMonth, -1));
    return {
      currency,
      firstMonth,
      currentMonth,
      byCategory: groupBy(lines, ({ category }) => category),
      medianMonthMinor: whole.length > 0 ? median(totalsOf(lines, whole)) : null,
    };
  });
}

/** What lines came to in each of these months. */
export function totalsOf(lines: readonly HistoryLine[], months: readonly string[]): bigint[] {
  const totals = new Map(months.map((month) => [month, 0n]));
  for (const line of lines) {
    const month = monthOf(line.day);
    const total = totals.get(month);
    if (total !== undefined) totals.set(month, total + spentMinor(line));
  }
  return [...totals.values()];
}
