import { describe, expect, test } from '@jest/globals';
import { scalars } from './scalars.ts';

describe('scalars', () => {
  test.each(['2026-02-30T00:00:00Z', '2026-01-01T24:00:00Z', '2026-01-01', 'yesterday', '2026-01-01T00:00:00', ''])(
    'DateTime refuses %j',
    (text) => {
      expect(() => scalars.DateTime.parseValue(text)).toThrow(/RFC 3339/);
    },
  );

  test.each(['0000-01-01T00:00:00Z', '0001-01-01T00:00:00+00:01', '9999-12-31T23:59:59-00:01'])(
    'DateTime refuses %j, which no database can hold in UTC',
    (text) => {
      expect(() => scalars.DateTime.parseValue(text)).toThrow(/years 1 to 9999/);
    },
  );

  test('DateTime takes the first and the last year', () => {
    expect(scalars.DateTime.parseValue('0001-01-01T00:00:00Z').getUTCFullYear()).toBe(1);
    expect(scalars.DateTime.parseValue('9999-12-31T23:59:59.999Z').getUTCFullYear()).toBe(9999);
  });

  test('DateTime reads any offset and writes UTC with milliseconds', () => {
    const moment = scalars.DateTime.parseValue('2026-01-01T01:00:00+01:00');
    expect(scalars.DateTime.serialize(moment)).toBe('2026-01-01T00:00:00.000Z');
  });

  test.each(['2026-02-29', '2026-13-01', '26-01-01', '2026-1-1', '0000-01-01'])('Date refuses %j', (text) => {
    expect(() => scalars.Date.parseValue(text)).toThrow(/YYYY-MM-DD/);
  });

  test('Decimal takes any short string, for the domain to judge, and no number', () => {
    expect(scalars.Decimal.parseValue('1e3')).toBe('1e3');
    expect(() => scalars.Decimal.parseValue(5)).toThrow(/string/);
    expect(() => scalars.Decimal.parseValue('1'.repeat(65))).toThrow(/64/);
  });
});
