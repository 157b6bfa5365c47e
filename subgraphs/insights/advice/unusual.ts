import { POLICY } from '../../../platform/policy.ts';
import { addDaysTo } from '../calendar.ts';
import { nameOf, say, type Finding } from './advice.ts';
import { spentMinor, type HistoryLine } from './history.ts';
import type { MonthlySpending } from './monthly.ts';
import type { Series } from './recurring.ts';
import { allOf, median, medianDeviation, observed, steadiness } from './statistics.ts';

/** Payments of the last days that are far larger than what was paid in their category before. Expected ones are none. */
export function findUnusual(spending: readonly MonthlySpending[], series: readonly Series[], today: string): Finding[] {
  const expected = new Set(series.flatMap(({ lines }) => lines.map(({ id }) => id)));
  const since = addDaysTo(today, -POLICY.insights.unusual.days);
  return spending.flatMap((monthly) =>
    [...monthly.byCategory.values()].flatMap((lines) =>
      lines
        .map((line, index) => ({
          line,
          peers: lines.slice(Math.max(0, index - POLICY.insights.unusual.mostPeers), index),
        }))
        .filter(({ line }) => line.day >= since && !expected.has(line.id))
        .flatMap(({ line, peers }) => judge(monthly, line, peers) ?? []),
    ),
  );
}

function judge(
  { medianMonthMinor }: MonthlySpending,
  line: HistoryLine,
  peers: readonly HistoryLine[],
): Finding | null {
  const { leastPeers, overMedianTimes, overDeviationTenths, overMonthPercent } = POLICY.insights.unusual;
  const amountMinor = spentMinor(line);
  // What costs little to know comes first: most lines end here, and medians need sorting.
  if (peers.length < leastPeers || medianMonthMinor === null) return null;
  if (amountMinor * 100n < medianMonthMinor * overMonthPercent) return null;
  const amounts = peers.map(spentMinor);
  const usualMinor = median(amounts);
  if (amountMinor < usualMinor * overMedianTimes) return null;
  if ((amountMinor - usualMinor) * 10n < medianDeviation(amounts) * overDeviationTenths) return null;
  const { currency, category } = line;
  return {
    kind: 'UNUSUAL_TRANSACTION',
    identity: [line.id],
    title: `${nameOf(line)}: ${say(amountMinor, currency)} is unusual`,
    body: `${say(amountMinor, currency)} on ${line.day} for ${category}; the ${peers.length} payments before it were ${say(usualMinor, currency)} in the median.`,
    amount: { amountMinor, currency },
    confidencePercent: allOf(observed(peers.length, 2), steadiness(amounts)),
    createdAt: line.at,
    lines: [line],
  };
}
