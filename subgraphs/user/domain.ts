import { normaliseEmail } from '../../platform/email-hash.ts';
import { parseLabel } from '../../platform/label.ts';
import { Refusal } from '../../platform/refusal.ts';
import type { UserRefusal } from './refusals.ts';

/** RFC 5321, 4.5.3.1.3 (a path of 256 with its brackets). */
const EMAIL_MAX_LENGTH = 254;
const PASSWORD_MIN_CHARACTERS = 10;
/** More than any person types; bounds what is hashed. */
const PASSWORD_MAX_BYTES = 1024;
const NAME_MAX_CHARACTERS = 80;

/** A refresh token not used for so long is void, and with it the session. */
export const REFRESH_TOKEN_LIFETIME_MS = 30 * 24 * 60 * 60 * 1000;

/** `local@domain`: a dot-atom (RFC 5322) and a name of two or more labels, both with the letters of every language (RFC 6531). */
const EMAIL =
  /^[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+(?:\.[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+)*@(?:[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}-]{0,61}[\p{L}\p{M}\p{N}])?\.)+[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}-]{0,61}[\p{L}\p{M}\p{N}])$/u;

/** What register takes, checked and normalised. */
export interface NewCustomer {
  email: string;
  password: string;
  displayName: string;
}

/** Checks a registration; refuses the first thing that is wrong. */
export function parseNewCustomer(input: NewCustomer): NewCustomer {
  const email = parseEmail(input.email);
  if (email === null) throw new Refusal<UserRefusal>('INVALID_EMAIL', ['email']);
  const displayName = parseLabel(input.displayName, NAME_MAX_CHARACTERS);
  if (!displayName) throw new Refusal<UserRefusal>('INVALID_DISPLAY_NAME', ['displayName']);
  if (!fitsPassword(input.password)) throw new Refusal<UserRefusal>('PASSWORD_TOO_LONG', ['password']);
  const password = normalisePassword(input.password);
  if ([...password].length < PASSWORD_MIN_CHARACTERS)
    throw new Refusal<UserRefusal>('PASSWORD_TOO_SHORT', ['password']);
  return { email, password, displayName };
}

/** The normalised email, or null when it cannot be one. */
export function parseEmail(text: string): string | null {
  // Measured before it is normalised, so that a huge text costs nothing.
  if (text.length > 2 * EMAIL_MAX_LENGTH) return null;
  const email = normaliseEmail(text);
  return email.length <= EMAIL_MAX_LENGTH && EMAIL.test(email) ? email : null;
}

/** The name of a device for the list of sessions; null when none is given. */
export function parseDeviceName(text: string | null | undefined): string | null {
  if (text === null || text === undefined) return null;
  const name = parseLabel(text, NAME_MAX_CHARACTERS);
  if (name === null) throw new Refusal<UserRefusal>('INVALID_DEVICE_NAME', ['deviceName']);
  return name || null;
}

/** False for a password that nobody can have registered with. */
export function fitsPassword(password: string): boolean {
  return Buffer.byteLength(password) <= PASSWORD_MAX_BYTES;
}

/** Keyboards differ in how they compose a letter; the same password must hash the same (RFC 8265, OpaqueString). */
export function normalisePassword(password: string): string {
  return password.normalize('NFC');
}

/** A session's newest state, as refreshing sees it. */
export interface PresentedToken {
  sessionEnded: boolean;
  replaced: boolean;
  expiresAt: Date;
}

/**
 * What becomes of a refresh token. An older one of a living session means that two parties hold the family, and nobody can
 * say which is the thief: the session ends for both. That holds for the loser of two simultaneous uses too; a
 * client must therefore refresh once at a time.
 */
export function judgeRefresh(token: PresentedToken | null, now: Date): 'ROTATE' | 'REUSED' | 'INVALID' {
  if (!token || token.sessionEnded) return 'INVALID';
  if (token.replaced) return 'REUSED';
  return token.expiresAt > now ? 'ROTATE' : 'INVALID';
}
