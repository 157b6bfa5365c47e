import { isAsset, isCurrency, scaleOf } from '../../platform/money.ts';

/**
 * Stripe counts amounts in a scale of its own, which is not always that of ISO 4217 (https://docs.stripe.com/currencies):
 * a few currencies are whole at Stripe though ISO gives them decimals, two keep the decimals they once had, and of three
 * decimals the last has to be 0.
 */
const WHOLE_AT_STRIPE = new Set(
  ['BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'], // prettier-ignore
);
const THREE_DECIMALS = new Set(['BHD', 'JOD', 'KWD', 'OMR', 'TND']);
/** Everything else has two, also ISK and UGX: Stripe takes 5 ISK as 500. */
const USUAL_SCALE = 2;

/** An amount as Stripe counts it, or why it cannot be charged. `code` is that of Stripe for the same fault. */
export type StripeAmount =
  { amount: number; currency: string; refusal: null } | { refusal: { code: string; message: string } };

/** What Stripe is asked for an amount in the bank's minor units. Nothing is ever rounded: what does not fit is refused. */
export function toStripeAmount(amountMinor: bigint, currency: string): StripeAmount {
  if (isAsset(currency)) return refuse('currency_not_supported', `Cards are not charged in ${currency}.`);
  const scale = scaleAtStripe(currency);
  const difference = scale - scaleOf(currency);
  const unit = 10n ** BigInt(Math.abs(difference));
  if (difference < 0 && amountMinor % unit !== 0n) {
    return refuse('invalid_charge_amount', `Cards are charged in ${currency} with at most ${scale} decimals.`);
  }
  const amount = difference < 0 ? amountMinor / unit : amountMinor * unit;
  if (scale === 3 && amount % 10n !== 0n) {
    return refuse('invalid_charge_amount', `Cards are charged in ${currency} with at most 2 decimals.`);
  }
  // JSON and the SDK count in floating point; Stripe's own bound is far below what is exact there.
  if (amount > BigInt(Number.MAX_SAFE_INTEGER))
    return refuse('amount_too_large', 'The amount is too large for a card.');
  return { amount: Number(amount), currency: currency.toLowerCase(), refusal: null };
}

/** The bank's minor units of an amount that Stripe tells, signed as it is; null where the bank cannot count it exactly. */
export function fromStripeAmount(amount: number, currency: string): bigint | null {
  const code = currency.toUpperCase();
  if (!Number.isSafeInteger(amount) || !isCurrency(code) || isAsset(code)) return null;
  const difference = scaleAtStripe(code) - scaleOf(code);
  const unit = 10n ** BigInt(Math.abs(difference));
  if (difference < 0) return BigInt(amount) * unit;
  return BigInt(amount) % unit === 0n ? BigInt(amount) / unit : null;
}

function scaleAtStripe(currency: string): number {
  return WHOLE_AT_STRIPE.has(currency) ? 0 : THREE_DECIMALS.has(currency) ? 3 : USUAL_SCALE;
}

function refuse(code: string, message: string): StripeAmount {
  return { refusal: { code, message } };
}
