import { groupBy } from '../../../platform/group-by.ts';
import { POLICY } from '../../../platform/policy.ts';
import { valueIn, type Rates } from '../../../platform/rates.ts';
import { addDaysTo, monthOf } from '../calendar.ts';
import { say, type Finding } from './advice.ts';
import { spendingLines, spentMinor, type History, type HistoryLine } from './history.ts';
import { observed } from './statistics.ts';

/**
 * Foreign currencies in which a large part of what is spent is spent, month after month: what life costs depends on their rate.
 * Parts are taken at the newest rates; a currency without a rate is left out.
 */
export function findExposures(history: History, rates: Rates | null): Finding[] {
  const { ownCurrency, today } = history;
  const { days, sharePercent, leastLines, leastMonths } = POLICY.insights.exposure;
  if (!ownCurrency || !rates) return [];
  const since = addDaysTo(today, -days);
  const recent = spendingLines(history).filter(({ day }) => day >= since);
  const parts = [...groupBy(recent, ({ currency }) => currency)].flatMap(([currency, lines]) => {
    const spent = lines.reduce((sum, line) => sum + spentMinor(line), 0n);
    const valueMinor = valueIn(spent, currency, ownCurrency, rates);
    return valueMinor === null ? [] : [{ currency, lines, valueMinor }];
  });
  const totalMinor = parts.reduce((sum, { valueMinor }) => sum + valueMinor, 0n);
  return parts
    .filter(({ currency }) => currency !== ownCurrency)
    .filter(({ lines, valueMinor }) => lines.length >= leastLines && valueMinor * 100n >= totalMinor * sharePercent)
    .filter(({ lines }) => new Set(lines.map(({ day }) => monthOf(day))).size >= leastMonths)
    .map(({ currency, lines, valueMinor }) => toFinding({ currency, lines, valueMinor, totalMinor, ownCurrency }));
}

interface Exposure {
  currency: string;
  /** Oldest first. */
  lines: HistoryLine[];
  valueMinor: bigint;
  totalMinor: bigint;
  ownCurrency: string;
}

function toFinding({ currency, lines, valueMinor, totalMinor, ownCurrency }: Exposure): Finding {
  const percent = (valueMinor * 100n) / totalMinor;
  return {
    kind: 'FX_EXPOSURE',
    identity: [currency, ownCurrency],
    title: `${percent} % of your spending is in ${currency}`,
    body:
      `About ${say(valueMinor, ownCurrency)} of ${say(totalMinor, ownCurrency)} in ${POLICY.insights.exposure.days} days: ` +
      `when ${currency} rises by a tenth, that costs ${say(valueMinor / 10n, ownCurrency)} more.`,
    amount: { amountMinor: valueMinor, currency: ownCurrency },
    confidencePercent: observed(lines.length),
    createdAt: lines.at(-1)!.at,
    lines,
  };
}
