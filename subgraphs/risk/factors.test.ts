import { describe, expect, test } from '@jest/globals';
import { POLICY } from '../../platform/policy.ts';
import { FACTORS, type History, type Subject } from './factors.ts';

/** A customer who sends about ten transfers of 100.00 a day, from Nigeria, from one device, to known people. */
const USUAL: History = {
  sent: 300,
  compared: 100,
  lastHour: 0,
  lastDay: 0,
  daysBefore: 300,
  daysKnown: 30,
  usualUsdMinor: 100_00n,
  lastPlace: { country: 'NG', hoursAgo: 20 },
  countryKnown: true,
  anyDevice: true,
  deviceKnown: true,
  nearThisHour: 20,
  recipientKnown: true,
  receivedLately: false,
};
const TRANSFER: Subject = { usdMinor: 100_00n, country: 'NG', device: 'phone' };
const FEW = POLICY.risk.leastHistory - 1;

type Name = keyof typeof FACTORS;
const scoreOf = (name: Name, history: Partial<History> = {}, subject: Partial<Subject> = {}) =>
  FACTORS[name]({ ...TRANSFER, ...subject }, { ...USUAL, ...history })?.score ?? null;

test('a transfer as always scores 0 in every factor', () => {
  expect((Object.keys(FACTORS) as Name[]).map((name) => scoreOf(name))).toEqual([0, 0, 0, 0, 0]);
});

describe('amount', () => {
  test('is usual up to the usual one, and fully unusual at five times that', () => {
    const amounts = [1n, 100_00n, 100_01n, 200_00n, 300_00n, 500_00n, 10n ** 30n];
    expect(amounts.map((usdMinor) => scoreOf('amount', {}, { usdMinor }))).toEqual([0, 0, 0, 25, 50, 100, 100]);
  });

  test('is unknown with one earlier transfer too few, known with enough', () => {
    expect(scoreOf('amount', { compared: FEW })).toBeNull();
    expect(scoreOf('amount', { compared: FEW + 1 })).toBe(0);
    expect(scoreOf('amount', { usualUsdMinor: null })).toBeNull();
  });
});

describe('velocity', () => {
  test('is usual up to twice the usual number a day, and fully unusual at ten times that', () => {
    expect([0, 19, 59, 99, 5000].map((lastDay) => scoreOf('velocity', { lastDay }))).toEqual([0, 0, 50, 100, 100]);
  });

  test('sees haste within an hour that a day would hide', () => {
    expect(scoreOf('velocity', { lastHour: 11, lastDay: 11 })).toBe(50);
  });

  test('has patience with those who seldom send, and none of their own habits to go by', () => {
    const seldom = { sent: 5, daysBefore: 0, daysKnown: 1 };
    expect(scoreOf('velocity', { ...seldom, lastHour: 3, lastDay: 3 })).toBe(0);
    expect(scoreOf('velocity', { ...seldom, lastHour: 19, lastDay: 19 })).toBe(100);
  });

  test('calls the same haste more unusual for somebody who sends less', () => {
    const burst = { lastHour: 15, lastDay: 15 };
    const often = scoreOf('velocity', { ...burst, daysBefore: 3000 })!;
    const seldom = scoreOf('velocity', { ...burst, daysBefore: 30 })!;
    expect(seldom).toBeGreaterThan(often);
  });

  test('is unknown with one earlier transfer too few', () => {
    expect(scoreOf('velocity', { sent: FEW, lastHour: FEW, lastDay: FEW })).toBeNull();
  });
});

describe('geography', () => {
  test('finds a new country, and travel that is too quick', () => {
    const { newCountry, hasty, travelHours } = POLICY.risk.geography;
    const there = { country: 'BR' };
    expect(scoreOf('geography', { countryKnown: false }, there)).toBe(newCountry);
    const soon = { country: 'NG', hoursAgo: travelHours - 0.01 };
    expect(scoreOf('geography', { countryKnown: false, lastPlace: soon }, there)).toBe(newCountry + hasty);
    expect(scoreOf('geography', { lastPlace: soon }, there)).toBe(hasty);
    expect(scoreOf('geography', { lastPlace: { ...soon, hoursAgo: travelHours } }, there)).toBe(0);
    expect(scoreOf('geography', { lastPlace: soon })).toBe(0);
  });

  test('is unknown without a place now or before', () => {
    expect(scoreOf('geography', {}, { country: null })).toBeNull();
    expect(scoreOf('geography', { lastPlace: null, countryKnown: false })).toBeNull();
  });
});

describe('behaviour', () => {
  test('adds up what is out of the ordinary', () => {
    const { newRecipient, unusualHour, roundTrip } = POLICY.risk.behaviour;
    expect(scoreOf('behaviour', { recipientKnown: false })).toBe(newRecipient);
    expect(scoreOf('behaviour', { receivedLately: true })).toBe(roundTrip);
    expect(scoreOf('behaviour', { nearThisHour: 0 })).toBe(unusualHour);
    expect(scoreOf('behaviour', { recipientKnown: false, receivedLately: true, nearThisHour: 0 })).toBe(100);
  });

  test('knows no habit of hours before there are enough', () => {
    const { leastForHours } = POLICY.risk.behaviour;
    expect(scoreOf('behaviour', { nearThisHour: 0, compared: leastForHours - 1 })).toBe(0);
  });

  test('is unknown with one earlier transfer too few', () => {
    expect(scoreOf('behaviour', { compared: FEW, recipientKnown: false })).toBeNull();
  });
});

describe('device', () => {
  test('finds a new one', () => {
    expect(scoreOf('device', { deviceKnown: false })).toBe(POLICY.risk.device.newDevice);
  });

  test('is unknown without an id, and for the first one ever', () => {
    expect(scoreOf('device', { deviceKnown: false }, { device: null })).toBeNull();
    expect(scoreOf('device', { deviceKnown: false, anyDevice: false })).toBeNull();
  });
});
