import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { measureCoverage, percent } from './measure-coverage.ts';
import { findMcc } from './mcc.ts';
import { MerchantsFileError, parseCsv, readMerchants } from './read-merchants.ts';

const MERCHANTS = '../shared/data/mcc/merchants.csv';
const CODES = '../shared/data/mcc/mcc-codes.csv';

/** What the README states; lower only with a reason. */
const FLOORS = { byNamePercent: 95, byWordsAlonePercent: 35, withCodePercent: 97 };

const whereData = existsSync(MERCHANTS) && existsSync(CODES) ? test : test.skip;

describe('known merchants (skipped where ../shared/data is absent)', () => {
  whereData('are as well covered as the README says', () => {
    const { byName, byWordsAlone, withCode, unknownCodes } = measureCoverage(
      readMerchants(readFileSync(MERCHANTS, 'utf8')),
    );
    expect(byName.merchants).toBe(1073);
    expect(unknownCodes).toEqual([]);
    expect(byName.agreeing * 100).toBeGreaterThanOrEqual(byName.merchants * FLOORS.byNamePercent);
    expect(byWordsAlone.agreeing * 100).toBeGreaterThanOrEqual(byWordsAlone.merchants * FLOORS.byWordsAlonePercent);
    expect(withCode.agreeing * 100).toBeGreaterThanOrEqual(withCode.merchants * FLOORS.withCodePercent);
  });

  whereData('of every code of ISO 18245 have a category', () => {
    const [header, ...records] = parseCsv(readFileSync(CODES, 'utf8'));
    const column = header!.indexOf('mcc');
    expect(records.length).toBeGreaterThan(900);
    expect(records.map((record) => record[column]!).filter((code) => !findMcc(code))).toEqual([]);
  });
});

describe('a coverage', () => {
  test('counts what is covered and what agrees, and names the rest', () => {
    const report = measureCoverage([
      { name: 'Tesco', code: '5411' },
      { name: 'Airbnb', code: '6513' },
      { name: 'Xyzzy', code: '5812' },
      { name: 'Plugh', code: '0001' },
    ]);
    expect(report.byName).toEqual({ merchants: 3, covered: 2, agreeing: 1 });
    expect(report.byWordsAlone).toEqual({ merchants: 3, covered: 0, agreeing: 0 });
    expect(report.withCode).toEqual({ merchants: 3, covered: 3, agreeing: 2 });
    expect(report.gaps).toEqual([
      { name: 'Airbnb', code: '6513', expected: 'Housing', found: 'Travel', rule: 'brand airbnb' },
      { name: 'Xyzzy', code: '5812', expected: 'Dining', found: null, rule: null },
    ]);
    expect(report.unknownCodes).toEqual([{ name: 'Plugh', code: '0001' }]);
    expect(report.categories.map(({ category, merchants }) => [category, merchants])).toEqual([
      ['Dining', 1],
      ['Groceries', 1],
      ['Housing', 1],
    ]);
  });

  test('in per cent has one decimal', () => {
    expect([percent(1036, 1073), percent(1, 3), percent(0, 5), percent(5, 5), percent(0, 0)]).toEqual([
      '96.6 %',
      '33.3 %',
      '0.0 %',
      '100.0 %',
      '-',
    ]);
  });
});

describe('a CSV file', () => {
  test('may quote commas, line ends and quotes', () => {
    expect(parseCsv('\uFEFFa,b\r\n"x, ""y""\nz",\n\n,"last"')).toEqual([
      ['a', 'b'],
      ['x, "y"\nz', ''],
      ['', 'last'],
    ]);
    expect(parseCsv('')).toEqual([]);
    expect(parseCsv('a,')).toEqual([['a', '']]);
  });

  test('gives merchants whatever the order of its columns, and back the zeros that spreadsheets drop', () => {
    expect(readMerchants('mcc_code,x,merchant_name\n742,,Vet\n')).toEqual([{ name: 'Vet', code: '0742' }]);
  });

  test.each([
    '',
    'merchant_name\nx\n',
    'merchant_name,mcc_code\nx\n',
    'merchant_name,mcc_code\n"x,1\n',
    'merchant_name,mcc_code\n"x"y,1\n',
  ])('that is none is refused: %j', (csv) => {
    expect(() => readMerchants(csv)).toThrow(MerchantsFileError);
  });
});
