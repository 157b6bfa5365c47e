import { describe, expect, test } from '@jest/globals';
import { parseAmount } from '../../platform/money.ts';
import { toStripeAmount } from './stripe-amount.ts';

function asked(amount: string, currency: string): number | string {
  const { refusal, ...rest } = toStripeAmount(parseAmount(amount, currency), currency);
  return refusal ? refusal.code : (rest as { amount: number }).amount;
}

describe('an amount as Stripe counts it', () => {
  test.each([
    ['12.50', 'USD', 1250],
    ['12.50', 'NGN', 1250],
    ['500', 'JPY', 500],
    ['500', 'XOF', 500],
    // ISO gives the ariary two decimals, Stripe none.
    ['500.00', 'MGA', 500],
    // ISO gives these none, Stripe two.
    ['5', 'ISK', 500],
    ['5', 'UGX', 500],
    ['5.120', 'KWD', 5120],
    ['0.010', 'BHD', 10],
    // Not among those of three decimals at Stripe: as exact as two decimals can say.
    ['1.500', 'IQD', 150],
    ['90071992547409.91', 'USD', Number.MAX_SAFE_INTEGER],
  ])('%s %s is %d', (amount, currency, units) => {
    expect(asked(amount, currency)).toBe(units);
  });

  test.each([
    ['500.50', 'MGA', 'invalid_charge_amount'],
    ['5.124', 'KWD', 'invalid_charge_amount'],
    ['1.505', 'IQD', 'invalid_charge_amount'],
    ['90071992547409.92', 'USD', 'amount_too_large'],
    ['90071992547410', 'ISK', 'amount_too_large'],
    ['1', 'BTC', 'currency_not_supported'],
    ['1', 'USDC', 'currency_not_supported'],
  ])('%s %s cannot be charged: %s', (amount, currency, code) => {
    expect(asked(amount, currency)).toBe(code);
  });
});
