import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { plainDecimal } from './plain-decimal.ts';

describe('a plain decimal', () => {
  test.each([
    [1, '1'],
    [0.88022588, '0.88022588'],
    [0.000012017405, '0.000012017405'],
    [1e-7, '0.0000001'],
    [1.25e-9, '0.00000000125'],
    [1e21, '1000000000000000000000'],
    [1.5e22, '15000000000000000000000'],
    [1374999.64464856, '1374999.64464856'],
    [-2.5e-8, '-0.000000025'],
    [0, '0'],
    [NaN, 'NaN'],
    [Infinity, 'Infinity'],
  ])('of %d is %s', (value, text) => {
    expect(plainDecimal(value)).toBe(text);
  });

  test('reads as the same number, has no exponent and no digit too many', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = plainDecimal(value);
        expect(Number(text)).toBe(value === 0 ? 0 : value);
        expect(text).toMatch(/^-?(0|[1-9]\d*)(\.\d*[1-9])?$/);
        // The digits are those of the shortest form that JavaScript writes.
        const digits = (written: string) => written.replace(/e.*|[-.]/g, '').replace(/^0+|0+$/g, '');
        expect(digits(text)).toBe(digits(String(value)));
      }),
    );
  });
});
