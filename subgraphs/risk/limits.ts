import type { SpendingCounter } from '../../ledger/limits.ts';
import { POLICY } from '../../platform/policy.ts';

/** One limit that applies to a customer, with what counts against it. Minor units of the currency. */
export interface AppliedLimit {
  currency: string;
  dailyMinor: bigint;
  monthlyMinor: bigint;
  spentTodayMinor: bigint;
  spentThisMonthMinor: bigint;
}

/**
 * The limits that apply to a customer: first the total over all accounts, in US dollars, which is the least of the bank's and
 * their own; then what they have set for single currencies. Without counters (no account yet) nothing has been spent.
 */
export function appliedLimits(counters: readonly SpendingCounter[]): AppliedLimit[] {
  const total = counters.find(({ scope }) => scope === 'TOTAL');
  const ofCurrencies = counters.flatMap(({ scope, dailyMinor, monthlyMinor, spentTodayMinor, spentThisMonthMinor }) =>
    // A limit that was taken away leaves its counter behind.
    scope === 'TOTAL' || dailyMinor === null || monthlyMinor === null
      ? []
      : [{ currency: scope, dailyMinor, monthlyMinor, spentTodayMinor, spentThisMonthMinor }],
  );
  const bank = POLICY.limits;
  return [
    {
      currency: 'USD',
      dailyMinor: least(bank.dailyUsdMinor, total?.dailyMinor ?? null),
      monthlyMinor: least(bank.monthlyUsdMinor, total?.monthlyMinor ?? null),
      spentTodayMinor: total?.spentTodayMinor ?? 0n,
      spentThisMonthMinor: total?.spentThisMonthMinor ?? 0n,
    },
    ...ofCurrencies,
  ];
}

/** What may still leave this month: nothing when a limit was lowered below what had been spent. */
export function leftThisMonth({ monthlyMinor, spentThisMonthMinor }: AppliedLimit): bigint {
  return spentThisMonthMinor < monthlyMinor ? monthlyMinor - spentThisMonthMinor : 0n;
}

/** What may still leave today, which is never more than what may still leave this month. */
export function leftToday(limit: AppliedLimit): bigint {
  const ofTheDay = limit.spentTodayMinor < limit.dailyMinor ? limit.dailyMinor - limit.spentTodayMinor : 0n;
  return least(ofTheDay, leftThisMonth(limit));
}

function least(a: bigint, b: bigint | null): bigint {
  return b !== null && b < a ? b : a;
}
