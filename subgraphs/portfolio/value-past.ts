import type { PortfolioParent } from './graph-types.ts';
import type { PortfolioStore } from './store.ts';
import { valueBalances } from './value-holdings.ts';

/** A moment in the past and the day whose rates it is valued with. */
export interface PastMoment {
  /** Balances are those just before it. */
  before: Date;
  /** YYYY-MM-DD. */
  day: string;
}

/**
 * What the portfolio was worth at each moment, in minor units of its currency: the balances of then at the rates of that day.
 * Two statements, however many moments, accounts and currencies there are.
 */
export async function valuePast(
  store: PortfolioStore,
  { userId, currency, accounts }: Pick<PortfolioParent, 'userId' | 'currency' | 'accounts'>,
  moments: readonly PastMoment[],
): Promise<bigint[]> {
  if (moments.length === 0 || accounts.length === 0) return moments.map(() => 0n);
  const currencies = [...new Set([...accounts.map((account) => account.currency), currency])];
  const [balances, rates] = await Promise.all([
    store.balancesBefore(
      userId,
      moments.map(({ before }) => before),
    ),
    store.ratesOfDays(
      currencies,
      moments.map(({ day }) => day),
    ),
  ]);
  return moments.map((_, index) => valueBalances(balances[index]!, currency, { perUsd: rates[index]! }));
}
