import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { POLICY } from '../../platform/policy.ts';
import type { RiskLevel } from '../../platform/questions/assess-transfer.ts';
import { assess, decisionFor, levelOf } from './domain.ts';
import type { History, Subject } from './factors.ts';

const NOTHING_KNOWN: History = {
  sent: 0,
  compared: 0,
  lastHour: 0,
  lastDay: 0,
  daysBefore: 0,
  daysKnown: 1,
  usualUsdMinor: null,
  lastPlace: null,
  countryKnown: false,
  anyDevice: false,
  deviceKnown: false,
  nearThisHour: 0,
  recipientKnown: false,
  receivedLately: false,
};

const subjects = fc.record<Subject>({
  usdMinor: fc.bigInt({ min: 1n, max: 10n ** 36n }),
  country: fc.option(fc.constantFrom('NG', 'BR')),
  device: fc.option(fc.constantFrom('phone', 'tablet')),
});
const histories = fc.record<History>({
  sent: fc.nat(1000),
  compared: fc.nat(1000),
  lastHour: fc.nat(100),
  lastDay: fc.nat(200),
  daysBefore: fc.nat(1000),
  daysKnown: fc.double({ min: 1, max: 30, noNaN: true }),
  usualUsdMinor: fc.option(fc.bigInt({ min: 1n, max: 10n ** 36n })),
  lastPlace: fc.option(
    fc.record({ country: fc.constantFrom('NG', 'GB'), hoursAgo: fc.double({ min: 0, max: 1000, noNaN: true }) }),
  ),
  countryKnown: fc.boolean(),
  anyDevice: fc.boolean(),
  deviceKnown: fc.boolean(),
  nearThisHour: fc.nat(100),
  recipientKnown: fc.boolean(),
  receivedLately: fc.boolean(),
});

describe('a score', () => {
  test('is 0 without factors when nothing is known', () => {
    const subject = { usdMinor: 1_000_00n, country: 'NG', device: 'phone' };
    expect(assess(subject, NOTHING_KNOWN)).toEqual({ score: 0, level: 'LOW', decision: 'ALLOW', factors: [] });
  });

  test('is the weighted sum of its factors, heaviest first, by the weights of the policy', () => {
    const history = {
      ...NOTHING_KNOWN,
      sent: 300,
      compared: 100,
      daysBefore: 300,
      daysKnown: 30,
      usualUsdMinor: 100_00n,
      lastPlace: { country: 'NG', hoursAgo: 48 },
      anyDevice: true,
      nearThisHour: 9,
      recipientKnown: true,
    };
    const { score, level, factors } = assess({ usdMinor: 300_00n, country: 'BR', device: 'tablet' }, history);
    expect(factors.map((factor) => [factor.name, factor.score, factor.weight])).toEqual([
      ['amount', 50, '0.3'],
      ['geography', 55, '0.2'],
      ['device', 55, '0.15'],
      ['velocity', 0, '0.2'],
      ['behaviour', 0, '0.15'],
    ]);
    expect({ score, level }).toEqual({ score: 34, level: 'MEDIUM' });
  });

  test('gives the weight of what is unknown to the rest', () => {
    const history = { ...NOTHING_KNOWN, anyDevice: true };
    const { score, factors } = assess({ usdMinor: 1n, country: 'NG', device: 'tablet' }, history);
    expect(factors).toEqual([{ name: 'device', score: 55, weight: '1', reason: expect.any(String) }]);
    expect(score).toBe(55);
  });

  test('lies within 0 to 100, with weights that add up to 1 and explain it', () => {
    fc.assert(
      fc.property(subjects, histories, (subject, history) => {
        const { score, factors } = assess(subject, history);
        for (const part of [score, ...factors.map((factor) => factor.score)]) {
          expect(Number.isInteger(part) && part >= 0 && part <= 100).toBe(true);
        }
        if (factors.length === 0) return;
        expect(factors.reduce((sum, { weight }) => sum + Number(weight), 0)).toBeCloseTo(1, 10);
        const explained = factors.reduce((sum, { weight, score }) => sum + Number(weight) * score, 0);
        expect(Math.abs(explained - score)).toBeLessThan(0.6);
      }),
    );
  });

  test('never falls when the amount grows', () => {
    fc.assert(
      fc.property(subjects, histories, fc.bigInt({ min: 1n, max: 10n ** 36n }), (subject, history, more) => {
        const larger = { ...subject, usdMinor: subject.usdMinor + more };
        expect(assess(larger, history).score).toBeGreaterThanOrEqual(assess(subject, history).score);
      }),
    );
  });

  test('never falls when there is more haste', () => {
    fc.assert(
      fc.property(subjects, histories, fc.nat(100), fc.nat(100), (subject, history, hour, day) => {
        const hastier = { ...history, lastHour: history.lastHour + hour, lastDay: history.lastDay + day };
        expect(assess(subject, hastier).score).toBeGreaterThanOrEqual(assess(subject, history).score);
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
  ])('of %i is %s', (score, level) => {
    expect(levelOf(score)).toBe(level);
  });
});

describe('the decision', () => {
  const levels: RiskLevel[] = ['LOW', 'MEDIUM', 'HIGH', 'CRITICAL'];

  test('is ALLOW up to the policy’s amount, whatever the level', () => {
    expect(POLICY.stepUpAboveUsdMinor).toBe(1_000_00n);
    expect(levels.map((level) => decisionFor(1_000_00n, level))).toEqual(['ALLOW', 'ALLOW', 'ALLOW', 'ALLOW']);
  });

  test('goes by level one cent above it', () => {
    expect(levels.map((level) => decisionFor(1_000_01n, level))).toEqual(['STEP_UP', 'STEP_UP', 'REVIEW', 'BLOCK']);
  });
});

test('the weights of the policy are parts of a hundred', () => {
  expect(Object.values(POLICY.risk.weights).reduce((sum, weight) => sum + weight, 0n)).toBe(100n);
});
