import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assess, LEAST_HISTORY, levelOf, type History } from './domain.ts';

const NONE: History = { earlierInCurrency: 0, largestMinor: null, lastDay: 0, daysBefore: 0, daysKnown: null };
const USUAL: History = { earlierInCurrency: 10, largestMinor: 10_000n, lastDay: 0, daysBefore: 10, daysKnown: 10 };

describe('a transfer is assessed', () => {
  test('without any history as unknown: score 0, no factors', () => {
    expect(assess(1_000_000n, 'USD', NONE)).toEqual({ score: 0, level: 'LOW', decision: 'ALLOW', factors: [] });
  });

  test('as unknown with one earlier transfer too few, and as known with enough', () => {
    const few = {
      ...NONE,
      earlierInCurrency: LEAST_HISTORY - 1,
      largestMinor: 1n,
      daysBefore: LEAST_HISTORY - 1,
      daysKnown: 1,
    };
    expect(assess(1_000n, 'USD', few).factors).toEqual([]);
    const enough = { ...few, earlierInCurrency: LEAST_HISTORY, daysBefore: LEAST_HISTORY };
    expect(assess(1_000n, 'USD', enough).factors.map(({ name }) => name)).toEqual(['amount', 'velocity']);
  });

  test('by amount: usual up to the largest earlier one, fully unusual at five times that', () => {
    const amountScore = (amount: bigint) =>
      assess(amount, 'USD', USUAL).factors.find(({ name }) => name === 'amount')!.score;
    expect([10_000n, 10_001n, 20_000n, 30_000n, 50_000n, 10n ** 30n].map(amountScore)).toEqual([
      0, 0, 25, 50, 100, 100,
    ]);
  });

  test('by velocity: usual up to twice the daily number, fully unusual at ten times that', () => {
    const velocityScore = (lastDay: number) =>
      assess(1n, 'USD', { ...USUAL, lastDay }).factors.find(({ name }) => name === 'velocity')!.score;
    expect([0, 1, 5, 9, 500].map(velocityScore)).toEqual([0, 0, 50, 100, 100]);
  });

  test('by velocity with patience for those who seldom send', () => {
    const seldom = { ...USUAL, daysBefore: 5, daysKnown: 30, lastDay: 1 };
    expect(assess(1n, 'USD', seldom).factors.find(({ name }) => name === 'velocity')!.score).toBe(0);
  });

  test('with the weight of unknown factors given to the others', () => {
    const amountOnly = assess(50_000n, 'USD', { ...USUAL, daysBefore: 0, daysKnown: null });
    expect(amountOnly.factors).toEqual([expect.objectContaining({ name: 'amount', weight: '1', score: 100 })]);
    expect(amountOnly).toMatchObject({ score: 100, level: 'CRITICAL' });
    const velocityOnly = assess(1n, 'USD', { ...USUAL, earlierInCurrency: 0, largestMinor: null, lastDay: 5 });
    expect(velocityOnly.factors).toEqual([expect.objectContaining({ name: 'velocity', weight: '1', score: 50 })]);
    expect(velocityOnly).toMatchObject({ score: 50, level: 'MEDIUM' });
  });

  test('with both factors weighed, heaviest first', () => {
    const both = assess(20_000n, 'USD', { ...USUAL, lastDay: 9 });
    expect(both.factors.map(({ name, score, weight }) => [name, score, weight])).toEqual([
      ['velocity', 100, '0.4'],
      ['amount', 25, '0.6'],
    ]);
    expect(both).toMatchObject({ score: 55, level: 'MEDIUM' });
  });

  test('always within 0 to 100, with weights that add up to 1, and allowed', () => {
    const history = fc.record({
      earlierInCurrency: fc.nat(100),
      largestMinor: fc.bigInt({ min: 1n, max: 10n ** 30n }),
      lastDay: fc.nat(1000),
      daysBefore: fc.nat(1000),
      daysKnown: fc.integer({ min: 1, max: 31 }),
    });
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 10n ** 30n }), history, (amount, given) => {
        const { score, decision, factors } = assess(amount, 'USD', given);
        for (const part of [score, ...factors.map((factor) => factor.score)]) {
          expect(Number.isInteger(part) && part >= 0 && part <= 100).toBe(true);
        }
        expect(decision).toBe('ALLOW');
        if (factors.length > 0) expect(factors.reduce((sum, { weight }) => sum + Number(weight), 0)).toBe(1);
      }),
    );
  });

  test.each([
    [0, 'LOW'],
    [29, 'LOW'],
    [30, 'MEDIUM'],
    [59, 'MEDIUM'],
    [60, 'HIGH'],
    [84, 'HIGH'],
    [85, 'CRITICAL'],
    [100, 'CRITICAL'],
  ])('score %i is %s', (score, level) => {
    expect(levelOf(score)).toBe(level);
  });
});
