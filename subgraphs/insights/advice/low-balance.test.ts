import { describe, expect, test } from '@jest/globals';
import { everyMonth, historyOf, times } from '../../../tests/spending-history.ts';
import type { HistoryLine, Source } from './history.ts';
import { findLowBalances } from './low-balance.ts';
import { findSeries } from './recurring.ts';

const TODAY = '2026-11-21';
const account = (availableMinor: bigint, more: Partial<Source> = {}): Source => ({
  kind: 'account',
  id: 'account',
  currency: 'USD',
  availableMinor,
  asOf: new Date('2026-11-20T08:00:00.000Z'),
  ...more,
});
const HERE = { kind: 'posting', sourceId: 'account' } as const;
/** Due on 1 December. */
const rent = everyMonth('2026-06-01', times(6, -120_000), { ...HERE, payee: 'landlord', label: 'Landlord' });
/** Due on 28 November. */
const power = everyMonth('2026-07-28', times(4, -9_000), { ...HERE, payee: 'city power', label: 'City Power' });
/** Due on 5 December. */
const salary = everyMonth('2026-06-05', times(6, 300_000), { ...HERE, payee: 'acme', label: 'Acme' });

function forecast(lines: readonly HistoryLine[], sources: Source[], today = TODAY) {
  const history = historyOf(lines, { sources, today });
  return findLowBalances(history, findSeries(history));
}

describe('a low balance', () => {
  test('is forecast when less is there than goes out before the next income', () => {
    expect(forecast([...rent, ...power, ...salary], [account(100_000n)])).toEqual([
      {
        kind: 'LOW_BALANCE_FORECAST',
        identity: ['account', '2026-12-05'],
        title: 'Your account in USD may be 290.00 USD short by 2026-12-05',
        body: 'It has 1000.00 USD. 1290.00 USD are expected to go out before the next expected income on 2026-12-05: Landlord, City Power.',
        amount: { amountMinor: 29_000n, currency: 'USD' },
        confidencePercent: 75,
        createdAt: new Date('2026-11-20T08:00:00.000Z'),
        lines: [rent.at(-1), power.at(-1)],
      },
    ]);
  });

  test('is not, when there is just enough', () => {
    expect(forecast([...rent, ...power, ...salary], [account(129_000n)])).toEqual([]);
    expect(forecast([...rent, ...power, ...salary], [account(128_999n)])).toHaveLength(1);
  });

  test('is not, when the income comes first', () => {
    // The salary of 25 November comes before the rent.
    const early = everyMonth('2026-06-25', times(5, 300_000), { ...HERE, payee: 'acme' });
    expect(forecast([...rent, ...early], [account(100_000n)])).toEqual([]);
    // Or on the same day.
    const sameDay = everyMonth('2026-06-01', times(6, 300_000), { ...HERE, payee: 'acme' });
    expect(forecast([...rent, ...sameDay], [account(100_000n)])).toEqual([]);
  });

  test('without a known income looks 30 days ahead', () => {
    expect(forecast([...rent, ...power], [account(128_000n)])).toMatchObject([
      { identity: ['account', '2026-12-21'], body: expect.stringContaining('before 2026-12-21') },
    ]);
  });

  test('counts a weekly payment as often as it comes', () => {
    const lines = ['2026-10-29', '2026-11-05', '2026-11-12', '2026-11-19'].map((day) => ({
      ...everyMonth(day, [-10_000], { ...HERE, payee: 'cleaner' })[0]!,
    }));
    // 26 November, 3, 10 and 17 December.
    expect(forecast(lines, [account(39_000n)])).toMatchObject([{ amount: { amountMinor: 1_000n } }]);
    expect(forecast(lines, [account(40_000n)])).toEqual([]);
  });

  test('is forecast for an outside account whose balance is known, and not once that is old', () => {
    const outside = rent.map((line) => ({ ...line, kind: 'external' as const, sourceId: 'bank' }));
    const bank = account(50_000n, { kind: 'outside', id: 'bank', asOf: new Date('2026-11-02T00:00:00.000Z') });
    expect(forecast(outside, [bank])).toMatchObject([{ title: expect.stringContaining('outside account') }]);
    expect(forecast(outside, [{ ...bank, asOf: new Date('2026-10-16T00:00:00.000Z') }])).toEqual([]);
  });

  test('goes by what is paid from that account and in its currency', () => {
    expect(forecast(rent, [account(0n, { id: 'another' })])).toEqual([]);
    expect(forecast(rent, [account(0n, { currency: 'EUR' })])).toEqual([]);
    expect(forecast(rent, [account(0n, { asOf: null })])).toEqual([]);
  });

  test('is not forecast from payments that do not recur', () => {
    expect(forecast(rent.slice(0, 2), [account(0n)], '2026-07-20')).toEqual([]);
  });
});
