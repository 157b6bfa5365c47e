import { daysBetween, dayOf } from '../../../platform/days.ts';
import { POLICY } from '../../../platform/policy.ts';
import { addDaysTo } from '../calendar.ts';
import { latest, nameOf, say, type Finding } from './advice.ts';
import type { History, Source } from './history.ts';
import type { Series } from './recurring.ts';

/** A payment to come. */
interface Due {
  series: Series;
  on: string;
}

/**
 * Accounts, here and outside, that do not hold what is expected to be paid from them before the next expected income, or within
 * the days of the policy. Only what recurs is expected: what is spent beside it makes the money go sooner.
 */
export function findLowBalances({ sources, today }: History, series: readonly Series[]): Finding[] {
  return sources.flatMap((source) => {
    const own = series.filter(
      ({ lines, currency }) => lines.at(-1)!.sourceId === source.id && currency === source.currency,
    );
    return forecast(source, own, today) ?? [];
  });
}

function forecast(source: Source, series: readonly Series[], today: string): Finding | null {
  const { days, balanceDays } = POLICY.insights.lowBalance;
  if (!source.asOf || (source.kind === 'outside' && daysBetween(dayOf(source.asOf), today) > balanceDays)) return null;
  const nextIncome = series
    .filter(({ direction }) => direction === 'in')
    .map(({ nextOn }) => notBefore(nextOn, today))
    .sort()[0];
  const end = addDaysTo(today, days);
  const until = nextIncome !== undefined && nextIncome < end ? nextIncome : end;
  const due = series
    .filter(({ direction }) => direction === 'out')
    .flatMap((payment) => dueBefore(payment, today, until));
  const dueMinor = due.reduce((sum, { series: { amountMinor } }) => sum + amountMinor, 0n);
  const shortMinor = dueMinor - source.availableMinor;
  if (due.length === 0 || shortMinor <= 0n) return null;
  return toFinding(source, { due, dueMinor, shortMinor, until, incomeExpected: until === nextIncome });
}

/** Every time a payment is due from today to the day before `until`. One that is late is due today. */
function dueBefore(series: Series, today: string, until: string): Due[] {
  const due: Due[] = [];
  for (let on = series.nextOn; notBefore(on, today) < until; on = series.every.next(on)) {
    due.push({ series, on: notBefore(on, today) });
  }
  return due;
}

interface Shortage {
  due: readonly Due[];
  dueMinor: bigint;
  shortMinor: bigint;
  until: string;
  incomeExpected: boolean;
}

function toFinding(source: Source, { due, dueMinor, shortMinor, until, incomeExpected }: Shortage): Finding {
  const { currency, availableMinor } = source;
  const involved = [...new Set(due.map(({ series }) => series))];
  const lastLines = involved.map(({ lines }) => lines.at(-1)!);
  const names = involved.slice(0, 3).map((series) => nameOf(series.lines.at(-1)!));
  const more = involved.length > names.length ? ` and ${involved.length - names.length} more` : '';
  const where = source.kind === 'account' ? `Your account in ${currency}` : `Your outside account in ${currency}`;
  return {
    kind: 'LOW_BALANCE_FORECAST',
    identity: [source.id, until],
    title: `${where} may be ${say(shortMinor, currency)} short by ${until}`,
    body:
      `It has ${say(availableMinor, currency)}. ${say(dueMinor, currency)} are expected to go out before ` +
      `${incomeExpected ? `the next expected income on ${until}` : until}: ${names.join(', ')}${more}.`,
    amount: { amountMinor: shortMinor, currency },
    // As sure as the least sure payment it adds up.
    confidencePercent: Math.min(...involved.map(({ confidencePercent }) => confidencePercent)),
    createdAt: latest([source.asOf!, ...lastLines.map(({ at }) => at)]),
    lines: lastLines,
  };
}

function notBefore(day: string, today: string): string {
  return day < today ? today : day;
}
