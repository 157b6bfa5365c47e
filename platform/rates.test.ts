import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { scaleOf } from './money.ts';
import { convertMinor, crossRate, parseRate, valueIn, type Rates } from './rates.ts';

const RATES: Rates = {
  date: '2026-09-29',
  perUsd: { USD: '1', EUR: '0.88', JPY: '157.47729333', KWD: '0.3', BTC: '0.00001', ETH: '0.0004' },
};

describe('a rate', () => {
  test.each([
    ['1', 1n, 1n],
    ['0.88', 88n, 100n],
    ['157.47729333', 15747729333n, 100000000n],
    ['0.000012017405', 12017405n, 10n ** 12n],
  ])('%s is an exact fraction', (text, numerator, denominator) => {
    expect(parseRate(text)).toEqual({ numerator, denominator });
  });

  test.each([undefined, '', '0', '0.000', '-1', '+1', '1e3', '.5', '1.', '01', 'NaN', 'Infinity', ' 1', '1,5', '١'])(
    '%j is none',
    (text) => {
      expect(parseRate(text)).toBeNull();
    },
  );
});

describe('a cross rate', () => {
  test('is the quotient of two, and the dollar needs no entry', () => {
    expect(crossRate(RATES, 'EUR', 'JPY')).toEqual({ numerator: 15747729333n * 100n, denominator: 88n * 100000000n });
    expect(crossRate({ perUsd: { EUR: '0.5' } }, 'EUR', 'USD')).toEqual({ numerator: 10n, denominator: 5n });
    expect(crossRate({ perUsd: { EUR: '0.5' } }, 'USD', 'EUR')).toEqual({ numerator: 5n, denominator: 10n });
  });

  test('from a currency to itself is one, whatever is known', () => {
    expect(crossRate({ perUsd: {} }, 'NGN', 'NGN')).toEqual({ numerator: 1n, denominator: 1n });
  });

  test('is unknown when either rate is missing or no rate', () => {
    expect(crossRate(RATES, 'NGN', 'EUR')).toBeNull();
    expect(crossRate(RATES, 'EUR', 'NGN')).toBeNull();
    expect(crossRate({ perUsd: { EUR: '0' } }, 'USD', 'EUR')).toBeNull();
    expect(valueIn(1n, 'EUR', 'NGN', RATES)).toBeNull();
  });
});

describe('a conversion', () => {
  test.each([
    // amount, from, to, value; by hand.
    [33_33n, 'EUR', 'USD', 37_88n], // 33.33 / 0.88 = 37.875
    [100_00n, 'USD', 'JPY', 15_748n], // 15,747.73
    [1n, 'USD', 'KWD', 3n], // 0.01 x 0.3 = 0.003, which has three decimals
    [1_000n, 'JPY', 'USD', 6_35n], // 6.3501…
    [1n, 'BTC', 'USD', 0n], // one satoshi is a tenth of a cent
    [10n, 'BTC', 'ETH', 4_000_000_000_000n], // 0.0000001 x 40 ETH, at 18 decimals
    [1n, 'ETH', 'BTC', 0n],
    [-33_33n, 'EUR', 'USD', -37_88n],
    [0n, 'EUR', 'USD', 0n],
  ])('of %d %s to %s is %d', (amount, from, to, value) => {
    expect(valueIn(amount, from, to, RATES)).toBe(value);
  });

  test('rounds a half to the even neighbour', () => {
    const half = { numerator: 1n, denominator: 2n };
    const halves = [1n, 3n, 5n, -1n, -3n].map((amount) => convertMinor(amount, 'USD', 'EUR', half));
    expect(halves).toEqual([0n, 2n, 2n, 0n, -2n]);
  });

  const currency = fc.constantFrom('JPY', 'USD', 'KWD', 'BTC', 'ETH');
  const amount = fc.bigInt(-(10n ** 30n), 10n ** 30n);
  const fraction = fc.record({ numerator: fc.bigInt(1n, 10n ** 18n), denominator: fc.bigInt(1n, 10n ** 18n) });

  test('is off by at most half a minor unit, and turns round with its sign', () => {
    fc.assert(
      fc.property(amount, currency, currency, fraction, (minor, from, to, rate) => {
        const value = convertMinor(minor, from, to, rate);
        const exactNumerator = minor * rate.numerator * 10n ** BigInt(scaleOf(to));
        const denominator = rate.denominator * 10n ** BigInt(scaleOf(from));
        const off = exactNumerator - value * denominator;
        expect((off < 0n ? -off : off) * 2n <= denominator).toBe(true);
        expect(convertMinor(-minor, from, to, rate)).toBe(-value);
      }),
    );
  });

  test('there and back is off by at most what one rounding is worth at the way back, and one more', () => {
    fc.assert(
      fc.property(amount, currency, currency, fraction, (minor, from, to, rate) => {
        const back = { numerator: rate.denominator, denominator: rate.numerator };
        const returned = convertMinor(convertMinor(minor, from, to, rate), to, from, back);
        const off = returned > minor ? returned - minor : minor - returned;
        // Half a minor unit of `to` in minor units of `from`, and half a unit of `from`; doubled, to stay whole.
        const worth = rate.denominator * 10n ** BigInt(scaleOf(from));
        const per = rate.numerator * 10n ** BigInt(scaleOf(to));
        expect((2n * off - 1n) * per <= worth).toBe(true);
      }),
    );
  });

  test('grows with the amount', () => {
    fc.assert(
      fc.property(amount, amount, currency, currency, fraction, (a, b, from, to, rate) => {
        const [less, more] = a < b ? [a, b] : [b, a];
        expect(convertMinor(less, from, to, rate) <= convertMinor(more, from, to, rate)).toBe(true);
      }),
    );
  });
});
