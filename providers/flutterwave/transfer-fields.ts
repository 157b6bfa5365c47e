import { readMobileAccount, type MobileAccount, type MobileNetwork } from '../mobile-account.ts';
import type { PayoutDestination, PayoutRequest } from '../payout-provider.ts';
import { isInReach } from './offers.ts';
import type { Refused } from './answers.ts';

/** Who the payouts are from, which some countries want to know. */
export interface Sender {
  name: string;
  /** ISO 3166, two letters. */
  country: string;
  /** E.164 without the plus. */
  phone: string;
}

/** What Flutterwave is told of whoever is paid. */
export interface Beneficiary {
  account_bank?: string;
  account_number?: string;
  beneficiary_name: string;
  meta?: object[];
}

/** Flutterwave wants a name; this one is for accounts whose holder nobody has named. */
const UNNAMED = 'Account holder';
const MAX_NAME = 100;

/** Flutterwave's codes for networks (https://developer.flutterwave.com/docs/making-payments/transfers/mobile-money). */
const NETWORKS: Readonly<Record<MobileAccount['country'], Readonly<Partial<Record<MobileNetwork, string>>>>> = {
  KE: { MPESA: 'MPS' },
  GH: { MTN: 'MTN', TELECEL: 'VODAFONE', AIRTELTIGO: 'TIGO' },
  UG: { ANY: 'MPS', MTN: 'MPS', AIRTEL: 'MPS' },
  CI: { ANY: 'FMM', MTN: 'FMM', ORANGE: 'FMM', MOOV: 'FMM', WAVE: 'FMM' },
  SN: { ORANGE: 'ORANGEMONEY', WAVE: 'WAVE', FREE: 'FREEMONEY', EMONEY: 'EMONEY' },
};

/** Flutterwave's form of a destination, or why it has none. */
export function toBeneficiary(
  { destination, currency }: Pick<PayoutRequest, 'destination' | 'currency'>,
  sender: Sender,
): Beneficiary | Refused {
  const name = (destination.holder.trim() || UNNAMED).slice(0, MAX_NAME);
  switch (destination.kind) {
    case 'BANK_ACCOUNT':
      return {
        account_bank: destination.bankCode,
        account_number: destination.accountNumber,
        beneficiary_name: name,
        ...(currency === 'KES' && { meta: [senderMeta(sender)] }),
      };
    case 'MOBILE_MONEY':
      return mobileBeneficiary(destination, { currency, name, sender });
    case 'IBAN':
      if (!isInReach(destination.iban, currency)) {
        return refuse('unsupported_destination', `Flutterwave does not pay ${currency} to this country.`);
      }
      return { beneficiary_name: name, meta: [ibanMeta(destination.iban, currency, name)] };
    case 'CARD':
    case 'CHARGE':
      return refuse('unsupported_destination', 'Flutterwave pays to bank accounts and to mobile money.');
  }
}

function mobileBeneficiary(
  destination: Extract<PayoutDestination, { kind: 'MOBILE_MONEY' }>,
  { currency, name, sender }: { currency: string; name: string; sender: Sender },
): Beneficiary | Refused {
  const account = readMobileAccount(destination, currency);
  if ('code' in account) return refuse(account.code, account.message);
  const network = NETWORKS[account.country][account.network];
  if (!network) return refuse('invalid_network', 'Flutterwave does not pay to accounts of this network.');
  return {
    account_bank: network,
    account_number: account.international,
    beneficiary_name: name,
    ...(account.country === 'KE' && { meta: [senderMeta(sender)] }),
  };
}

function senderMeta({ name, country, phone }: Sender): object {
  return { sender: name, sender_country: country, mobile_number: phone };
}

/**
 * International transfers name the account in `meta`. A British IBAN holds the sort code and the account number that Flutterwave
 * asks for; other IBANs are the account's number themselves.
 */
function ibanMeta(iban: string, currency: string, name: string): object {
  const country = iban.slice(0, 2);
  const account =
    currency === 'GBP'
      ? { account_number: iban.slice(-8), routing_number: iban.slice(8, 14) }
      : { account_number: iban };
  return { ...account, beneficiary_name: name, beneficiary_country: country };
}

function refuse(code: string, message: string): Refused {
  return { refused: true, code, message };
}
