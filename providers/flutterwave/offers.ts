import type { Tariff } from '../fee-table.ts';
import type { PayoutKind } from '../payout-provider.ts';

/*
 * What Flutterwave asks for transfers. Published: Nigeria's steps of 10, 25 and 50 naira with 7.5 % VAT (https://flutterwave.com/ng/pricing)
 * and Uganda's (https://flutterwave.com/us/support/general/heres-all-you-need-to-know-about-operating-a-flutterwave-account-in-uganda);
 * 45 dollars is in the reference's answers. The others are agreed per account and are assumed here: put in what was agreed.
 * Minor units. Bank accounts in Ghana, Uganda and francophone Africa need the code of a branch, and South Africa the recipient's
 * address: the bank knows neither, so that it does not offer them.
 */

const NGN: Tariff = {
  tiers: [
    { upTo: 5_000_00n, fee: 10_75n },
    { upTo: 50_000_00n, fee: 26_88n },
    { upTo: 10_000_000_00n, fee: 53_75n },
  ],
  usualSeconds: 60,
};
const KES_BANK: Tariff = { tiers: [{ upTo: 999_999_00n, fee: 100_00n }], usualSeconds: 600 };
const KES_MOBILE: Tariff = { tiers: [{ upTo: 150_000_00n, fee: 50_00n }], usualSeconds: 60 };
const GHS_MOBILE: Tariff = { tiers: [{ upTo: 15_000_00n, fee: 0n, basisPoints: 100n }], usualSeconds: 60 };
const UGX_MOBILE: Tariff = {
  tiers: [
    { upTo: 125_000n, fee: 1_000n },
    { upTo: 5_000_000n, fee: 0n, basisPoints: 120n },
  ],
  usualSeconds: 60,
};
const XOF_MOBILE: Tariff = { tiers: [{ upTo: 1_500_000n, fee: 0n, basisPoints: 150n }], usualSeconds: 120 };
const EUR: Tariff = { tiers: [{ upTo: 50_000_00n, fee: 5_00n }], usualSeconds: 86_400 };
const GBP: Tariff = { tiers: [{ upTo: 50_000_00n, fee: 5_00n }], usualSeconds: 7_200 };
const USD: Tariff = { tiers: [{ upTo: 50_000_00n, fee: 45_00n }], usualSeconds: 172_800 };

const TARIFFS: Readonly<Partial<Record<PayoutKind, Readonly<Record<string, Tariff>>>>> = {
  BANK_ACCOUNT: { NGN, KES: KES_BANK },
  MOBILE_MONEY: { KES: KES_MOBILE, GHS: GHS_MOBILE, UGX: UGX_MOBILE, XOF: XOF_MOBILE },
  IBAN: { EUR, GBP, USD },
};

/** Countries of the Single Euro Payments Area (European Payments Council), to which euros go. */
const SEPA = new Set(
  ['AD', 'AT', 'BE', 'BG', 'CH', 'CY', 'CZ', 'DE', 'DK', 'EE', 'ES', 'FI', 'FR', 'GB', 'GI', 'GR', 'HR', 'HU', 'IE', 'IS', 'IT', 'LI', 'LT', 'LU', 'LV', 'MC', 'MT', 'NL', 'NO', 'PL', 'PT', 'RO', 'SE', 'SI', 'SK', 'SM', 'VA'], // prettier-ignore
);

/** The tariff of a kind of payout; undefined for what Flutterwave does not carry. */
export function tariffOf(kind: PayoutKind, currency: string, iban?: string): Tariff | undefined {
  if (iban !== undefined && !isInReach(iban, currency)) return undefined;
  return TARIFFS[kind]?.[currency];
}

/** Euros stay within SEPA, and pounds within the United Kingdom. */
export function isInReach(iban: string, currency: string): boolean {
  const country = iban.slice(0, 2);
  if (currency === 'EUR') return SEPA.has(country);
  return currency !== 'GBP' || country === 'GB';
}
