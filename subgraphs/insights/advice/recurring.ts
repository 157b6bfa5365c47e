import { daysBetween } from '../../../platform/days.ts';
import { groupBy } from '../../../platform/group-by.ts';
import { POLICY } from '../../../platform/policy.ts';
import { addDaysTo, addMonthsTo } from '../calendar.ts';
import { nameOf, say, type Finding } from './advice.ts';
import type { History, HistoryLine } from './history.ts';
import { allOf, compareAmounts, isWithin, median, observed } from './statistics.ts';

/** How often something comes. */
interface Interval {
  name: 'week' | 'two weeks' | 'month' | 'quarter' | 'year';
  /** Between two payments, and so many more or fewer. */
  days: number;
  toleranceDays: number;
  leastLines: number;
  perYear: bigint;
  next(day: string): string;
}

/** Weekends and holidays move a payment by some days. Two payments a year apart are all that 13 months can show. */
const INTERVALS: readonly Interval[] = [
  { name: 'week', days: 7, toleranceDays: 1, leastLines: 4, perYear: 52n, next: (day) => addDaysTo(day, 7) },
  { name: 'two weeks', days: 14, toleranceDays: 2, leastLines: 4, perYear: 26n, next: (day) => addDaysTo(day, 14) },
  { name: 'month', days: 30, toleranceDays: 5, leastLines: 3, perYear: 12n, next: (day) => addMonthsTo(day, 1) },
  { name: 'quarter', days: 91, toleranceDays: 8, leastLines: 3, perYear: 4n, next: (day) => addMonthsTo(day, 3) },
  { name: 'year', days: 365, toleranceDays: 10, leastLines: 2, perYear: 1n, next: (day) => addMonthsTo(day, 12) },
];

/** Lines of one payee that come again and again, and are still expected to. */
export interface Series {
  payee: string;
  category: string;
  currency: string;
  direction: 'in' | 'out';
  every: Interval;
  /** Oldest first. */
  lines: HistoryLine[];
  /** What is expected next, as a magnitude: the median of the last three. */
  amountMinor: bigint;
  /** YYYY-MM-DD; a few days past when it is late. */
  nextOn: string;
  confidencePercent: number;
}

/** Every series in a history. */
export function findSeries({ lines, today }: Pick<History, 'lines' | 'today'>): Series[] {
  const counted = lines.filter(({ payee, ownMoney, amountMinor }) => payee !== '' && !ownMoney && amountMinor !== 0n);
  const groups = groupBy(counted, ({ payee, currency, amountMinor }) =>
    JSON.stringify([payee, currency, amountMinor < 0n ? 'out' : 'in']),
  );
  return [...groups.values()].flatMap((group) => seriesOf(group)).filter((series) => isExpected(series, today));
}

/** A payee's lines are one series, or several with an amount each: a shop's subscription among its other sales. */
function seriesOf(lines: readonly HistoryLine[]): Series[] {
  const whole = findInterval(lines);
  if (whole) return [whole];
  return clusterByAmount(lines).flatMap((cluster) => findInterval(cluster) ?? []);
}

function clusterByAmount(lines: readonly HistoryLine[]): HistoryLine[][] {
  const clusters: HistoryLine[][] = [];
  const byAmount = [...lines].sort((a, b) => compareAmounts(sizeOf(a), sizeOf(b)) || oldestFirst(a, b));
  for (const line of byAmount) {
    const cluster = clusters.at(-1);
    if (cluster && isWithin(sizeOf(line), sizeOf(cluster[0]!), POLICY.insights.recurring.steadyPercent)) {
      cluster.push(line);
    } else clusters.push([line]);
  }
  return clusters.map((cluster) => cluster.sort(oldestFirst));
}

function findInterval(lines: readonly HistoryLine[]): Series | null {
  const { similarPercent, steadyPercent, regularPercent } = POLICY.insights.recurring;
  if (lines.length < 2) return null;
  const middle = median(lines.map(sizeOf));
  const similar = lines.filter((line) => isWithin(sizeOf(line), middle, similarPercent));
  const steady = lines.filter((line) => isWithin(sizeOf(line), middle, steadyPercent));
  const gaps = lines.slice(1).map(({ day }, index) => daysBetween(lines[index]!.day, day));
  for (const every of INTERVALS) {
    const fitting = gaps.filter((gap) => Math.abs(gap - every.days) <= every.toleranceDays);
    const isRegular = [
      lines.length >= every.leastLines,
      fitting.length * 100 >= gaps.length * regularPercent,
      similar.length * 100 >= lines.length * regularPercent,
    ].every(Boolean);
    if (!isRegular) continue;
    const last = lines.at(-1)!;
    return {
      payee: last.payee,
      category: last.category,
      currency: last.currency,
      direction: last.amountMinor < 0n ? 'out' : 'in',
      every,
      lines: [...lines],
      amountMinor: median(lines.slice(-3).map(sizeOf)),
      nextOn: every.next(last.day),
      confidencePercent: allOf(
        (100 * fitting.length) / gaps.length,
        50 + (50 * steady.length) / lines.length,
        observed(gaps.length),
      ),
    };
  }
  return null;
}

/** What is overdue by more than its tolerance has ended. */
function isExpected({ nextOn, every }: Series, today: string): boolean {
  return addDaysTo(nextOn, every.toleranceDays) >= today;
}

/** What is paid again and again. */
export function findRecurringPayments(series: readonly Series[]): Finding[] {
  const payments = series.filter(({ direction }) => direction === 'out');
  const sameKind = groupBy(payments, ({ payee, currency, every }) => JSON.stringify([payee, currency, every.name]));
  return [...sameKind.values()].flatMap((group) =>
    [...group]
      .sort((a, b) => compareAmounts(a.amountMinor, b.amountMinor) || oldestFirst(a.lines[0]!, b.lines[0]!))
      .map((payment, index) => toFinding(payment, String(index))),
  );
}

function toFinding(series: Series, place: string): Finding {
  const { payee, currency, every, lines, amountMinor, nextOn, confidencePercent } = series;
  const [first, last] = [lines[0]!, lines.at(-1)!];
  const price = say(amountMinor, currency);
  return {
    kind: 'RECURRING_PAYMENT',
    identity: [payee, currency, every.name, place],
    title: `${nameOf(last)}: about ${price} every ${every.name}`,
    body: `Paid ${lines.length} times from ${first.day} to ${last.day}. Next expected on ${nextOn}, about ${price}.`,
    amount: { amountMinor, currency },
    confidencePercent,
    createdAt: last.at,
    lines,
  };
}

function sizeOf({ amountMinor }: HistoryLine): bigint {
  return amountMinor < 0n ? -amountMinor : amountMinor;
}

function oldestFirst(a: HistoryLine, b: HistoryLine): number {
  return a.at.getTime() - b.at.getTime() || (a.id < b.id ? -1 : 1);
}
