import { describe, expect, test } from '@jest/globals';
import type { PayoutDestination } from './payout-provider.ts';
import { formatPayoutReference, parsePayoutReference } from './payout-reference.ts';

const holder = 'Ada Obi';

describe('a destination as one text', () => {
  test.each<[string, PayoutDestination]>([
    ['iban:DE89370400440532013000', { kind: 'IBAN', iban: 'DE89370400440532013000', holder }],
    ['bank:058:0123456789', { kind: 'BANK_ACCOUNT', bankCode: '058', accountNumber: '0123456789', holder }],
    ['momo:+254712345678:MPS', { kind: 'MOBILE_MONEY', phone: '+254712345678', network: 'MPS', holder }],
    ['momo:+233241234567', { kind: 'MOBILE_MONEY', phone: '+233241234567', network: null, holder }],
    ['cus_1/pm_1', { kind: 'CARD', reference: 'cus_1/pm_1', holder }],
    ['cus_1/pm_1/unready', { kind: 'CARD', reference: 'cus_1/pm_1/unready', holder }],
  ])('%s is written and read', (reference, destination) => {
    expect(formatPayoutReference(destination)).toBe(reference);
    expect(parsePayoutReference(reference, holder)).toEqual(destination);
  });

  test.each([
    'iban:',
    'iban:DE89 3704',
    'iban:de89370400440532013000',
    'bank:058',
    'bank::0123456789',
    'bank:058:0123:4567',
    'momo:254712345678',
    'momo:+254712345678:',
    'momo:+254712345678:MPS:X',
    'iban:DE89370400440532013000\n',
  ])('%j is nobody’s, and is not taken for a card', (reference) => {
    expect(() => parsePayoutReference(reference, holder)).toThrow('not a reference of a payout');
  });

  test.each<PayoutDestination>([
    { kind: 'BANK_ACCOUNT', bankCode: '058:1', accountNumber: '0123456789', holder },
    { kind: 'BANK_ACCOUNT', bankCode: '058', accountNumber: '0123456789:X', holder },
    { kind: 'IBAN', iban: 'DE89 3704 0044 0532 0130 00', holder },
    { kind: 'MOBILE_MONEY', phone: '0712345678', network: null, holder },
    { kind: 'MOBILE_MONEY', phone: '+254712345678', network: '', holder },
    { kind: 'CARD', reference: 'bank:058:0123456789', holder },
    { kind: 'CARD', reference: '', holder },
  ])('%j cannot be written, and the fault does not tell the number', (destination) => {
    expect(() => formatPayoutReference(destination)).toThrow(`not a destination of kind ${destination.kind}`);
  });
});
