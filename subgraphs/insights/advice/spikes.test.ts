import { describe, expect, test } from '@jest/globals';
import { everyMonth, historyOf, line, times } from '../../../tests/spending-history.ts';
import type { HistoryLine } from './history.ts';
import { spendingByMonth } from './monthly.ts';
import { findSeries } from './recurring.ts';
import { findSpikes } from './spikes.ts';
import { findUnusual } from './unusual.ts';

const spikes = (lines: readonly HistoryLine[], today = '2026-11-21') =>
  findSpikes(spendingByMonth(historyOf(lines, { today })));

const DINING = { category: 'Dining' };
/** 200.00 a month for food out, 800.00 for the rest. */
const usual = (months: number) => [
  ...everyMonth('2026-05-10', times(months, -20_000), DINING),
  ...everyMonth('2026-05-03', times(months, -80_000), { category: 'Groceries' }),
];

describe('a spending spike', () => {
  test('is a month that costs far more than the months before; it became true with the line that made it so', () => {
    const [first, second, third] = [
      line('2026-11-02', -15_000, DINING),
      line('2026-11-09', -16_000, DINING),
      line('2026-11-12', -10_000, DINING),
    ];
    expect(spikes([...usual(6), first, second, third])).toEqual([
      {
        kind: 'SPENDING_SPIKE',
        identity: ['Dining', 'USD', '2026-11'],
        title: 'Dining: 210.00 USD more than usual',
        body: '410.00 USD in 2026-11; the 6 months before it came to 200.00 USD in the median.',
        amount: { amountMinor: 21_000n, currency: 'USD' },
        // 6 / (6 + 1), and perfectly steady before.
        confidencePercent: 86,
        createdAt: second.at,
        lines: [first, second, third],
      },
    ]);
  });

  test('of the last month is still told, against the months before that one', () => {
    const lines = [...usual(5), line('2026-10-12', -45_000, DINING)];
    expect(spikes(lines)).toMatchObject([{ identity: ['Dining', 'USD', '2026-10'], amount: { amountMinor: 25_000n } }]);
  });

  test('counts lines here and outside together', () => {
    const inside = line('2026-11-05', -20_000, { ...DINING, kind: 'posting', sourceId: 'account' });
    expect(spikes([...usual(6), inside, line('2026-11-06', -20_000, DINING)])).toMatchObject([
      { lines: [{ kind: 'posting' }, { kind: 'external' }] },
    ]);
  });

  test.each([
    ['a usual month', [...usual(6), line('2026-11-10', -20_000, DINING)]],
    ['too few months', [...usual(6).filter(({ day }) => day >= '2026-09'), line('2026-11-10', -90_000, DINING)]],
    [
      'half as much again, where it always varies as much',
      [
        ...everyMonth('2026-05-10', [-10_000, -40_000, -20_000, -5_000, -35_000, -15_000], DINING),
        line('2026-11-10', -45_000, DINING),
      ],
    ],
    [
      'a doubled trifle',
      [
        ...usual(6),
        ...everyMonth('2026-05-10', times(6, -500), { category: 'Pets' }),
        line('2026-11-10', -1500, { category: 'Pets' }),
      ],
    ],
    [
      'a little more of what most is spent on',
      [...everyMonth('2026-05-10', times(6, -20_000), DINING), line('2026-11-10', -26_000, DINING)],
    ],
    [
      'what is bought in few months',
      [
        ...usual(6),
        line('2026-06-10', -50_000, { category: 'Travel' }),
        line('2026-11-10', -90_000, { category: 'Travel' }),
      ],
    ],
    ['own money', [...usual(6), line('2026-11-10', -90_000, { ...DINING, ownMoney: true })]],
    ['an income', [...usual(6), line('2026-11-10', 90_000, DINING)]],
    ['another currency', [...usual(6), line('2026-11-10', -90_000, { ...DINING, currency: 'EUR' })]],
    ['nothing', []],
  ])('is not seen in %s', (_what, lines) => {
    expect(spikes(lines).filter(({ identity }) => identity[2] === '2026-11')).toEqual([]);
  });
});

describe('an unusual payment', () => {
  const unusual = (lines: readonly HistoryLine[], today = '2026-11-21') => {
    const history = historyOf(lines, { today });
    return findUnusual(spendingByMonth(history), findSeries(history), today);
  };
  /** Ten coffees and the like: 8.00 to 12.50. */
  const small = Array.from({ length: 10 }, (_, index) =>
    line(`2026-${String(2 + index).padStart(2, '0')}-0${1 + (index % 9)}`, -800 - 50 * index, {
      ...DINING,
      payee: `cafe ${index}`,
    }),
  );

  test('is far larger than what was paid in its category before', () => {
    const odd = line('2026-11-19', -26_000, { ...DINING, payee: 'grand hotel', label: 'GRAND HOTEL' });
    expect(unusual([...small, odd])).toEqual([
      expect.objectContaining({
        kind: 'UNUSUAL_TRANSACTION',
        identity: [odd.id],
        title: 'GRAND HOTEL: 260.00 USD is unusual',
        createdAt: odd.at,
        lines: [odd],
      }),
    ]);
  });

  test.each([
    ['a usual one', [...small, line('2026-11-19', -1400, DINING)]],
    ['one among too few', [...small.slice(0, 7), line('2026-11-19', -26_000, DINING)]],
    ['twice as much', [...small, line('2026-11-19', -2500, DINING)]],
    [
      'a large one, where all sizes are usual',
      [
        ...[-300, -9000, -1000, -500, -7000, -1100, -900, -4000, -600, -2000].map((amount, index) =>
          line(`2026-10-0${(index % 9) + 1}`, amount, { ...DINING, payee: `cafe ${index}` }),
        ),
        line('2026-11-19', -6000, DINING),
      ],
    ],
    [
      'a small one beside everything else',
      [
        ...small,
        ...everyMonth('2026-02-01', times(10, -100_000), { category: 'Housing', payee: 'landlord' }),
        line('2026-11-19', -4800, DINING),
      ],
    ],
    ['one of long ago', [...small, line('2026-10-21', -26_000, DINING)]],
    ['an income', [...small, line('2026-11-19', 26_000, DINING)]],
    ['one of another category', [...small, line('2026-11-19', -26_000, { category: 'Travel' })]],
    [
      'one that was to be expected',
      [...small, ...everyMonth('2026-08-19', times(4, -26_000), { ...DINING, payee: 'meal plan' })],
    ],
  ])('is not %s', (_what, lines) => {
    expect(unusual(lines)).toEqual([]);
  });
});
