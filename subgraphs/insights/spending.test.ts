import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseAmount } from '../../platform/money.ts';
import { addDaysTo, addMonths, addMonthsTo, lastDayOf, monthsBetween } from './calendar.ts';
import { analyse, analyseMonths, convertFlows, type Flow } from './spending.ts';

const flow = (category: string, outMinor: bigint, inMinor = 0n, more: Partial<Flow> = {}): Flow => ({
  category,
  currency: 'USD',
  month: '2026-03',
  outMinor,
  inMinor,
  outLines: outMinor > 0n ? 1 : 0,
  inLines: inMinor > 0n ? 1 : 0,
  ...more,
});

describe('an analysis', () => {
  test('adds up by category, largest first, with shares that add up to 1; what came in apart', () => {
    expect(
      analyse([
        flow('Fees', 100n, 0n, { outLines: 2 }),
        flow('Dining', 150n, 30n, { outLines: 2 }),
        flow('Dining', 50n, 0n, { month: '2026-04' }),
        flow('Salary', 0n, 70n),
      ]),
    ).toEqual({
      totalMinor: 300n,
      incomeMinor: 100n,
      categories: [
        { category: 'Dining', totalMinor: 200n, count: 3, share: '0.6667', changeRatio: null },
        { category: 'Fees', totalMinor: 100n, count: 2, share: '0.3333', changeRatio: null },
      ],
      incomeCategories: [
        { category: 'Salary', totalMinor: 70n, count: 1, share: '0.7', changeRatio: null },
        { category: 'Dining', totalMinor: 30n, count: 1, share: '0.3', changeRatio: null },
      ],
    });
  });

  test('compares with the time before; what is only of then is no spending of now', () => {
    const { totalMinor, categories } = analyse([
      flow('Dining', 150n),
      flow('Dining', 100n, 0n, { month: null }),
      flow('Cash', 999n, 5n, { month: null }),
    ]);
    expect(totalMinor).toBe(150n);
    expect(categories).toEqual([expect.objectContaining({ category: 'Dining', changeRatio: '0.5', share: '1' })]);
  });

  test('of months compares whole months only', () => {
    const months = analyseMonths(
      [
        flow('Dining', 100n),
        flow('Dining', 150n, 0n, { month: '2026-04' }),
        flow('Dining', 300n, 0n, { month: '2026-05' }),
      ],
      [
        { month: '2026-03', whole: true },
        { month: '2026-04', whole: true },
        { month: '2026-05', whole: false },
        { month: '2026-06', whole: true },
      ],
    );
    expect(months.map(({ month, totalMinor, categories }) => [month, totalMinor, categories[0]?.changeRatio])).toEqual([
      ['2026-03', 100n, null],
      ['2026-04', 150n, '0.5'],
      ['2026-05', 300n, null],
      ['2026-06', 0n, undefined],
    ]);
  });

  test('of nothing is nothing', () => {
    expect(analyse([])).toEqual({ totalMinor: 0n, incomeMinor: 0n, categories: [], incomeCategories: [] });
  });
});

describe('flows in several currencies', () => {
  const RATES = { date: '2026-03-01', perUsd: { USD: '1', JPY: '150', EUR: '0.8' } };

  test('are converted at the rates; those without a rate are named and left out', () => {
    const flows = [flow('Dining', 1_500n, 0n, { currency: 'JPY' }), flow('Cash', 9n, 0n, { currency: 'XOF' })];
    expect(convertFlows(flows, 'EUR', RATES)).toEqual({
      flows: [expect.objectContaining({ currency: 'EUR', outMinor: 800n })],
      leftOut: ['XOF'],
    });
    expect(convertFlows(flows, 'JPY', null)).toEqual({ flows: [flows[0]], leftOut: ['XOF'] });
  });

  const anyFlow = fc
    .record({
      category: fc.constantFrom('Dining', 'Groceries', 'Fees', 'Salary'),
      currency: fc.constantFrom('USD', 'JPY', 'EUR', 'XOF'),
      month: fc.constantFrom(null, '2026-01', '2026-02', '2026-03'),
      outMinor: fc.bigInt({ min: 0n, max: parseAmount('1000000000000', 'USD') }),
      inMinor: fc.bigInt({ min: 0n, max: 10n ** 9n }),
    })
    .map((made) => ({ ...made, outLines: made.outMinor > 0n ? 1 : 0, inLines: made.inMinor > 0n ? 1 : 0 }));

  test('add up to the same by category, by month and in whole, in whatever order they come', () => {
    const months = ['2026-01', '2026-02', '2026-03'].map((month) => ({ month, whole: true }));
    const sum = (amounts: bigint[]) => amounts.reduce((total, amount) => total + amount, 0n);
    fc.assert(
      fc.property(fc.array(anyFlow, { maxLength: 40 }), (made) => {
        const { flows } = convertFlows(made, 'EUR', RATES);
        const whole = analyse(flows);
        const byMonth = analyseMonths(flows, months);
        expect(sum(whole.categories.map(({ totalMinor }) => totalMinor))).toBe(whole.totalMinor);
        expect(sum(whole.incomeCategories.map(({ totalMinor }) => totalMinor))).toBe(whole.incomeMinor);
        expect(sum(byMonth.map(({ totalMinor }) => totalMinor))).toBe(whole.totalMinor);
        expect(sum(byMonth.map(({ incomeMinor }) => incomeMinor))).toBe(whole.incomeMinor);
        const shares = whole.categories.map(({ share }) => Math.round(Number(share) * 10_000));
        if (whole.totalMinor > 0n) expect(shares.reduce((total, share) => total + share, 0)).toBe(10_000);
        expect(analyse(convertFlows([...made].reverse(), 'EUR', RATES).flows)).toEqual(whole);
      }),
    );
  });
});

describe('the calendar', () => {
  test('knows its months from the first to the last year', () => {
    expect(addMonths('2026-01', -1)).toBe('2025-12');
    expect(addMonths('2025-12', 14)).toBe('2027-02');
    expect(monthsBetween('2025-11', '2026-02')).toEqual(['2025-11', '2025-12', '2026-01', '2026-02']);
    expect(monthsBetween('9999-11', '9999-12')).toEqual(['9999-11', '9999-12']);
    expect(monthsBetween('2026-02', '2026-01')).toEqual([]);
    expect(['0001-02', '2024-02', '2100-02', '9999-12'].map(lastDayOf)).toEqual([
      '0001-02-28',
      '2024-02-29',
      '2100-02-28',
      '9999-12-31',
    ]);
    expect(addDaysTo('0001-01-02', -5)).toBe('0001-01-01');
    expect(addMonthsTo('2026-01-31', 1)).toBe('2026-02-28');
    expect(addMonthsTo('2024-02-29', 12)).toBe('2025-02-28');
  });
});
