import { groupBy } from '../../platform/group-by.ts';
import { valueIn, type Rates } from '../../platform/rates.ts';
import { ratio, shares } from '../../platform/ratio.ts';

/**
 * What lines of one category and currency came to within one month (of the time asked for), or within the same length of time
 * before it. Everything shown is added up from these: each is converted once, so that categories and months add up exactly.
 */
export interface Flow {
  category: string;
  currency: string;
  /** YYYY-MM; null before the time asked for. */
  month: string | null;
  /** Both are magnitudes. */
  outMinor: bigint;
  inMinor: bigint;
  outLines: number;
  inLines: number;
}

export interface CategoryTotal {
  category: string;
  totalMinor: bigint;
  share: string;
  count: number;
  changeRatio: string | null;
}

export interface Spending {
  totalMinor: bigint;
  incomeMinor: bigint;
  /** Largest first. */
  categories: CategoryTotal[];
  /** Likewise for what came in. */
  incomeCategories: CategoryTotal[];
}

export interface MonthSpending extends Spending {
  month: string;
}

/** Flows in one currency; those for which no rate is known are named by their currency. */
export function convertFlows(
  flows: readonly Flow[],
  currency: string,
  rates: Rates | null,
): { flows: Flow[]; leftOut: string[] } {
  const leftOut = new Set<string>();
  const converted = flows.flatMap((flow) => {
    const value = (amountMinor: bigint) => valueIn(amountMinor, flow.currency, currency, rates ?? NO_RATES);
    const [outMinor, inMinor] = [value(flow.outMinor), value(flow.inMinor)];
    if (outMinor === null || inMinor === null) {
      leftOut.add(flow.currency);
      return [];
    }
    return [{ ...flow, currency, outMinor, inMinor }];
  });
  return { flows: converted, leftOut: [...leftOut].sort() };
}

/** A currency is worth itself all the same. */
const NO_RATES: Rates = { date: '', perUsd: {} };

/** Adds flows of one currency up, against the time before. */
export function analyse(flows: readonly Flow[]): Spending {
  return compareFlows(
    flows.filter(({ month }) => month !== null),
    flows.filter(({ month }) => month === null),
  );
}

/** The same for each of these months. Against the month before only where both were asked for with all their days. */
export function analyseMonths(
  flows: readonly Flow[],
  months: readonly { month: string; whole: boolean }[],
): MonthSpending[] {
  const byMonth = groupBy(flows, ({ month }) => month);
  return months.map(({ month, whole }, index) => {
    const previous = months[index - 1];
    const comparable = whole && previous?.whole ? (byMonth.get(previous.month) ?? []) : [];
    return { month, ...compareFlows(byMonth.get(month) ?? [], comparable) };
  });
}

function compareFlows(now: readonly Flow[], before: readonly Flow[]): Spending {
  const categories = totalsBy(now, before, ({ outMinor, outLines }) => ({ amountMinor: outMinor, lines: outLines }));
  const incomeCategories = totalsBy(now, before, ({ inMinor, inLines }) => ({ amountMinor: inMinor, lines: inLines }));
  return {
    totalMinor: sum(categories.map(({ totalMinor }) => totalMinor)),
    incomeMinor: sum(incomeCategories.map(({ totalMinor }) => totalMinor)),
    categories,
    incomeCategories,
  };
}

/** One side of a flow. */
interface Side {
  amountMinor: bigint;
  lines: number;
}

function totalsBy(now: readonly Flow[], before: readonly Flow[], sideOf: (flow: Flow) => Side): CategoryTotal[] {
  const earlier = groupBy(before, ({ category }) => category);
  const totalOf = (flows: readonly Flow[]) => sum(flows.map((flow) => sideOf(flow).amountMinor));
  const totals = [...groupBy(now, ({ category }) => category)]
    .map(([category, flows]) => ({
      category,
      totalMinor: totalOf(flows),
      count: flows.reduce((count, flow) => count + sideOf(flow).lines, 0),
    }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => compare(b.totalMinor, a.totalMinor) || (a.category < b.category ? -1 : 1));
  const parts = shares(totals.map(({ totalMinor }) => totalMinor));
  return totals.map((total, index) => {
    const beforeMinor = totalOf(earlier.get(total.category) ?? []);
    const changeRatio = beforeMinor === 0n ? null : ratio(total.totalMinor - beforeMinor, beforeMinor);
    return { ...total, share: parts[index]!, changeRatio };
  });
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n);
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
