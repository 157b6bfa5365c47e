import { createHmac } from 'node:crypto';
import { electronicFormatIBAN, isValidIBAN } from 'ibantools';
import type { PayeeId } from '../../../platform/ids.ts';
import { parseLabel } from '../../../platform/label.ts';
import type { Secrets } from '../../../platform/secrets.ts';
import { refuse } from '../refusals.ts';

/** The name of a payee in SEPA (ISO 20022, Max70Text). */
const NAME_MAX_CHARACTERS = 70;
/** The longest IBAN has 34 characters; blanks are let in between. */
const LONGEST_TEXT = 64;

/** The purpose of the key that payees are named under. */
const PAYEE_KEY = 'payee-id';

/** An IBAN (ISO 13616) as it is kept: in capitals, without blanks. Refuses one whose country, length or check digits are wrong. */
export function parseIban(text: string): string {
  const iban = text.length <= LONGEST_TEXT ? electronicFormatIBAN(text) : null;
  if (!iban || !isValidIBAN(iban)) throw refuse('INVALID_IBAN', ['destination', 'iban']);
  return iban;
}

/** Whose account it is, as the sender says; null when not said. */
export function parsePayeeName(text: string | null | undefined): string | null {
  const name = parseLabel(text ?? '', NAME_MAX_CHARACTERS);
  if (name === null) throw refuse('INVALID_PAYEE_NAME', ['destination', 'payeeName']);
  return name || null;
}

/** What is shown of an IBAN: enough to know one's own payee again, too little for anybody else. */
export function maskIban(iban: string): string {
  return `${iban.slice(0, 4)} •••• ${iban.slice(-4)}`;
}

/**
 * Who is behind an IBAN, for risk: equal for equal IBANs, and nobody finds the IBAN by trying without the bank's key. A UUID of
 * version 8 (RFC 9562, 5.8): the form of an id, the rest our own.
 */
export function payeeOf(secrets: Secrets, iban: string): PayeeId {
  const bytes = createHmac('sha256', secrets.key(PAYEE_KEY)).update(iban).digest().subarray(0, 16);
  bytes[6] = 0x80 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  const hex = bytes.toString('hex');
  // The cast: this is where an id of this kind comes into being.
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}` as PayeeId;
}
