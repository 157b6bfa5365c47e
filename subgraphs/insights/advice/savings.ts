import { groupBy } from '../../../platform/group-by.ts';
import { POLICY } from '../../../platform/policy.ts';
import { addDaysTo } from '../calendar.ts';
import { latest, nameOf, say, type Finding } from './advice.ts';
import { spendingLines, spentMinor, type History } from './history.ts';
import type { Series } from './recurring.ts';
import { allOf, isWithin, median, observed } from './statistics.ts';

/** Where money could be saved: prices that went up, several subscriptions of a kind, fees. */
export function findSavings(history: History, series: readonly Series[]): Finding[] {
  const payments = series.filter(({ direction }) => direction === 'out');
  return [
    ...payments.flatMap((payment) => findIncrease(payment) ?? []),
    ...findSubscriptions(payments),
    ...findFees(history),
  ];
}

/** A price that stayed the same for long and is higher since. The amount is what that costs in a year. */
function findIncrease({ payee, currency, every, lines, confidencePercent }: Series): Finding | null {
  const { increasePercent, leastAtOldPrice, equalPercent } = POLICY.insights.saving;
  const amounts = lines.map(spentMinor);
  const newMinor = amounts.at(-1)!;
  const since = amounts.findLastIndex((amount) => !isWithin(amount, newMinor, equalPercent)) + 1;
  const before = amounts.slice(0, since);
  if (before.length < leastAtOldPrice) return null;
  const oldMinor = median(before);
  const wasSteady = before.every((amount) => isWithin(amount, oldMinor, equalPercent));
  if (!wasSteady || newMinor * 100n < oldMinor * (100n + increasePercent)) return null;
  const first = lines[since]!;
  const yearlyMinor = (newMinor - oldMinor) * every.perYear;
  return {
    kind: 'SAVING_OPPORTUNITY',
    identity: ['increase', payee, currency, every.name, String(oldMinor), String(newMinor)],
    title: `${nameOf(first)} costs more: ${say(newMinor, currency)} instead of ${say(oldMinor, currency)}`,
    body: `Since ${first.day}, every ${every.name}. That is ${say(yearlyMinor, currency)} more in a year.`,
    amount: { amountMinor: yearlyMinor, currency },
    confidencePercent,
    createdAt: first.at,
    lines: lines.slice(since - 1),
  };
}

/** Several subscriptions in one category. The amount is what the cheapest costs in a year: that much, at least, one could save. */
function findSubscriptions(payments: readonly Series[]): Finding[] {
  const { leastSubscriptions, subscriptionCategories } = POLICY.insights.saving;
  const kinds: readonly string[] = subscriptionCategories;
  const candidates = payments.filter(({ category, every }) => kinds.includes(category) && every.perYear <= 12n);
  return [...groupBy(candidates, ({ category, currency }) => JSON.stringify([category, currency])).values()]
    .filter((group) => new Set(group.map(({ payee }) => payee)).size >= leastSubscriptions)
    .map((group) => {
      const { category, currency } = group[0]!;
      const yearly = group.map(({ amountMinor, every }) => amountMinor * every.perYear);
      const cheapestMinor = yearly.reduce((least, cost) => (cost < least ? cost : least));
      const totalMinor = yearly.reduce((sum, cost) => sum + cost, 0n);
      const lastLines = group.map(({ lines }) => lines.at(-1)!);
      return {
        kind: 'SAVING_OPPORTUNITY' as const,
        identity: ['subscriptions', category, currency, ...group.map(({ payee }) => payee).sort()],
        title: `${group.length} subscriptions for ${category}: ${say(totalMinor, currency)} in a year`,
        body: `${lastLines.map(nameOf).sort().join(', ')}. Without the cheapest it would be ${say(cheapestMinor, currency)} less.`,
        amount: { amountMinor: cheapestMinor, currency },
        confidencePercent: Math.min(...group.map(({ confidencePercent }) => confidencePercent)),
        createdAt: latest(lastLines.map(({ at }) => at)),
        lines: lastLines,
      };
    });
}

/** Fees of the last days, when there were several. The amount is their sum. */
function findFees(history: History): Finding[] {
  const { leastFees, feeDays } = POLICY.insights.saving;
  const since = addDaysTo(history.today, -feeDays);
  const fees = spendingLines(history).filter(({ category, day }) => category === 'Fees' && day >= since);
  return [...groupBy(fees, ({ currency }) => currency)]
    .filter(([, lines]) => lines.length >= leastFees)
    .map(([currency, lines]) => {
      const totalMinor = lines.reduce((sum, line) => sum + spentMinor(line), 0n);
      const last = lines.at(-1)!;
      return {
        kind: 'SAVING_OPPORTUNITY' as const,
        identity: ['fees', currency, last.id],
        title: `Fees: ${say(totalMinor, currency)} in ${feeDays} days`,
        body: `${lines.length} fees from ${lines[0]!.day} to ${last.day}, the last one: ${nameOf(last)}.`,
        amount: { amountMinor: totalMinor, currency },
        confidencePercent: allOf(observed(lines.length)),
        createdAt: last.at,
        lines,
      };
    });
}
