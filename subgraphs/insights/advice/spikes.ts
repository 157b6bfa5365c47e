import { POLICY } from '../../../platform/policy.ts';
import { addMonths, monthOf, monthsBetween } from '../calendar.ts';
import { say, type Finding } from './advice.ts';
import { spentMinor, type HistoryLine } from './history.ts';
import { totalsOf, type MonthlySpending } from './monthly.ts';
import { allOf, median, medianDeviation, observed, steadiness } from './statistics.ts';

/** Categories that cost much more this month, or the last one, than in the median of the months before it. */
export function findSpikes(spending: readonly MonthlySpending[]): Finding[] {
  return spending.flatMap((monthly) =>
    [...monthly.byCategory].flatMap(([category, lines]) =>
      [monthly.currentMonth, addMonths(monthly.currentMonth, -1)].flatMap(
        (month) => findSpike(monthly, { category, lines, month }) ?? [],
      ),
    ),
  );
}

interface Candidate {
  category: string;
  /** Oldest first. */
  lines: readonly HistoryLine[];
  month: string;
}

function findSpike(monthly: MonthlySpending, { category, lines, month }: Candidate): Finding | null {
  const { currency, firstMonth, medianMonthMinor } = monthly;
  const before = monthsBetween(firstMonth, addMonths(month, -1));
  if (before.length < POLICY.insights.spike.leastMonths || medianMonthMinor === null) return null;
  const totals = totalsOf(lines, before);
  const usualMinor = median(totals);
  // What is not bought in most months has no usual month.
  if (usualMinor === 0n) return null;
  const ofMonth = lines.filter(({ day }) => monthOf(day) === month);
  const crossing = findCrossing(ofMonth, thresholdMinor(totals, medianMonthMinor));
  if (!crossing) return null;
  const totalMinor = ofMonth.reduce((sum, line) => sum + spentMinor(line), 0n);
  const excessMinor = totalMinor - usualMinor;
  return {
    kind: 'SPENDING_SPIKE',
    identity: [category, currency, month],
    title: `${category}: ${say(excessMinor, currency)} more than usual`,
    body: `${say(totalMinor, currency)} in ${month}; the ${before.length} months before it came to ${say(usualMinor, currency)} in the median.`,
    amount: { amountMinor: excessMinor, currency },
    confidencePercent: allOf(observed(before.length), steadiness(totals)),
    createdAt: crossing.at,
    lines: ofMonth,
  };
}

/** What a month has to reach to be a spike: the highest of the three bars of the policy. */
function thresholdMinor(totals: readonly bigint[], medianMonthMinor: bigint): bigint {
  const { overMedianPercent, overDeviationTenths, overMonthPercent } = POLICY.insights.spike;
  const usualMinor = median(totals);
  return [
    (usualMinor * overMedianPercent) / 100n,
    usualMinor + (medianDeviation(totals) * overDeviationTenths) / 10n,
    usualMinor + (medianMonthMinor * overMonthPercent) / 100n,
  ].reduce((highest, bar) => (bar > highest ? bar : highest));
}

/** The line with which their sum reached the bar. */
function findCrossing(lines: readonly HistoryLine[], barMinor: bigint): HistoryLine | null {
  let sumMinor = 0n;
  for (const line of lines) {
    sumMinor += spentMinor(line);
    if (sumMinor >= barMinor) return line;
  }
  return null;
}
