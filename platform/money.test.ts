import fc from 'fast-check';
import { describe, expect, test } from '@jest/globals';
import { CURRENCIES, formatAmount, parseAmount, scaleOf } from './money.ts';
import { Refusal } from './refusal.ts';

const currency = fc.constantFrom(...CURRENCIES.keys());

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof Refusal) return String(error.code);
    throw error;
  }
  return 'accepted';
}

describe('amounts', () => {
  test.each([
    ['USD', 2],
    ['JPY', 0],
    ['KWD', 3],
    ['NGN', 2],
    ['IQD', 3],
    ['HUF', 2],
    ['XOF', 0],
    ['BTC', 8],
    ['ETH', 18],
    ['USDC', 6],
  ])('%s has %i decimals', (code, scale) => {
    expect(scaleOf(code)).toBe(scale);
  });

  test.each([
    ['-5', 'AMOUNT_NOT_POSITIVE'],
    ['-0.01', 'AMOUNT_NOT_POSITIVE'],
    ['0', 'AMOUNT_NOT_POSITIVE'],
    ['0.00', 'AMOUNT_NOT_POSITIVE'],
    ['0.000', 'AMOUNT_NOT_POSITIVE'],
    ['1e3', 'INVALID_AMOUNT'],
    ['', 'INVALID_AMOUNT'],
    [' 1', 'INVALID_AMOUNT'],
    ['1 ', 'INVALID_AMOUNT'],
    ['1\n', 'INVALID_AMOUNT'],
    ['NaN', 'INVALID_AMOUNT'],
    ['Infinity', 'INVALID_AMOUNT'],
    ['+1', 'INVALID_AMOUNT'],
    ['.5', 'INVALID_AMOUNT'],
    ['5.', 'INVALID_AMOUNT'],
    ['01', 'INVALID_AMOUNT'],
    ['1,000', 'INVALID_AMOUNT'],
    ['0x10', 'INVALID_AMOUNT'],
    ['١٢', 'INVALID_AMOUNT'],
    ['12.345', 'TOO_MANY_DECIMALS'],
    ['0.001', 'TOO_MANY_DECIMALS'],
    [`1${'0'.repeat(40)}`, 'AMOUNT_TOO_LARGE'],
    ['12.5', 'accepted'],
    ['12.50', 'accepted'],
  ])('%j USD: %s', (text, code) => {
    expect(codeOf(() => parseAmount(text, 'USD'))).toBe(code);
  });

  test('in a currency nobody knows are refused as such, whatever they are', () => {
    expect(codeOf(() => parseAmount('nonsense', 'ABC'))).toBe('UNSUPPORTED_CURRENCY');
    expect(codeOf(() => parseAmount('1', 'usd'))).toBe('UNSUPPORTED_CURRENCY');
    expect(codeOf(() => parseAmount('1', 'XAU'))).toBe('UNSUPPORTED_CURRENCY');
  });

  test('with and without trailing zeros are the same', () => {
    expect(parseAmount('12.5', 'USD')).toBe(1250n);
    expect(parseAmount('12.50', 'USD')).toBe(1250n);
    expect(parseAmount('10.000000000000000001', 'ETH')).toBe(10_000_000_000_000_000_001n);
  });

  test('come back as they went in, with exactly the decimals of the currency', () => {
    fc.assert(
      fc.property(currency, fc.bigInt(1n, 10n ** 30n - 1n), (code, amountMinor) => {
        const text = formatAmount(amountMinor, code);
        expect(parseAmount(text, code)).toBe(amountMinor);
        expect(formatAmount(-amountMinor, code)).toBe(`-${text}`);
        expect(text.split('.')[1]?.length ?? 0).toBe(scaleOf(code));
      }),
    );
  });

  test('never throw anything but a refusal, whatever a client writes', () => {
    fc.assert(fc.property(fc.string(), currency, (text, code) => void codeOf(() => parseAmount(text, code))));
  });
});
