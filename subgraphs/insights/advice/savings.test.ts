import { describe, expect, test } from '@jest/globals';
import { everyDays, everyMonth, historyOf, line, times } from '../../../tests/spending-history.ts';
import { findExposures } from './exposure.ts';
import type { HistoryLine } from './history.ts';
import { findSeries } from './recurring.ts';
import { findSavings } from './savings.ts';

const savings = (lines: readonly HistoryLine[]) => {
  const history = historyOf(lines);
  return findSavings(history, findSeries(history));
};
const subscription = (payee: string, amounts: readonly number[], category = 'Entertainment') =>
  everyMonth('2026-06-07', amounts, { payee, label: payee.toUpperCase(), category });

describe('a saving', () => {
  test('is a price that went up after it had stayed the same', () => {
    const lines = subscription('netflix', [-1549, -1549, -1549, -1549, -1799, -1799]);
    expect(savings(lines)).toEqual([
      expect.objectContaining({
        kind: 'SAVING_OPPORTUNITY',
        title: 'NETFLIX costs more: 17.99 USD instead of 15.49 USD',
        body: 'Since 2026-10-07, every month. That is 30.00 USD more in a year.',
        amount: { amountMinor: 3000n, currency: 'USD' },
        createdAt: lines[4]!.at,
        lines: lines.slice(3),
      }),
    ]);
  });

  test.each([
    ['a price that stays', times(6, -1549)],
    ['a price that falls', [-1799, -1799, -1799, -1799, -1549, -1549]],
    ['a price that rises a little', [-1549, -1549, -1549, -1549, -1585, -1585]],
    ['a bill that always varies', [-8000, -9000, -8500, -8200, -9300, -9900]],
    ['a price known for too short a time', [-1549, -1549, -1799, -1799, -1799, -1799]],
  ])('is not %s', (_what, amounts) => {
    expect(savings(subscription('netflix', amounts))).toEqual([]);
  });

  test('are several subscriptions of one kind', () => {
    const three = ['netflix', 'disney', 'spotify'].flatMap((payee, index) =>
      subscription(payee, times(6, -1000 - 100 * index)),
    );
    expect(savings(three)).toEqual([
      expect.objectContaining({
        title: '3 subscriptions for Entertainment: 396.00 USD in a year',
        body: 'DISNEY, NETFLIX, SPOTIFY. Without the cheapest it would be 120.00 USD less.',
        amount: { amountMinor: 12_000n, currency: 'USD' },
      }),
    ]);
    expect(savings(three.filter(({ payee }) => payee !== 'disney'))).toEqual([]);
    expect(savings(three.map((one) => ({ ...one, category: 'Housing' })))).toEqual([]);
  });

  test('are fees, when there are several', () => {
    const fees = ['2026-09-01', '2026-09-20', '2026-11-01'].map((day) =>
      line(day, -2500, { category: 'Fees', payee: '', label: 'OVERDRAFT FEE' }),
    );
    expect(savings(fees)).toEqual([
      expect.objectContaining({ title: 'Fees: 75.00 USD in 90 days', amount: { amountMinor: 7500n, currency: 'USD' } }),
    ]);
    expect(savings(fees.slice(1))).toEqual([]);
    expect(savings(fees.map((fee) => ({ ...fee, amountMinor: 2500n })))).toEqual([]);
    expect(savings([line('2026-08-01', -2500, { category: 'Fees', payee: '' }), ...fees.slice(1)])).toEqual([]);
  });
});

describe('an exposure', () => {
  const RATES = { date: '2026-11-20', perUsd: { USD: '1', EUR: '0.8' } };
  const euros = everyDays('2026-09-01', 14, times(6, -10_000), { currency: 'EUR' });
  const dollars = everyDays('2026-09-02', 14, times(6, -25_000));

  test('is a large part of what is spent in a foreign currency, month after month', () => {
    // 600 EUR are 750 USD, beside 1,500 USD.
    expect(findExposures(historyOf([...euros, ...dollars]), RATES)).toEqual([
      expect.objectContaining({
        kind: 'FX_EXPOSURE',
        title: '33 % of your spending is in EUR',
        amount: { amountMinor: 75_000n, currency: 'USD' },
        lines: euros,
      }),
    ]);
  });

  test('is none in the own currency, in few lines or months, for a small part, or without rates', () => {
    const history = historyOf([...euros, ...dollars]);
    expect(findExposures({ ...history, ownCurrency: 'EUR' }, RATES).map(({ identity }) => identity)).toEqual([
      ['USD', 'EUR'],
    ]);
    expect(findExposures({ ...history, ownCurrency: null }, RATES)).toEqual([]);
    expect(findExposures(history, null)).toEqual([]);
    expect(findExposures(history, { ...RATES, perUsd: { USD: '1' } })).toEqual([]);
    const four = ['2026-09-01', '2026-10-01', '2026-11-01', '2026-11-15'].map((day) =>
      line(day, -50_000, { currency: 'EUR' }),
    );
    expect(findExposures(historyOf([...four, ...dollars]), RATES)).toEqual([]);
    const twoMonths = everyDays('2026-10-01', 7, times(6, -50_000), { currency: 'EUR' });
    expect(findExposures(historyOf([...twoMonths, ...dollars]), RATES)).toEqual([]);
    expect(findExposures(historyOf([...euros, ...dollars, line('2026-10-01', -1_000_000)]), RATES)).toEqual([]);
  });
});
