import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { everyMonth, historyOf, line, times } from '../../../tests/spending-history.ts';
import { MAX_LINES, nameOf } from './advice.ts';
import { compareAdvice, findAdvice, mostUsefulFirst } from './find-advice.ts';
import type { HistoryLine, Source } from './history.ts';
import { median, medianDeviation } from './statistics.ts';

const RATES = { date: '2026-11-20', perUsd: { USD: '1', EUR: '0.8' } };

const anyLine: fc.Arbitrary<HistoryLine> = fc
  .record({
    daysAgo: fc.integer({ min: 0, max: 400 }),
    amount: fc.oneof(fc.integer({ min: -50_000, max: 50_000 }), fc.constantFrom(-1549, -999, -120_000, 300_000)),
    category: fc.constantFrom('Dining', 'Entertainment', 'Fees', 'Housing', 'Salary'),
    payee: fc.constantFrom('netflix', 'spotify', 'disney', 'landlord', 'acme', ''),
    label: fc.string({ unit: 'grapheme', maxLength: 60 }),
    currency: fc.constantFrom('USD', 'EUR'),
    kind: fc.constantFrom('posting' as const, 'external' as const),
    ownMoney: fc.constantFrom(false, false, false, true),
  })
  .map(({ daysAgo, amount, ...more }) => {
    const at = new Date(Date.parse('2026-11-21T00:00:00.000Z') - daysAgo * 86_400_000);
    return line(at.toISOString().slice(0, 10), amount, { ...more, sourceId: more.kind });
  });

const SOURCES: Source[] = [
  { kind: 'account', id: 'posting', currency: 'USD', availableMinor: 5_000n, asOf: new Date('2026-11-20T00:00:00Z') },
  { kind: 'outside', id: 'external', currency: 'EUR', availableMinor: 0n, asOf: new Date('2026-11-20T00:00:00Z') },
];

describe('what a history shows', () => {
  test('whatever it holds, rests on its own lines, has its own id, and is the same when looked for again', () => {
    fc.assert(
      fc.property(fc.array(anyLine, { maxLength: 120 }), (lines) => {
        const history = historyOf(lines, { sources: SOURCES });
        const advice = findAdvice(history, RATES);
        const known = new Set(history.lines.map(({ id }) => id));
        for (const one of advice) {
          expect(one.lines.length).toBeGreaterThan(0);
          expect(one.lines.length).toBeLessThanOrEqual(MAX_LINES);
          expect(one.lines.every(({ id }) => known.has(id))).toBe(true);
          expect(one.confidencePercent).toBeGreaterThan(0);
          expect(one.confidencePercent).toBeLessThan(100);
          expect(one.amount!.amountMinor).toBeGreaterThan(0n);
          expect(one.createdAt.getTime()).toBeLessThanOrEqual(Date.parse('2026-11-21T00:00:00Z'));
          expect(one.title + one.body).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]/u);
        }
        expect(new Set(advice.map(({ id }) => id)).size).toBe(advice.length);
        expect([...advice].sort(compareAdvice)).toEqual(advice);
        expect(findAdvice(historyOf([...lines].reverse(), { sources: SOURCES }), RATES)).toEqual(advice);
      }),
      { numRuns: 150 },
    );
  });

  test('keeps its id while it goes on, and has another for another customer', () => {
    const lines = everyMonth('2026-06-07', times(6, -1549), { payee: 'netflix' });
    const idOf = (given: HistoryLine[], ownerId = 'ada', today = '2026-11-21') =>
      findAdvice(historyOf(given, { ownerId, today }), null).map(({ id }) => id);
    expect(idOf(lines)).toEqual(idOf(lines.slice(0, 5), 'ada', '2026-10-21'));
    expect(idOf(lines)).not.toEqual(idOf(lines, 'bola'));
  });

  test('names at most 50 lines, the newest', () => {
    const lines = [
      ...everyMonth('2026-05-10', times(6, -20_000)),
      ...Array.from({ length: 80 }, (_, index) =>
        line(`2026-11-${String(1 + (index % 20)).padStart(2, '0')}`, -1_000 - index),
      ),
    ];
    const [spike] = findAdvice(historyOf(lines), null).filter(({ kind }) => kind === 'SPENDING_SPIKE');
    expect(spike!.lines).toHaveLength(MAX_LINES);
    expect(spike!.lines[0]!.day).toBe('2026-11-20');
    expect(spike!.lines.at(-1)!.day).toBe('2026-11-08');
  });

  test('is recommended by its use: what can be prevented, what can be changed, what is good to know', () => {
    const rent = everyMonth('2026-06-01', times(6, -120_000), {
      payee: 'landlord',
      kind: 'posting',
      sourceId: 'posting',
    });
    const film = everyMonth('2026-06-07', [-1549, -1549, -1549, -1549, -1549, -1799], { payee: 'netflix' });
    const advice = findAdvice(historyOf([...rent, ...film], { sources: SOURCES }), null);
    expect(mostUsefulFirst(advice).map(({ kind }) => kind)).toEqual([
      'LOW_BALANCE_FORECAST',
      'SAVING_OPPORTUNITY',
      'RECURRING_PAYMENT',
      'RECURRING_PAYMENT',
    ]);
  });
});

describe('a name in a sentence', () => {
  const name = (label: string, payee = 'payee') => nameOf({ label, payee });

  test('is one line of harmless text, whatever a line says', () => {
    expect(name('NETFLIX.COM')).toBe('NETFLIX.COM');
    expect(name('a\u0000b\n\nc\u202Ed')).toBe('a b c d');
    expect(name('x'.repeat(1_000_000))).toBe(`${'x'.repeat(39)}…`);
    expect(name('💸'.repeat(300))).toBe(`${'💸'.repeat(39)}…`);
    expect(name(' \n ', 'netflix')).toBe('netflix');
    expect(name('', '')).toBe('A payee without a name');
  });
});

describe('statistics', () => {
  test('take the middle, and what most are away from it', () => {
    expect(median([3n])).toBe(3n);
    expect(median([1n, 2n])).toBe(2n);
    expect(median([9n, 1n, 5n])).toBe(5n);
    expect(medianDeviation([1n, 1n, 2n, 2n, 4n, 6n, 9n])).toBe(1n);
    expect(() => median([])).toThrow();
  });

  test('are not moved by one odd amount, nor by the order', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: 0n, max: 10n ** 25n }), { minLength: 3, maxLength: 30 }), (amounts) => {
        const middle = median(amounts);
        expect(amounts.filter((amount) => amount < middle).length).toBeLessThanOrEqual(amounts.length / 2);
        expect(amounts.filter((amount) => amount > middle).length).toBeLessThanOrEqual(amounts.length / 2);
        expect(median([...amounts].reverse())).toBe(middle);
      }),
    );
  });
});
