import { describe, expect, test } from '@jest/globals';
import { everyDays, everyMonth, historyOf, line, times } from '../../../tests/spending-history.ts';
import type { HistoryLine } from './history.ts';
import { findRecurringPayments, findSeries } from './recurring.ts';

const NETFLIX = { payee: 'netflix', label: 'NETFLIX.COM 866-579', category: 'Entertainment' };

const found = (lines: readonly HistoryLine[], today?: string) =>
  findRecurringPayments(findSeries(historyOf(lines, { ...(today && { today }) })));

describe('a recurring payment', () => {
  test('of six equal months is found, with what and when comes next', () => {
    const lines = everyMonth('2026-06-07', times(6, -1549), NETFLIX);
    expect(found(lines)).toEqual([
      {
        kind: 'RECURRING_PAYMENT',
        identity: ['netflix', 'USD', 'month', '0'],
        title: 'NETFLIX.COM 866-579: about 15.49 USD every month',
        body: 'Paid 6 times from 2026-06-07 to 2026-11-07. Next expected on 2026-12-07, about 15.49 USD.',
        amount: { amountMinor: 1549n, currency: 'USD' },
        // 5 of 5 intervals, 6 of 6 amounts, 5 / (5 + 1).
        confidencePercent: 83,
        createdAt: new Date('2026-11-07T00:00:00.000Z'),
        lines,
      },
    ]);
  });

  test.each([
    ['week', everyDays('2026-10-20', 7, times(5, -500)), '2026-11-24'],
    ['two weeks', everyDays('2026-09-28', 14, times(4, -500)), '2026-11-23'],
    ['month', everyMonth('2026-08-31', times(3, -500)), '2026-11-30'],
    [
      'quarter',
      everyMonth('2026-03-15', times(1, -500)).concat(
        everyMonth('2026-06-15', [-500]),
        everyMonth('2026-09-15', [-500]),
      ),
      '2026-12-15',
    ],
    ['year', [line('2025-11-25', -500), line('2026-11-20', -500)], '2027-11-20'],
  ])('may come every %s', (name, lines, nextOn) => {
    expect(findSeries(historyOf(lines))).toMatchObject([{ every: { name }, nextOn }]);
  });

  test('is surer the longer and the steadier it is', () => {
    const confidence = (lines: HistoryLine[]) => found(lines)[0]!.confidencePercent;
    const [three, twelve] = [everyMonth('2026-09-01', times(3, -100)), everyMonth('2025-12-01', times(12, -100))];
    const unsteady = everyMonth('2025-12-01', [-100, -120, -84, -100, -118, -84, -100, -120, -82, -100, -118, -83]);
    expect(confidence(three)).toBe(67);
    expect(confidence(twelve)).toBe(92);
    expect(confidence(unsteady)).toBeLessThan(70);
  });

  test('may move by some days and some money, as bills do', () => {
    const bills = ['2026-07-03', '2026-08-01', '2026-09-04', '2026-10-02', '2026-11-02'].map((day, index) =>
      line(day, [-8820, -9410, -7980, -8150, -9020][index]!, { payee: 'city power', label: 'CITY POWER' }),
    );
    expect(found(bills)).toMatchObject([{ amount: { amountMinor: 8150n, currency: 'USD' } }]);
  });

  test('may be paid from an outside account at first and from here later', () => {
    const [outside, inside] = [
      everyMonth('2026-06-01', times(3, -120_000), { payee: 'landlord' }),
      everyMonth('2026-09-01', times(3, -120_000), { payee: 'landlord', kind: 'posting', sourceId: 'account' }),
    ];
    expect(found([...outside, ...inside])).toMatchObject([{ lines: { length: 6 } }]);
  });

  test('is one for each amount where a shop has several subscriptions, and is found among its other sales', () => {
    const music = everyMonth('2026-06-07', times(6, -1099), { payee: 'amazon' });
    const prime = everyMonth('2026-06-20', times(6, -1499), { payee: 'amazon' });
    const books = everyDays('2026-06-01', 13, [-2300, -850, -4999, -12_000, -3100, -780, -6250], { payee: 'amazon' });
    expect(
      found([...music, ...prime, ...books]).map(({ amount, identity }) => [amount!.amountMinor, identity]),
    ).toEqual([
      [1099n, ['amazon', 'USD', 'month', '0']],
      [1499n, ['amazon', 'USD', 'month', '1']],
    ]);
  });
});

describe('no recurring payment', () => {
  test.each([
    ['two months', everyMonth('2026-10-07', times(2, -1549))],
    ['three weeks', everyDays('2026-11-01', 7, times(3, -500))],
    ['no rhythm', ['2026-06-01', '2026-06-20', '2026-08-03', '2026-08-09', '2026-10-28'].map((day) => line(day, -500))],
    ['no common amount', everyMonth('2026-06-07', [-100, -900, -4000, -20, -77, -15_000])],
    ['lines of one day', times(5, 0).map(() => line('2026-11-20', -500))],
    ['no payee', everyMonth('2026-06-07', times(6, -1549), { payee: '' })],
    [
      'several payees',
      everyMonth('2026-06-07', times(6, -1549)).map((one, index) => ({ ...one, payee: `shop ${index}` })),
    ],
    ['own money', everyMonth('2026-06-07', times(6, -1549), { ownMoney: true })],
    ['an income', everyMonth('2026-06-07', times(6, 315_000), { payee: 'acme payroll' })],
    ['nothing', []],
  ])('is seen in %s', (_what, lines) => {
    expect(found(lines)).toEqual([]);
  });

  test('is left when it has ended', () => {
    const lines = everyMonth('2026-01-07', times(6, -1549), NETFLIX);
    expect(found(lines, '2026-07-12')).toHaveLength(1);
    expect(found(lines, '2026-07-13')).toEqual([]);
  });

  test('mixes currencies', () => {
    const lines = everyMonth('2026-06-07', times(4, -1549), NETFLIX).map((one, index) => ({
      ...one,
      currency: index % 2 ? 'EUR' : 'USD',
    }));
    expect(found(lines)).toEqual([]);
  });
});
