import { plainDecimal } from './plain-decimal.ts';
import type { RateSheet } from './rate-source.ts';

/*
 * The format of https://github.com/fawazahmed0/exchange-api: one JSON file for each base currency, {"date": "2026-09-29", "usd": {"eur":
 * 0.86, …}}, wherever the files come from.
 */

/** Whose view of the day is read beside the dollar's: the largest currency and the largest asset. */
const CROSSES = ['EUR', 'BTC'];

/** A file as text, and what to call it to people. */
export interface CurrencyFile {
  text: string;
  from: string;
}

/** One day, from the files of the bases that are needed. `name` is the source's. */
export async function readCurrencyApi(
  name: string,
  readFile: (file: `${string}.json`) => Promise<CurrencyFile>,
): Promise<RateSheet> {
  const [dollars, ...others] = await Promise.all(
    ['usd', ...CROSSES.map((base) => base.toLowerCase())].map(async (key) =>
      parseBase(await readFile(`${key}.json`), key),
    ),
  );
  const odd = others.find(({ date }) => date !== dollars!.date);
  if (odd) throw new Error(`${name} mixes the days ${dollars!.date} and ${odd.date}`);
  return {
    date: dollars!.date,
    perUsd: dollars!.rates,
    crosses: Object.fromEntries(CROSSES.map((base, index) => [base, others[index]!.rates])),
  };
}

/** How much of each currency one unit of the base buys. */
function parseBase(
  { text, from }: CurrencyFile,
  key: string,
): { date: string; rates: Readonly<Record<string, string>> } {
  const content: unknown = JSON.parse(text);
  const { date, [key]: rates } = isObject(content) ? content : {};
  if (typeof date !== 'string' || !isObject(rates)) throw new Error(`${from} has not the form {"date", "${key}"}`);
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
