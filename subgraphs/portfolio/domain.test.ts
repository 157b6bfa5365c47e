import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { historyDays, startOfPeriod, valuationCurrency, type OwnedAccount } from './domain.ts';

let ids = 0;
const account = (currency: string, postedMinor: bigint): OwnedAccount => ({
  id: `account-${ids++}`,
  currency,
  version: 1,
  postedMinor,
});

const NOW = new Date('2026-03-10T15:00:00.000Z');
const BAD_INPUT = expect.objectContaining({ extensions: { code: 'BAD_USER_INPUT' } });

describe('the valuation currency', () => {
  test('is the one asked for, else that of the oldest account, else USD', () => {
    const accounts = [account('KES', 1n), account('EUR', 1n)];
    expect(valuationCurrency('JPY', accounts)).toBe('JPY');
    expect(valuationCurrency(null, accounts)).toBe('KES');
    expect(valuationCurrency(undefined, [])).toBe('USD');
  });

  test.each(['XYZ', 'usd', '', 'XAU'])('is refused when the bank does not know it: %j', (currency) => {
    expect(() => valuationCurrency(currency, [])).toThrow(
      expect.objectContaining({ extensions: { code: 'UNSUPPORTED_CURRENCY' } }),
    );
  });
});

describe('a period', () => {
  test('begins so many times 24 hours ago, and ALL before everything', () => {
    expect(startOfPeriod('DAY', NOW)?.toISOString()).toBe('2026-03-09T15:00:00.000Z');
    expect(startOfPeriod('WEEK', NOW)?.toISOString()).toBe('2026-03-03T15:00:00.000Z');
    expect(startOfPeriod('MONTH', NOW)?.toISOString()).toBe('2026-02-08T15:00:00.000Z');
    expect(startOfPeriod('YEAR', NOW)?.toISOString()).toBe('2025-03-10T15:00:00.000Z');
    expect(startOfPeriod('ALL', NOW)).toBeNull();
  });
});

describe('the days of a history', () => {
  test('are the last 30 unless said otherwise', () => {
    const days = historyDays({}, NOW);
    expect(days).toHaveLength(30);
    expect([days[0], days.at(-1)]).toEqual(['2026-02-09', '2026-03-10']);
  });

  test('are thinned out evenly, with the first and the last among them', () => {
    expect(historyDays({ from: '2026-01-01', to: '2026-01-09', points: 3 }, NOW)).toEqual([
      '2026-01-01',
      '2026-01-05',
      '2026-01-09',
    ]);
    expect(historyDays({ from: '2026-01-01', to: '2026-01-09', points: 1 }, NOW)).toEqual(['2026-01-09']);
  });

  test('end today: nothing is known of the future', () => {
    expect(historyDays({ from: '2026-03-09', to: '2026-03-20' }, NOW)).toEqual(['2026-03-09', '2026-03-10']);
    expect(historyDays({ from: '2026-04-01', to: '2026-04-20' }, NOW)).toEqual([]);
  });

  test.each([
    { from: '2026-03-02', to: '2026-03-01' },
    { from: '2026-03-11' },
    { from: '2010-01-01', to: '2026-01-01' },
    { points: 0 },
    { points: 1001 },
    { points: -1 },
  ])('are refused for %j', (args) => {
    expect(() => historyDays(args, NOW)).toThrow(BAD_INPUT);
  });

  test('never repeat, never go back, are never more than asked for', () => {
    const day = fc
      .integer({ min: 0, max: 2900 })
      .map((n) => new Date(Date.UTC(2018, 0, 1 + n)).toISOString().slice(0, 10));
    fc.assert(
      fc.property(day, day, fc.integer({ min: 1, max: 1000 }), (a, b, points) => {
        const [from, to] = a < b ? [a, b] : [b, a];
        const days = historyDays({ from, to, points }, NOW);
        expect(days.length).toBeLessThanOrEqual(points);
        expect(days).toEqual([...new Set(days)].sort());
        expect(days.at(-1)).toBe(to);
        if (days.length > 1) expect(days[0]).toBe(from);
      }),
    );
  });
});
