import { readMobileAccount, type MobileNetwork } from '../mobile-account.ts';
import type { PayoutDestination } from '../payout-provider.ts';
import type { Refused } from './answers.ts';

/** What Paystack is told of whoever is paid (https://paystack.com/docs/transfers/creating-transfer-recipients). */
export interface Recipient {
  type: 'nuban' | 'ghipss' | 'kepss' | 'basa' | 'mobile_money';
  name: string;
  account_number: string;
  bank_code: string;
  currency: string;
}

const BANK_TYPES: Readonly<Record<string, Recipient['type']>> = {
  NGN: 'nuban',
  GHS: 'ghipss',
  KES: 'kepss',
  ZAR: 'basa',
};

/** Paystack's codes for networks, which it lists among the banks (GET /bank?type=mobile_money). */
const NETWORKS: Readonly<Partial<Record<MobileNetwork, string>>> = {
  MPESA: 'MPESA',
  MTN: 'MTN',
  TELECEL: 'VOD',
  AIRTELTIGO: 'ATL',
};
/** Paystack wants a name; this one is for accounts whose holder nobody has named. */
const UNNAMED = 'Account holder';
const MAX_NAME = 100;

/** Paystack's form of a destination, or why it has none. */
export function toRecipient(destination: PayoutDestination, currency: string): Recipient | Refused {
  const name = (destination.holder.trim() || UNNAMED).slice(0, MAX_NAME);
  if (destination.kind === 'BANK_ACCOUNT') {
    const type = BANK_TYPES[currency];
    if (!type) return refuse('unsupported_currency', `Paystack does not pay to bank accounts in ${currency}.`);
    return { type, name, account_number: destination.accountNumber, bank_code: destination.bankCode, currency };
  }
  if (destination.kind === 'MOBILE_MONEY') {
    const account = readMobileAccount(destination, currency);
    if ('code' in account) return refuse(account.code, account.message);
    const network = NETWORKS[account.network];
    if (!network) return refuse('invalid_network', 'Paystack does not pay to accounts of this network.');
    return { type: 'mobile_money', name, account_number: account.national, bank_code: network, currency };
  }
  return refuse('unsupported_destination', 'Paystack pays to bank accounts and to mobile money.');
}

function refuse(code: string, message: string): Refused {
  return { refused: true, code, message };
}
