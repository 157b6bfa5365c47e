import { addDays, countDays, endOf, startOf } from '../../platform/days.ts';
import { codedError } from '../../platform/graph-errors.ts';
import type { UserId } from '../../platform/ids.ts';
import { isCurrency } from '../../platform/money.ts';
import { analyse, type Spending } from './domain.ts';
import type { InsightsStore } from './store.ts';

/** Who has no account yet is shown this. */
const FALLBACK_CURRENCY = 'USD';

export interface SpendingAnalysis extends Spending {
  from: string;
  to: string;
  currency: string;
}

/** What a person spent and earned in one currency from one day to another, both counted, against the same time before. */
export async function analyseSpending(
  { store }: { store: InsightsStore },
  userId: UserId,
  { from, to, currency: asked }: { from: string; to: string; currency?: string | null },
): Promise<SpendingAnalysis> {
  const days = countDays(from, to);
  if (typeof asked === 'string' && !isCurrency(asked)) {
    throw codedError('UNSUPPORTED_CURRENCY', 'This currency is not supported.');
  }
  const currency = asked ?? (await store.findOwnCurrency(userId)) ?? FALLBACK_CURRENCY;
  const start = startOf(from);
  const flows = await store.sumFlows({ userId, currency, before: addDays(start, -days), start, end: endOf(to) });
  return { from, to, currency, ...analyse(flows) };
}
