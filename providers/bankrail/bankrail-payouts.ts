import { isValidIBAN } from 'ibantools';
import { isAsset, isCurrency } from '../../platform/money.ts';
import { POLICY } from '../../platform/policy.ts';
import { ProviderOutcomeUnknownError } from '../card-provider.ts';
import { offerOf } from '../fee-table.ts';
import { notHere } from '../in-flight.ts';
import type { Offer, Payout, PayoutProvider } from '../payout-provider.ts';
import { connectDrop, type DropOptions } from './drop.ts';
import { createInbox, type Inbox } from './inbox.ts';
import { MAX_AMOUNT_DIGITS, paymentFileName, renderPaymentFile, type Debtor } from './payment-file.ts';
import { isSepa } from './sepa.ts';
import { NOTHING_TOLD, payoutOf, type Story } from './story.ts';

/*
 * A bank that carries payments given to it in files: pain.001 there, pain.002 and camt.053 back (drop.ts says how). A payout is one
 * file under a name of its own, which makes it the same payout however often it is sent.
 */

export interface BankrailOptions extends DropOptions {
  debtor: Debtor;
  /** So long after a file was sent the bank may still take it. */
  cutOffMs?: number;
}

const DAY_SECONDS = 86_400;
const MOST = 10n ** BigInt(MAX_AMOUNT_DIGITS) - 1n;

/** Payouts to IBANs by a bank that takes files. */
export function createBankrailPayouts(options: BankrailOptions): PayoutProvider {
  const { debtor, cutOffMs = POLICY.providers.bankrailCutOffMs } = options;
  const drop = connectDrop(options);
  const inbox = createInbox(drop);
  return {
    name: 'bankrail',
    types: ['BANK'],
    offer: ({ kind, iban, amountMinor, currency }) => (kind === 'IBAN' ? offerFor(amountMinor, currency, iban) : null),
    async send(request, signal) {
      if (
        request.destination.kind !== 'IBAN' ||
        !offerFor(request.amountMinor, request.currency, request.destination.iban)
      ) {
        return { outcome: 'DECLINED', reference: null, code: 'not_carried', message: 'The bank does not carry this.' };
      }
      const refusal = await drop.put(paymentFileName(request.key), renderPaymentFile(request, debtor), signal);
      if (refusal) return { outcome: 'DECLINED', reference: null, ...refusal };
      return payoutOf(request.key, NOTHING_TOLD);
    },
    async find({ key, sentAt }, signal) {
      const story = await inbox.storyOf(key, signal);
      if (story !== NOTHING_TOLD) return payoutTold(key, story, inbox);
      // The bank has said nothing of it; whether it has it, it says itself.
      if ((await drop.get(paymentFileName(key), signal)) !== null) return payoutTold(key, story, inbox);
      return notHere({ sentAt, inFlightMs: cutOffMs, title: 'the bank' });
    },
    async checkHealth(signal) {
      // No such file lies there: that the bank says so is its health.
      await drop.get('health', signal);
    },
    close: () => drop.close(),
  };
}

/** While a file could not be read, what is under way may have ended. */
function payoutTold(key: string, story: Story, { unreadable }: Inbox): Payout {
  const payout = payoutOf(key, story);
  const [name] = unreadable;
  if (payout.outcome === 'PENDING' && name !== undefined) {
    throw new ProviderOutcomeUnknownError(`the bank's file ${name} cannot be read, and may be about this payout`);
  }
  return payout;
}

/** Euros within the area for a fixed price and within a day; everything else is correspondent banking, dearer and slower. */
function offerFor(amountMinor: bigint, currency: string, iban: string | undefined): Offer | null {
  if (!isCurrency(currency) || isAsset(currency) || (iban !== undefined && !isValidIBAN(iban))) return null;
  if (iban !== undefined && isSepa(currency, iban)) {
    const offer = offerOf({ tiers: [{ upTo: MOST, fee: 20n }], usualSeconds: DAY_SECONDS }, amountMinor);
    return offer && { ...offer, networkFeeMinor: 5n };
  }
  const tiers = [{ upTo: MOST, fee: 0n, basisPoints: 50n }];
  const offer = offerOf({ tiers, usualSeconds: 3 * DAY_SECONDS }, amountMinor);
  // What correspondents take on the way.
  return offer && { ...offer, networkFeeMinor: (offer.providerFeeMinor + 4n) / 5n };
}
