import { createPackageRates } from './package-rates.ts';
import type { RateSource } from './rate-source.ts';

/**
 * The rates that come with the bank, as npm packages: nothing has to be asked over the network. The day before stands first:
 * it is what the newest day is checked against on a fresh bank, and what is kept when that one is corrupt.
 */
export function embeddedRates(): readonly RateSource[] {
  return [createPackageRates('currency-api-day-before'), createPackageRates('@fawazahmed0/currency-api')];
}
