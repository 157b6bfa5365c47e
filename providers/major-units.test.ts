import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CURRENCIES, scaleOf } from '../platform/money.ts';
import { fromMajorNumber, toMajorNumber } from './major-units.ts';

describe('an amount as a number in major units', () => {
  test.each([
    [1_250n, 'USD', '12.50'],
    [123_456n, 'NGN', '1234.56'],
    [1n, 'NGN', '0.01'],
    [500n, 'JPY', '500'],
    [5_120n, 'KWD', '5.120'],
    [1n, 'KWD', '0.001'],
    [30n, 'NGN', '0.30'],
    [9_007_199_254_740_99n, 'NGN', '9007199254740.99'],
    [125_000n, 'UGX', '125000'],
  ])('%d of %s is written %s, and read as the same', (minor, currency, written) => {
    expect(toMajorNumber(minor, currency)).toBe(written);
    expect(fromMajorNumber(JSON.parse(written), currency)).toBe(minor);
  });

  test('with more digits than its reader can keep is not written', () => {
    expect(toMajorNumber(999_999_999_999_999n, 'NGN')).toBe('9999999999999.99');
    expect(toMajorNumber(1_000_000_000_000_000n, 'NGN')).toBeNull();
  });

  test('is exact for every currency and amount, through the JSON of others', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...CURRENCIES.keys()),
        fc.bigInt({ min: 1n, max: 999_999_999_999_999n }),
        (currency, minor) => {
          const written = toMajorNumber(minor, currency)!;
          expect(written).toMatch(/^(0|[1-9]\d*)(\.\d+)?$/);
          expect(written.split('.')[1]?.length ?? 0).toBe(scaleOf(currency));
          expect(fromMajorNumber(JSON.parse(written), currency)).toBe(minor);
          // A writer in between may have written it again in its own way.
          expect(fromMajorNumber(JSON.parse(JSON.stringify(JSON.parse(written))), currency)).toBe(minor);
        },
      ),
    );
  });

  test.each([
    ['a text', '12.50', 'USD'],
    ['nothing', null, 'USD'],
    ['no number', Number.NaN, 'USD'],
    ['too many decimals', 12.345, 'USD'],
    ['decimals of a whole currency', 500.5, 'JPY'],
    ['the dust of floating point', 0.1 + 0.2, 'USD'],
    ['more digits than are exact', 2 ** 60, 'JPY'],
    ['a currency that nobody knows', 1, 'XYZ'],
  ])('%s is not read as an amount', (_what, value, currency) => {
    expect(fromMajorNumber(value, currency)).toBeNull();
  });

  test('of nothing, and of less, is read', () => {
    expect(fromMajorNumber(0, 'NGN')).toBe(0n);
    expect(fromMajorNumber(-10.75, 'NGN')).toBe(-1_075n);
    expect(fromMajorNumber(1e-7, 'BTC')).toBe(10n);
  });
});
