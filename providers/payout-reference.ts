import { parseId, type TransferId } from '../platform/ids.ts';
import type { PayoutDestination } from './payout-provider.ts';

/**
 * A payout's destination as one text, which is what a payment method keeps and what its events carry:
 *
 *   iban:DE89370400440532013000
 *   bank:058:0123456789            the code of the bank, then the account
 *   momo:+254712345678             or with the network, momo:+254712345678:MPS
 *   charge:0190f7a2-…              the deposit whose charge is refunded; of a transfer alone, no payment method has it
 *
 * Everything else is Stripe's name of a card. The holder's name is no part of it: it is kept beside it.
 */
const PREFIXED = /^(iban|bank|momo|charge):/;
const IBAN = /^iban:([A-Z]{2}[0-9]{2}[A-Z0-9]{10,30})$/;
const BANK = /^bank:([A-Za-z0-9_-]{1,20}):([A-Za-z0-9-]{4,34})$/;
const CHARGE = /^charge:([0-9a-f-]{36})$/;
const MOMO = /^momo:(\+[1-9][0-9]{6,14})(?::([A-Z0-9_-]{1,20}))?$/;

/** The text of a destination. Throws for one whose parts have not the form they must have: callers check them before. */
export function formatPayoutReference(destination: PayoutDestination): string {
  const reference = write(destination);
  const isCard = destination.kind === 'CARD';
  if (isCard ? reference === '' || PREFIXED.test(reference) : !read(reference, destination.holder)) {
    // Without the text itself: account numbers do not belong in logs.
    throw new Error(`not a destination of kind ${destination.kind}`);
  }
  return reference;
}

/** The reading of a text that formatPayoutReference gave out; anything else behind one of its prefixes is a bug. */
export function parsePayoutReference(reference: string, holder: string): PayoutDestination {
  if (!PREFIXED.test(reference)) return { kind: 'CARD', reference, holder };
  const destination = read(reference, holder);
  if (!destination) throw new Error(`not a reference of a payout: ${reference.slice(0, reference.indexOf(':'))}`);
  return destination;
}

function write(destination: PayoutDestination): string {
  switch (destination.kind) {
    case 'CARD':
      return destination.reference;
    case 'CHARGE':
      return `charge:${destination.depositId}`;
    case 'IBAN':
      return `iban:${destination.iban}`;
    case 'BANK_ACCOUNT':
      return `bank:${destination.bankCode}:${destination.accountNumber}`;
    case 'MOBILE_MONEY':
      return `momo:${destination.phone}${destination.network === null ? '' : `:${destination.network}`}`;
  }
}

function read(reference: string, holder: string): PayoutDestination | null {
  const [, iban] = IBAN.exec(reference) ?? [];
  if (iban) return { kind: 'IBAN', iban, holder };
  const [, bankCode, accountNumber] = BANK.exec(reference) ?? [];
  if (bankCode && accountNumber) return { kind: 'BANK_ACCOUNT', bankCode, accountNumber, holder };
  const depositId = parseId<TransferId>(CHARGE.exec(reference)?.[1] ?? '');
  if (depositId) return { kind: 'CHARGE', depositId, holder };
  const [, phone, network] = MOMO.exec(reference) ?? [];
  return phone ? { kind: 'MOBILE_MONEY', phone, network: network ?? null, holder } : null;
}
