import { describe, expect, test } from '@jest/globals';
import { addDays, countDays, dayOf, endOf, startOf } from './days.ts';

describe('days', () => {
  test('begin and end at midnight UTC, over months and leap days', () => {
    expect(startOf('2024-02-28').toISOString()).toBe('2024-02-28T00:00:00.000Z');
    expect(endOf('2024-02-28').toISOString()).toBe('2024-02-29T00:00:00.000Z');
    expect(endOf('2026-12-31').toISOString()).toBe('2027-01-01T00:00:00.000Z');
    expect(dayOf(new Date('2026-03-01T23:59:59.999Z'))).toBe('2026-03-01');
    expect(dayOf(addDays(new Date('2026-03-01T12:00:00Z'), -1))).toBe('2026-02-28');
  });

  test('are counted with both ends', () => {
    expect(countDays('2026-01-01', '2026-01-01')).toBe(1);
    expect(countDays('2024-02-01', '2024-03-01')).toBe(30);
    expect(countDays('2016-01-01', '2025-12-31')).toBe(3653);
  });

  test.each([
    ['2026-01-02', '2026-01-01'],
    ['2016-01-01', '2026-01-01'],
  ])('from %s to %s are refused', (from, to) => {
    expect(() => countDays(from, to)).toThrow(expect.objectContaining({ extensions: { code: 'BAD_USER_INPUT' } }));
  });
});
