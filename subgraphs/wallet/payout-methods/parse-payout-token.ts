import { electronicFormatIBAN, isValidIBAN } from 'ibantools';
import { Refusal } from '../../../platform/refusal.ts';
import type { PayoutDestination, ProviderName } from '../../../providers/payout-provider.ts';
import type { WalletRefusal } from '../refusals.ts';

/** Who money can be paid out through, and to what. Which of them there are is for the bank's wiring to say. */
export const PAYOUT_TYPES = {
  paystack: ['BANK_ACCOUNT', 'MOBILE_MONEY'],
  flutterwave: ['BANK_ACCOUNT', 'MOBILE_MONEY'],
  bankrail: ['BANK_ACCOUNT'],
} as const satisfies Partial<Record<ProviderName, readonly PayoutMethodType[]>>;

export type PayoutMethodType = 'BANK_ACCOUNT' | 'MOBILE_MONEY';
export type PayoutMethodProvider = keyof typeof PAYOUT_TYPES;

export function isPayoutMethodProvider(provider: string): provider is PayoutMethodProvider {
  return Object.hasOwn(PAYOUT_TYPES, provider);
}

/** A place that money can be paid out to, as the customer has named it; whose it is, is not part of it. */
export interface PayoutSource {
  destination: PayoutDestination;
  /** What it is called unless the customer says otherwise: enough to tell one's own apart, and no whole number. */
  label: string;
}

const PHONE = /^(\+[1-9][0-9]{7,14})(?::([A-Z0-9]{2,16}))?$/;
const ACCOUNT = /^([A-Z0-9]{2,11}):([A-Z0-9]{5,30})$/;
/** Where an IBAN or a number is written in groups; two tokens that differ in blanks and case alone are the same. */
const BLANKS = /[ \u00a0]/g;
const HOLDER_UNKNOWN = '';

/** Reads the token of connectPaymentMethod; refuses one that has not the form the provider needs, and says which that is. */
export function parsePayoutToken(type: PayoutMethodType, provider: PayoutMethodProvider, token: string): PayoutSource {
  const text = token.replace(BLANKS, '').toUpperCase();
  if (type === 'MOBILE_MONEY') return parsePhone(text);
  return provider === 'bankrail' ? parseIban(text) : parseBankAccount(text);
}

function parsePhone(text: string): PayoutSource {
  const [, phone, network = null] = PHONE.exec(text) ?? [];
  if (!phone) throw invalid('a telephone number with its country, and if need be its network: +254712345678:MPS');
  return {
    destination: { kind: 'MOBILE_MONEY', phone, network, holder: HOLDER_UNKNOWN },
    label: `${callingCode(phone)} …${phone.slice(-4)}`,
  };
}

function parseBankAccount(text: string): PayoutSource {
  const [, bankCode, accountNumber] = ACCOUNT.exec(text) ?? [];
  if (!bankCode || !accountNumber) throw invalid('the code of the bank and the account number: 058:0123456789');
  return {
    destination: { kind: 'BANK_ACCOUNT', bankCode, accountNumber, holder: HOLDER_UNKNOWN },
    label: `Bank ${bankCode} …${accountNumber.slice(-4)}`,
  };
}

function parseIban(text: string): PayoutSource {
  const iban = electronicFormatIBAN(text);
  if (!iban || !isValidIBAN(iban)) throw invalid('an IBAN with its check digits right: DE89370400440532013000');
  return {
    destination: { kind: 'IBAN', iban, holder: HOLDER_UNKNOWN },
    label: `IBAN ${iban.slice(0, 2)} …${iban.slice(-4)}`,
  };
}

function invalid(expected: string): Refusal<WalletRefusal> {
  return new Refusal<WalletRefusal>('INVALID_TOKEN', ['token'], `The token is to be ${expected}.`);
}

/** Country calling codes (ITU-T E.164) of one and of two digits; all others have three. */
const SHORT_CODES = /^\+(?:[17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58])/;

function callingCode(phone: string): string {
  return SHORT_CODES.exec(phone)?.[0] ?? phone.slice(0, 4);
}
