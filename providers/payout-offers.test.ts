import { describe, expect, test } from '@jest/globals';
import { createFlutterwavePayouts } from './flutterwave/flutterwave-payouts.ts';
import { readMobileAccount } from './mobile-account.ts';
import type { PayoutKind } from './payout-provider.ts';
import { createPaystackPayouts } from './paystack/paystack-payouts.ts';

// Offers are pure: nothing is sent anywhere.
const paystack = createPaystackPayouts({ secretKey: 'sk_test_offers', url: 'http://127.0.0.1:9' });
const flutterwave = createFlutterwavePayouts({ secretKey: 'FLWSECK_TEST-offers', url: 'http://127.0.0.1:9' });

describe('what is asked for a payout', () => {
  test.each<[PayoutKind, string, bigint, bigint | null]>([
    ['BANK_ACCOUNT', 'NGN', 1n, 10_00n],
    ['BANK_ACCOUNT', 'NGN', 5_000_00n, 10_00n],
    ['BANK_ACCOUNT', 'NGN', 5_000_01n, 25_00n],
    ['BANK_ACCOUNT', 'NGN', 50_000_01n, 50_00n],
    ['BANK_ACCOUNT', 'NGN', 10_000_000_01n, null],
    ['BANK_ACCOUNT', 'NGN', 0n, null],
    ['BANK_ACCOUNT', 'GHS', 100_00n, 8_00n],
    ['BANK_ACCOUNT', 'ZAR', 100_00n, 3_00n],
    ['BANK_ACCOUNT', 'EUR', 100_00n, null],
    ['MOBILE_MONEY', 'KES', 1_500_00n, 20_00n],
    ['MOBILE_MONEY', 'KES', 1_500_01n, 40_00n],
    ['MOBILE_MONEY', 'KES', 150_000_01n, null],
    ['MOBILE_MONEY', 'GHS', 100_00n, 1_00n],
    ['MOBILE_MONEY', 'NGN', 100_00n, null],
    ['IBAN', 'EUR', 100_00n, null],
    ['CARD', 'USD', 100_00n, null],
  ])('Paystack: %s in %s, %d', (kind, currency, amountMinor, fee) => {
    expect(paystack.offer({ kind, currency, amountMinor })?.providerFeeMinor ?? null).toBe(fee);
  });

  test.each<[PayoutKind, string, bigint, bigint | null, string]>([
    ['BANK_ACCOUNT', 'NGN', 5_000_00n, 10_75n, ''],
    ['BANK_ACCOUNT', 'NGN', 5_000_01n, 26_88n, ''],
    ['BANK_ACCOUNT', 'NGN', 50_000_01n, 53_75n, ''],
    ['BANK_ACCOUNT', 'JPY', 5_000n, null, ''],
    ['BANK_ACCOUNT', 'KWD', 5_000n, null, ''],
    ['MOBILE_MONEY', 'UGX', 125_000n, 1_000n, ''],
    // 1.2 % of 125,001 is 1,500.012: rounded up.
    ['MOBILE_MONEY', 'UGX', 125_001n, 1_501n, ''],
    ['IBAN', 'EUR', 100_00n, 5_00n, 'DE89370400440532013000'],
    ['IBAN', 'EUR', 100_00n, null, 'AE070331234567890123456'],
    ['IBAN', 'GBP', 100_00n, 5_00n, 'GB29NWBK60161331926819'],
    ['IBAN', 'GBP', 100_00n, null, 'DE89370400440532013000'],
    ['IBAN', 'USD', 100_00n, 45_00n, 'AE070331234567890123456'],
    ['CARD', 'USD', 100_00n, null, ''],
  ])('Flutterwave: %s in %s, %d', (kind, currency, amountMinor, fee, iban) => {
    const offer = flutterwave.offer({ kind, currency, amountMinor, ...(iban && { iban }) });
    expect(offer?.providerFeeMinor ?? null).toBe(fee);
  });
});

describe('a mobile money account', () => {
  test.each([
    ['+254712345678', null, 'KES', { country: 'KE', network: 'MPESA', national: '0712345678' }],
    ['+254712345678', 'mps', 'KES', { network: 'MPESA', international: '254712345678' }],
    ['+233241234567', null, 'GHS', { country: 'GH', network: 'MTN', national: '0241234567' }],
    ['+233201234567', null, 'GHS', { network: 'TELECEL' }],
    ['+233201234567', 'MTN', 'GHS', { network: 'MTN' }],
    ['+233271234567', null, 'GHS', { network: 'AIRTELTIGO' }],
    ['+256772123456', null, 'UGX', { country: 'UG', network: 'ANY' }],
    ['+2250700000000', null, 'XOF', { country: 'CI', network: 'ANY', national: '0700000000' }],
    ['+221771234567', 'WAVE', 'XOF', { country: 'SN', network: 'WAVE' }],
  ])('%s %s in %s', (phone, network, currency, account) => {
    expect(readMobileAccount({ phone, network }, currency)).toMatchObject(account);
  });

  test.each([
    // Senegal's networks share their prefixes: a guess would pay somebody else.
    ['+221771234567', null, 'XOF', 'invalid_network'],
    ['+233301234567', null, 'GHS', 'invalid_network'],
    ['+254712345678', 'WAVE', 'KES', 'invalid_network'],
    ['+254712345678', 'CONSTRUCTOR', 'KES', 'invalid_network'],
    ['+254712345678', null, 'GHS', 'invalid_account'],
    ['+4915112345678', null, 'EUR', 'invalid_account'],
  ])('is not behind %s %s in %s', (phone, network, currency, code) => {
    expect(readMobileAccount({ phone, network }, currency)).toMatchObject({ code });
  });
});
