import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  historyDays,
  holdingsOf,
  priceOf,
  startOfPeriod,
  totalOf,
  valuationCurrency,
  type OwnedAccount,
} from './domain.ts';

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

describe('holdings', () => {
  test('have a price in their own currency only, one whole unit of it', () => {
    expect(priceOf('USD', 'USD')).toEqual({ amountMinor: 100n, currency: 'USD' });
    expect(priceOf('JPY', 'JPY')).toEqual({ amountMinor: 1n, currency: 'JPY' });
    expect(priceOf('EUR', 'USD')).toBeNull();
  });

  test('join accounts by currency; what has no price comes last, by name, without value and share', () => {
    const accounts = [account('EUR', 500n), account('USD', 100n), account('USD', 50n), account('BTC', 9n)];
    const holdings = holdingsOf(accounts, 'USD');
    expect(holdings).toEqual([
      {
        currency: 'USD',
        quantityMinor: 150n,
        valueMinor: 150n,
        share: '1',
        accountIds: [accounts[1]!.id, accounts[2]!.id],
      },
      { currency: 'BTC', quantityMinor: 9n, valueMinor: null, share: null, accountIds: [accounts[3]!.id] },
      { currency: 'EUR', quantityMinor: 500n, valueMinor: null, share: null, accountIds: [accounts[0]!.id] },
    ]);
    expect(totalOf(holdings)).toBe(150n);
  });

  test('of nothing or less have no share', () => {
    expect(holdingsOf([account('USD', 0n)], 'USD')[0]).toMatchObject({ valueMinor: 0n, share: null });
    expect(holdingsOf([account('USD', -5n)], 'USD')[0]).toMatchObject({ valueMinor: -5n, share: null });
    expect(holdingsOf([], 'USD')).toEqual([]);
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
