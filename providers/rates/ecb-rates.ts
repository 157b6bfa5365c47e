import { open } from 'node:fs/promises';
import path from 'node:path';
import { SaxesParser } from 'saxes';
import { divideHalfEven } from '../../platform/ratio.ts';
import { parseRate, type Fraction } from '../../platform/rates.ts';
import type { RateSheet, RateSource } from './rate-source.ts';

/*
 * The euro reference rates of the European Central Bank, as files: eurofxref-hist.csv (a row for each day since 1999, one column for each
 * currency, "N/A" where there was none) and eurofxref-daily.xml or -hist.xml (Cube elements). They say what one euro buys, on working
 * days, at about 16:00 in Frankfurt.
 */

/** What the ECB publishes; the others of this bank are not missing when it has them not. */
const COVERED: ReadonlySet<string> = new Set([
  'EUR', 'USD', 'JPY', 'CZK', 'DKK', 'GBP', 'HUF', 'PLN', 'RON', 'SEK', 'CHF', 'ISK', 'NOK', 'TRY', 'AUD', 'BRL', 'CAD', 'CNY',
  'HKD', 'IDR', 'ILS', 'INR', 'KRW', 'MXN', 'MYR', 'NZD', 'PHP', 'SGD', 'THB', 'ZAR',
]); // prettier-ignore

/** The whole history since 1999 has less than 3 MB as CSV and 10 MB as XML. */
const MAX_BYTES = 32 * 1024 * 1024;

/** A file of the ECB that somebody keeps up to date. It is read anew each time. */
export function createEcbFileRates(file: string): RateSource {
  const name = `ECB ${path.basename(file)}`;
  return {
    name,
    covers: COVERED,
    async read() {
      const handle = await open(file);
      try {
        const { size } = await handle.stat();
        if (size > MAX_BYTES) throw new Error(`${file} is larger than ${MAX_BYTES} bytes`);
        return parseEcb(await handle.readFile('utf8'));
      } finally {
        await handle.close();
      }
    },
  };
}

/** The newest day in a file of either form. */
export function parseEcb(text: string): RateSheet {
  const { date, perEur } = text.trimStart().startsWith('<') ? newestOfXml(text) : newestOfCsv(text);
  const dollar = parseRate(perEur.get('USD'));
  if (!dollar) throw new Error(`the ECB's rates of ${date} have none of the US dollar, through which all others go`);
  const rates = [...perEur].filter(([code]) => code !== 'USD');
  return {
    date,
    perUsd: {
      USD: '1',
      EUR: divide({ numerator: 1n, denominator: 1n }, dollar),
      // What is no rate is passed on as it is, for the checks to name it.
      ...Object.fromEntries(
        rates.map(([code, text]) => {
          const rate = parseRate(text);
          return [code, rate ? divide(rate, dollar) : text];
        }),
      ),
    },
    // The euro's view is all there is, so there is nothing to compare it with.
    crosses: {},
  };
}

interface EcbDay {
  date: string;
  /** By currency: how much one euro buys. */
  perEur: Map<string, string>;
}

const HAS_NONE = new Set(['', 'N/A']);

function newestOfCsv(text: string): EcbDay {
  const [header = '', ...lines] = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const [first, ...codes] = cells(header);
  if (first !== 'Date') throw new Error('this is no file of euro reference rates: its first column is not "Date"');
  // Days are looked for, whatever the order of the rows.
  const newest = lines.reduce((newer, line) => (line > newer ? line : newer), '');
  const [date = '', ...values] = cells(newest);
  if (values.length !== codes.length) {
    throw new Error(`the row ${JSON.stringify(date)} has ${values.length} rates, the header ${codes.length}`);
  }
  const rates = codes.map((code, index): [string, string] => [code, values[index]!]);
  return { date, perEur: new Map(rates.filter(([code, rate]) => code !== '' && !HAS_NONE.has(rate))) };
}

/** The fields of a line; the ECB ends each with a comma, and quotes none. */
function cells(line: string): string[] {
  return line
    .replace(/,\s*$/, '')
    .split(',')
    .map((cell) => cell.trim());
}

function newestOfXml(text: string): EcbDay {
  const days: EcbDay[] = [];
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw new Error(`this is no well-formed XML: ${error.message}`);
  });
  // Names may have a prefix, and Cubes stand in Cubes: only their attributes tell which they are.
  parser.on('opentag', ({ attributes }) => {
    const { time, currency, rate } = attributes as Record<string, string | undefined>;
    if (time !== undefined) days.push({ date: time, perEur: new Map() });
    if (currency !== undefined && rate !== undefined) days.at(-1)?.perEur.set(currency, rate);
  });
  parser.write(text).close();
  if (days.length === 0) throw new Error('this is no file of euro reference rates: it has no day');
  return days.reduce((newest, day) => (day.date > newest.date ? day : newest));
}

/** More digits than any published rate has; what is rounded away is far less than the bank's own ten digits. */
const DIGITS = 15;

/** A quotient as a plain decimal with so many significant digits or one more, rounded half to even, without trailing zeros. */
function divide(dividend: Fraction, divisor: Fraction): string {
  const numerator = dividend.numerator * divisor.denominator;
  const denominator = dividend.denominator * divisor.numerator;
  const decimals = Math.max(0, DIGITS + denominator.toString().length - numerator.toString().length);
  const digits = divideHalfEven(numerator * 10n ** BigInt(decimals), denominator)
    .toString()
    .padStart(decimals + 1, '0');
  const [whole, fraction] = [digits.slice(0, digits.length - decimals), digits.slice(digits.length - decimals)];
  return `${whole}.${fraction}`.replace(/\.?0*$/, '');
}
