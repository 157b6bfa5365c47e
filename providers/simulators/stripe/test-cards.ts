/** What an issuer says to a charge, and to keeping the card for later charges. */
export type IssuerSays =
  | { says: 'YES' }
  /** At a charge only, or already when the card is to be kept. */
  | { says: 'NO'; code: string; reason: string; message: string; when: 'CHARGE' | 'ALWAYS' }
  | { says: 'AUTHENTICATE' };

export interface TestCard {
  brand: string;
  last4: string;
  funding: 'credit' | 'debit';
  issuer: IssuerSays;
}

const yes: IssuerSays = { says: 'YES' };

function no(reason: string, message: string, code = 'card_declined', when: 'CHARGE' | 'ALWAYS' = 'ALWAYS'): IssuerSays {
  return { says: 'NO', code, reason, message, when };
}

const declined = no('generic_decline', 'Your card was declined.');
const insufficientFunds = no('insufficient_funds', 'Your card has insufficient funds.');
const lost = no('lost_card', 'Your card was declined.');
const stolen = no('stolen_card', 'Your card was declined.');
const velocity = no(
  'card_velocity_exceeded',
  'Your card was declined for making repeated attempts too frequently or exceeding its amount limit.',
);
const authenticate: IssuerSays = { says: 'AUTHENTICATE' };

function visa(last4: string, issuer: IssuerSays): TestCard {
  return { brand: 'visa', last4, funding: 'credit', issuer };
}

/**
 * Stripe's test cards by token (https://docs.stripe.com/testing), with the last digits of their documented numbers. The
 * declining ones are documented with and without the word "visa"; both are taken.
 */
export const TEST_CARDS: ReadonlyMap<string, TestCard> = new Map<string, TestCard>([
  ['pm_card_visa', visa('4242', yes)],
  ['pm_card_visa_debit', { ...visa('5556', yes), funding: 'debit' }],
  ['pm_card_mastercard', { brand: 'mastercard', last4: '4444', funding: 'credit', issuer: yes }],
  ['pm_card_mastercard_debit', { brand: 'mastercard', last4: '8210', funding: 'debit', issuer: yes }],
  ['pm_card_amex', { brand: 'amex', last4: '8431', funding: 'credit', issuer: yes }],
  ['pm_card_discover', { brand: 'discover', last4: '1117', funding: 'credit', issuer: yes }],
  ['pm_card_diners', { brand: 'diners', last4: '0004', funding: 'credit', issuer: yes }],
  ['pm_card_jcb', { brand: 'jcb', last4: '0505', funding: 'credit', issuer: yes }],
  ['pm_card_unionpay', { brand: 'unionpay', last4: '0005', funding: 'credit', issuer: yes }],
  ['pm_card_chargeDeclined', visa('0002', declined)],
  ['pm_card_visa_chargeDeclined', visa('0002', declined)],
  ['pm_card_chargeDeclinedInsufficientFunds', visa('9995', insufficientFunds)],
  ['pm_card_visa_chargeDeclinedInsufficientFunds', visa('9995', insufficientFunds)],
  ['pm_card_chargeDeclinedLostCard', visa('9987', lost)],
  ['pm_card_visa_chargeDeclinedLostCard', visa('9987', lost)],
  ['pm_card_chargeDeclinedStolenCard', visa('9979', stolen)],
  ['pm_card_visa_chargeDeclinedStolenCard', visa('9979', stolen)],
  ['pm_card_chargeDeclinedExpiredCard', visa('0069', no('expired_card', 'Your card has expired.', 'expired_card'))],
  [
    'pm_card_chargeDeclinedIncorrectCvc',
    visa('0127', no('incorrect_cvc', "Your card's security code is incorrect.", 'incorrect_cvc')),
  ],
  [
    'pm_card_chargeDeclinedProcessingError',
    visa(
      '0119',
      no(
        'processing_error',
        'An error occurred while processing your card. Try again in a little bit.',
        'processing_error',
      ),
    ),
  ],
  ['pm_card_chargeDeclinedFraudulent', visa('0019', no('fraudulent', 'Your card was declined.'))],
  ['pm_card_visa_chargeDeclinedVelocityLimitExceeded', visa('6975', velocity)],
  // Can be kept, and is declined when charged.
  [
    'pm_card_chargeCustomerFail',
    visa('0341', no('generic_decline', 'Your card was declined.', 'card_declined', 'CHARGE')),
  ],
  // Succeed when charged; their refunds take time, or fail later (refunds.ts).
  ['pm_card_pendingRefund', visa('7726', yes)],
  ['pm_card_refundFail', visa('5126', yes)],
  ['pm_card_authenticationRequired', visa('3184', authenticate)],
  ['pm_card_authenticationRequiredOnSetup', visa('3155', authenticate)],
]);
