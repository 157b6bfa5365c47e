import { isAsset, isCurrency } from '../../../platform/money.ts';
import { invalidRequest } from './answers.ts';

/** Smallest charges, in Stripe's units (https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts). */
const MINIMA: Readonly<Record<string, number>> = {
  usd: 50, aed: 200, aud: 50, brl: 50, cad: 50, chf: 50, czk: 1500, dkk: 250, eur: 50, gbp: 30, hkd: 400, huf: 17500,
  inr: 50, jpy: 50, mxn: 1000, myr: 200, nok: 300, nzd: 50, pln: 200, ron: 200, sek: 300, sgd: 50, thb: 1000,
}; // prettier-ignore
/** Eight digits; Stripe takes more in a few currencies, where nobody here needs it. */
const MAXIMUM = 99_999_999;
const THREE_DECIMALS = new Set(['bhd', 'jod', 'kwd', 'omr', 'tnd']);
/** Whole currencies that Stripe takes with two decimals. */
const WHOLE_IN_HUNDREDTHS = new Set(['isk', 'ugx']);

/**
 * Refuses what Stripe does not charge. Which currencies there are depends on the account; this one takes every currency
 * that a state issues.
 */
export function checkAmount(amount: number, currency: string): void {
  const code = currency.toUpperCase();
  if (currency !== currency.toLowerCase() || !isCurrency(code) || isAsset(code)) {
    throw invalidRequest(`Invalid currency: ${currency}.`, { param: 'currency' });
  }
  if (amount < 1) {
    throw invalidRequest('This value must be greater than or equal to 1.', {
      code: 'parameter_invalid_integer',
      param: 'amount',
    });
  }
  if (amount < (MINIMA[currency] ?? 1)) {
    throw invalidRequest(`Amount must be at least ${MINIMA[currency]} ${currency} (smallest units).`, {
      code: 'amount_too_small',
      param: 'amount',
    });
  }
  if (amount > MAXIMUM) {
    throw invalidRequest(`Amount must be no more than ${MAXIMUM}`, { code: 'amount_too_large', param: 'amount' });
  }
  const unit = THREE_DECIMALS.has(currency) ? 10 : WHOLE_IN_HUNDREDTHS.has(currency) ? 100 : 1;
  if (amount % unit !== 0) {
    throw invalidRequest(`Invalid amount: ${currency} is charged in multiples of ${unit}.`, {
      code: 'invalid_charge_amount',
      param: 'amount',
    });
  }
}
