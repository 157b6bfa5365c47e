import type { ProviderName } from '../payout-provider.ts';
import type { SettlementReport } from './settlement-report.ts';

/** A provider that can be asked what moved in our accounts with it. */
export interface SettlementFeed {
  readonly provider: ProviderName;
  /**
   * A report of one UTC day that is over, for each currency in which something moved; of `currencies`, which the bank's books name, also where nothing
   * did, as far as the provider tells. All pages of it or none: throws when it cannot be told whole.
   */
  readDay(day: string, options: { currencies: readonly string[] }, signal: AbortSignal): Promise<SettlementReport[]>;
}

/** The first moment of a UTC day (YYYY-MM-DD), and the first after it; milliseconds since 1970. */
export function boundsOf(day: string): { from: number; to: number } {
  const from = Date.parse(`${day}T00:00:00Z`);
  return { from, to: from + 86_400_000 };
}
