import { createHmac } from 'node:crypto';
import type { Secrets } from './secrets.ts';

/** The one form of an email that is stored, compared and hashed: composed (NFC), without outer blanks, lower case. */
export function normaliseEmail(email: string): string {
  // Lower-casing can leave a letter decomposed ("İ"), so it is composed once more: the same text always ends up the same.
  return email.trim().normalize('NFC').toLowerCase().normalize('NFC');
}

/**
 * The keyed hash by which other subgraphs and the event log know an email: equal for equal emails, and without the bank's
 * secret nobody can find the email by trying.
 */
export function emailHash(secrets: Secrets, email: string): string {
  return createHmac('sha256', secrets.key('email-hash')).update(normaliseEmail(email)).digest('hex');
}
