import { createEcbFileRates } from './ecb-rates.ts';
import { embeddedRates } from './embedded-rates.ts';
import { createHttpRates } from './http-rates.ts';
import type { RateSource } from './rate-source.ts';

/** Where rates come from beside what is embedded; at most one of the two is named. */
export interface RatesPlace {
  /** Of a server in the format of currency-api.ts. */
  url: string | null;
  /** A file of the European Central Bank. */
  file: string | null;
}

/**
 * The sources of a bank, the wanted one last. What comes with the bank stands before it: a new bank has something to compare its first
 * day with, and currencies that the wanted source does not have are at least valued.
 */
export function chooseRates({ url, file }: RatesPlace): readonly RateSource[] {
  if (url !== null) return [...embeddedRates(), createHttpRates(url)];
  if (file !== null) return [...embeddedRates(), createEcbFileRates(file)];
  return embeddedRates();
}
