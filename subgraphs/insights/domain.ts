import type { BalanceChange } from '../../platform/events.ts';
import { groupBy } from '../../platform/group-by.ts';
import { ratio, shares } from '../../platform/ratio.ts';

/** One statement line as insights keeps it. */
export interface Movement {
  postingId: string;
  ownerId: string;
  accountId: string;
  currency: string;
  amountMinor: bigint;
  lineType: string;
  /** The other end is the same person's: neither spent nor earned. */
  betweenOwnAccounts: boolean;
  at: string;
}

/** The statement lines of one entry. A hold moves nothing and is none. */
export function movementsOf(changes: readonly BalanceChange[]): Movement[] {
  return changes.flatMap((change) => {
    const { postingId, lineType, amountMinor, ownerId, accountId, currency, at } = change;
    if (postingId === null || lineType === null) return [];
    const betweenOwnAccounts = changes.some((other) => other.ownerId === ownerId && other.accountId !== accountId);
    return [
      { postingId, ownerId, accountId, currency, amountMinor: BigInt(amountMinor), lineType, betweenOwnAccounts, at },
    ];
  });
}

/**
 * A line's category. Only its type is known so far; what a payment was for is not, and is not guessed.
 */
const CATEGORIES: Readonly<Record<string, string>> = {
  TRANSFER_IN: 'Transfers',
  TRANSFER_OUT: 'Transfers',
  DEPOSIT: 'Deposits',
  WITHDRAWAL: 'Withdrawals',
  EXCHANGE: 'Exchange',
  FEE: 'Fees',
  REVERSAL: 'Reversals',
  INTEREST: 'Interest',
};

export function categoryOf(lineType: string): string {
  return CATEGORIES[lineType] ?? 'Other';
}

/** What lines of one type came to within the time asked for, or within the same length of time before it. */
export interface Flow {
  lineType: string;
  before: boolean;
  /** Both are magnitudes. */
  outMinor: bigint;
  inMinor: bigint;
  outLines: number;
}

export interface CategorySpending {
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
  categories: CategorySpending[];
}

/** Adds flows up by category. */
export function analyse(flows: readonly Flow[]): Spending {
  const now = flows.filter(({ before }) => !before);
  const earlier = groupBy(
    flows.filter(({ before }) => before),
    ({ lineType }) => categoryOf(lineType),
  );
  const totals = [...groupBy(now, ({ lineType }) => categoryOf(lineType))]
    .map(([category, group]) => ({
      category,
      totalMinor: sumOf(group, ({ outMinor }) => outMinor),
      count: group.reduce((sum, { outLines }) => sum + outLines, 0),
    }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => compare(b.totalMinor, a.totalMinor) || (a.category < b.category ? -1 : 1));
  const parts = shares(totals.map(({ totalMinor }) => totalMinor));
  return {
    totalMinor: sumOf(now, ({ outMinor }) => outMinor),
    incomeMinor: sumOf(now, ({ inMinor }) => inMinor),
    categories: totals.map((total, index) => {
      const beforeMinor = sumOf(earlier.get(total.category) ?? [], ({ outMinor }) => outMinor);
      const changeRatio = beforeMinor === 0n ? null : ratio(total.totalMinor - beforeMinor, beforeMinor);
      return { ...total, share: parts[index]!, changeRatio };
    }),
  };
}

function sumOf(flows: readonly Flow[], amountOf: (flow: Flow) => bigint): bigint {
  return flows.reduce((sum, flow) => sum + amountOf(flow), 0n);
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
