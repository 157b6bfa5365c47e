import { countDays } from '../../platform/days.ts';
import { codedError } from '../../platform/graph-errors.ts';
import type { UserId } from '../../platform/ids.ts';
import { isCurrency } from '../../platform/money.ts';
import type { RatesReader } from '../../platform/rates-projection.ts';
import { addDaysTo, lastDayOf, monthOf, monthsBetween } from './calendar.ts';
import type { HistoryStore } from './history-store.ts';
import { analyse, analyseMonths, convertFlows, type MonthSpending, type Spending } from './spending.ts';

export interface SpendingAnalysis extends Spending {
  from: string;
  to: string;
  currency: string;
  /** Oldest first. */
  months: MonthSpending[];
  /** Currencies without a known rate. */
  leftOut: string[];
}

export interface AnalyseSpendingDeps {
  history: HistoryStore;
  rates: RatesReader;
}

/** What a person spent and earned from one day to another, both counted, against the same number of days directly before. */
export async function analyseSpending(
  { history, rates }: AnalyseSpendingDeps,
  userId: UserId,
  asked: { from: string; to: string; currency?: string | null },
  ownCurrency: () => Promise<string>,
): Promise<SpendingAnalysis> {
  const { from, to } = asked;
  const days = countDays(from, to);
  if (typeof asked.currency === 'string' && !isCurrency(asked.currency)) {
    throw codedError('UNSUPPORTED_CURRENCY', 'This currency is not supported.');
  }
  const before = addDaysTo(from, -days);
  const [currency, newest, sums] = await Promise.all([
    asked.currency ?? ownCurrency(),
    rates.newest(),
    history.sumFlows({ userId, before, from, to }),
  ]);
  const { flows, leftOut } = convertFlows(sums, currency, newest);
  const months = monthsBetween(monthOf(from), monthOf(to)).map((month) => ({
    month,
    whole: `${month}-01` >= from && lastDayOf(month) <= to,
  }));
  return { from, to, currency, leftOut, ...analyse(flows), months: analyseMonths(flows, months) };
}
