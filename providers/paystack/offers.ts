import type { PayoutKind } from '../payout-provider.ts';
import type { Tariff } from '../fee-table.ts';

/*
 * What Paystack asks for transfers, from its own "Transfers pricing" (https://support.paystack.com/en/articles/2132866 and
 * https://paystack.com/pricing, read November 2026). Minor units. What an account has agreed upon may differ: then change it here.
 */

const NGN: Tariff = {
  tiers: [
    { upTo: 5_000_00n, fee: 10_00n },
    { upTo: 50_000_00n, fee: 25_00n },
    { upTo: 10_000_000_00n, fee: 50_00n },
  ],
  usualSeconds: 60,
};

const GHS_BANK: Tariff = { tiers: [{ upTo: 1_000_000_00n, fee: 8_00n }], usualSeconds: 600 };
const GHS_MOBILE: Tariff = { tiers: [{ upTo: 15_000_00n, fee: 1_00n }], usualSeconds: 60 };

const KES_MOBILE: Tariff = {
  tiers: [
    { upTo: 1_500_00n, fee: 20_00n },
    { upTo: 20_000_00n, fee: 40_00n },
    { upTo: 150_000_00n, fee: 60_00n },
  ],
  usualSeconds: 30,
};
const KES_BANK: Tariff = {
  tiers: [
    { upTo: 10_000_00n, fee: 80_00n },
    { upTo: 50_000_00n, fee: 120_00n },
    { upTo: 999_999_00n, fee: 140_00n },
  ],
  usualSeconds: 300,
};

const ZAR: Tariff = { tiers: [{ upTo: 500_000_00n, fee: 3_00n }], usualSeconds: 3_600 };

const TARIFFS: Readonly<Partial<Record<PayoutKind, Readonly<Record<string, Tariff>>>>> = {
  BANK_ACCOUNT: { NGN, GHS: GHS_BANK, KES: KES_BANK, ZAR },
  MOBILE_MONEY: { GHS: GHS_MOBILE, KES: KES_MOBILE },
};

/** The tariff of a kind of payout; undefined for what Paystack does not carry. */
export function tariffOf(kind: PayoutKind, currency: string): Tariff | undefined {
  return TARIFFS[kind]?.[currency];
}
