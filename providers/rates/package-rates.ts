import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { plainDecimal } from './plain-decimal.ts';
import type { RateSheet, RateSource } from './rate-source.ts';

const require = createRequire(import.meta.url);

/** Whose view of the day is read beside the dollar's: the largest currency and the largest asset. */
const CROSSES = ['EUR', 'BTC'];

/**
 * The rates inside an installed npm package of https://github.com/fawazahmed0/exchange-api (CC0): one version of the package
 * for each day, one JSON file for each base currency. The files are read anew each time, so that a package which was updated
 * beneath a running bank is noticed.
 */
export function createPackageRates(packageName: string): RateSource {
  return {
    name: packageName,
    async read(): Promise<RateSheet> {
      const [dollars, ...others] = await Promise.all(['USD', ...CROSSES].map((base) => readBase(packageName, base)));
      const odd = others.find(({ date }) => date !== dollars!.date);
      if (odd) throw new Error(`${packageName} mixes the days ${dollars!.date} and ${odd.date}`);
      return {
        date: dollars!.date,
        perUsd: dollars!.rates,
        crosses: Object.fromEntries(CROSSES.map((base, index) => [base, others[index]!.rates])),
      };
    },
  };
}

/** How much of each currency one unit of `base` buys. */
async function readBase(
  packageName: string,
  base: string,
): Promise<{ date: string; rates: Readonly<Record<string, string>> }> {
  const key = base.toLowerCase();
  const path = require.resolve(`${packageName}/v1/currencies/${key}.json`);
  const content: unknown = JSON.parse(await readFile(path, 'utf8'));
  const { date, [key]: rates } = isObject(content) ? content : {};
  if (typeof date !== 'string' || !isObject(rates)) throw new Error(`${path} has not the form {"date", "${key}"}`);
  return {
    date,
    rates: Object.fromEntries(
      Object.entries(rates).map(([code, rate]) => [
        code.toUpperCase(),
        // What is no number is passed on as it is, for the checks to name it.
        typeof rate === 'number' ? plainDecimal(rate) : String(rate),
      ]),
    ),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
