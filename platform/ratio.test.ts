import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { allot, ratio, shares } from './ratio.ts';

describe('a ratio', () => {
  test.each([
    [1n, 4n, '0.25'],
    [-1n, 2n, '-0.5'],
    [1n, -2n, '-0.5'],
    [3n, 1n, '3'],
    [0n, 7n, '0'],
    [2n, 3n, '0.666667'],
    [1n, 3n, '0.333333'],
    [1_000_000_000_000_000_000_000_001n, 1n, '1000000000000000000000001'],
  ])('%s / %s is %s', (numerator, denominator, expected) => {
    expect(ratio(numerator, denominator)).toBe(expected);
  });

  test('rounds half to even, on both sides of zero', () => {
    expect(ratio(5n, 10_000_000n)).toBe('0');
    expect(ratio(15n, 10_000_000n)).toBe('0.000002');
    expect(ratio(25n, 10_000_000n)).toBe('0.000002');
    expect(ratio(-15n, 10_000_000n)).toBe('-0.000002');
    expect(ratio(-5n, 10_000_000n)).toBe('0');
  });

  test('to zero is a bug', () => {
    expect(() => ratio(1n, 0n)).toThrow();
  });
});

describe('shares', () => {
  test('of thirds give the odd unit to the first', () => {
    expect(shares([1n, 1n, 1n])).toEqual(['0.3334', '0.3333', '0.3333']);
  });

  test('give the odd unit to the largest remainder', () => {
    expect(shares([1n, 2n])).toEqual(['0.3333', '0.6667']);
    expect(shares([60n, 40n])).toEqual(['0.6', '0.4']);
    expect(shares([5n])).toEqual(['1']);
  });

  test('of nothing are nothing', () => {
    expect(shares([])).toEqual([]);
    expect(shares([0n, 0n])).toEqual(['0', '0']);
  });

  test('always add up to exactly 1, each within a unit of its exact value', () => {
    const parts = fc.array(fc.bigInt({ min: 0n, max: 10n ** 30n }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(parts, (given) => {
        const total = given.reduce((sum, part) => sum + part, 0n);
        fc.pre(total > 0n);
        const units = shares(given).map(inUnits);
        expect(units.reduce((sum, unit) => sum + unit, 0n)).toBe(10_000n);
        units.forEach((unit, index) => {
          const floor = (given[index]! * 10_000n) / total;
          expect([floor, floor + 1n]).toContain(unit);
        });
      }),
    );
  });
});

/** A share in ten-thousandths. */
function inUnits(share: string): bigint {
  const [whole = '0', fraction = ''] = share.split('.');
  return BigInt(whole + fraction.padEnd(4, '0'));
}

describe('an amount that is divided', () => {
  test.each<[bigint, number | bigint[], bigint[]]>([
    [100n, 3, [34n, 33n, 33n]],
    [2n, 3, [1n, 1n, 0n]],
    [0n, 2, [0n, 0n]],
    [-100n, 3, [-34n, -33n, -33n]],
    [100n, [1n, 2n], [33n, 67n]],
    [5n, [0n, 1n, 1n], [0n, 3n, 2n]],
    [10n ** 19n, [1n, 1n, 1n], [3333333333333333334n, 3333333333333333333n, 3333333333333333333n]],
  ])('%s by %s is %s', (amount, parts, expected) => {
    expect(allot(amount, parts)).toEqual(expected);
  });

  test('loses no unit, gives each the exact part rounded down or one more, and the first parts are not the smaller ones', () => {
    const amounts = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n });
    const weights = fc.array(fc.bigInt({ min: 0n, max: 10n ** 20n }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(amounts, weights, (amount, given) => {
        const total = given.reduce((sum, weight) => sum + weight, 0n);
        fc.pre(total > 0n);
        const parts = allot(amount, given);
        expect(parts.reduce((sum, part) => sum + part, 0n)).toBe(amount);
        const size = amount < 0n ? -amount : amount;
        parts.forEach((part, index) => {
          const floor = (size * given[index]!) / total;
          expect([floor, floor + 1n]).toContain(amount < 0n ? -part : part);
        });
        const equal = allot(size, given.length);
        expect([...equal].sort((a, b) => Number(b - a))).toEqual(equal);
      }),
    );
  });

  test.each<[number | bigint[]]>([[0], [[]], [[0n]], [[-1n, 2n]]])('among %s is a bug', (parts) => {
    expect(() => allot(1n, parts)).toThrow();
  });
});
