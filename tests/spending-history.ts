import type { History, HistoryLine, Source } from '../subgraphs/insights/advice/history.ts';
import { addDaysTo, addMonthsTo } from '../subgraphs/insights/calendar.ts';

/** Made-up histories of one customer, for the pure functions that find advice in them. */

let lines = 0;

/** One line. Amounts are cents as a whole number, negative for what was paid. */
export function line(day: string, amountMinor: number, more: Partial<HistoryLine> = {}): HistoryLine {
  lines += 1;
  return {
    kind: 'external',
    id: `line-${String(lines).padStart(8, '0')}`,
    sourceId: 'bank',
    currency: 'USD',
    amountMinor: BigInt(amountMinor),
    category: 'Shopping',
    payee: 'shop',
    label: 'SHOP',
    ownMoney: false,
    at: new Date(`${day}T00:00:00.000Z`),
    day,
    ...more,
  };
}

/** A line a month, from a day on. */
export function everyMonth(from: string, amounts: readonly number[], more: Partial<HistoryLine> = {}): HistoryLine[] {
  return amounts.map((amount, index) => line(addMonthsTo(from, index), amount, more));
}

/** A line every so many days. */
export function everyDays(
  from: string,
  days: number,
  amounts: readonly number[],
  more: Partial<HistoryLine> = {},
): HistoryLine[] {
  return amounts.map((amount, index) => line(addDaysTo(from, index * days), amount, more));
}

/** The history these lines make. */
export function historyOf(
  given: readonly HistoryLine[],
  { today = '2026-11-21', ownCurrency = 'USD', sources = [] as Source[], ownerId = 'ada' } = {},
): History {
  const sorted = [...given].sort((a, b) => a.at.getTime() - b.at.getTime() || (a.id < b.id ? -1 : 1));
  return { ownerId, ownCurrency, lines: sorted, sources, today };
}

/** The same number so many times. */
export function times(count: number, amount: number): number[] {
  return Array.from({ length: count }, () => amount);
}
