import { isCurrency, scaleOf } from '../../../platform/money.ts';
import type { Element } from '../../../platform/xml-element.ts';
import { refuseStatement } from './statement.ts';

/** What stands in a file as amount, date or words, as the bank understands it. Every refusal names the line. */

/** 30 digits of minor units, as for every amount of this bank. */
const MAX_AMOUNT_MINOR = 10n ** 30n - 1n;
/** Longer than any amount; what follows need not be looked at. */
const MAX_AMOUNT_CHARACTERS = 64;

/** `COMMA` is OFX (3.2.9.1: a sign may be there, the decimal sign is a point or a comma), `PLAIN` is ISO 20022 (no minus). */
const AMOUNT_FORMS = {
  COMMA: /^([+-]?)(?=[.,]?[0-9])([0-9]*)(?:[.,]([0-9]*))?$/,
  PLAIN: /^(\+?)(?=\.?[0-9])([0-9]*)(?:\.([0-9]*))?$/,
};

/** Minor units, exactly: no grouping, no exponent, no more decimals than the currency has (zeros at the end are none). */
export function amountIn(element: Element, currency: string, form: keyof typeof AMOUNT_FORMS): bigint {
  const { line } = element;
  const text = element.text.trim();
  const match = text.length <= MAX_AMOUNT_CHARACTERS ? AMOUNT_FORMS[form].exec(text) : null;
  if (!match) throw refuseStatement('INVALID_AMOUNT', line, `${quote(text)} is not an amount such as 12.50`);
  const [, sign, whole = '', decimals = ''] = match;
  const scale = scaleOf(currency);
  const fraction = decimals.replace(/0+$/, '');
  if (fraction.length > scale) {
    throw refuseStatement('TOO_MANY_DECIMALS', line, `the amount ${text} has more decimals than ${currency} has`);
  }
  const amountMinor = BigInt(whole + fraction.padEnd(scale, '0'));
  if (amountMinor > MAX_AMOUNT_MINOR)
    throw refuseStatement('AMOUNT_TOO_LARGE', line, `the amount ${text} is too large`);
  return sign === '-' ? -amountMinor : amountMinor;
}

/** A currency that this bank knows. */
export function currencyIn(code: string, line: number): string {
  if (!isCurrency(code))
    throw refuseStatement('UNSUPPORTED_CURRENCY', line, `${quote(code)} is no currency known here`);
  return code;
}

/** Years a booking may be of; others are mistakes of who wrote the file. */
const YEAR = '(?:19|20|21)\\d\\d';
/** OFX 3.2.8.2: YYYYMMDD, then hours, minutes, seconds, milliseconds and the offset from GMT as far as they are given. */
const OFX_DATE = new RegExp(
  `^(${YEAR})(\\d\\d)(\\d\\d)(?:(\\d\\d)(\\d\\d)(?:(\\d\\d)(?:\\.(\\d{1,6}))?)?)?(?:\\s*\\[([+-]?\\d{1,2}(?:\\.\\d{1,2})?)(?::\\w{1,10})?\\])?$`,
);
/** ISO 20022: an XML date or dateTime, the offset from UTC as far as it is given. */
const ISO_DATE = new RegExp(
  `^(${YEAR})-(\\d\\d)-(\\d\\d)(?:T(\\d\\d):(\\d\\d):(\\d\\d)(?:\\.(\\d{1,9}))?)?(Z|[+-]\\d\\d:\\d\\d)?$`,
);

/** A day as the bank wrote it, and the moment that is meant: its end where no time is given, UTC where no offset is. */
export interface WrittenDate {
  day: string;
  moment: Date;
}

export function ofxDateIn({ text, line }: Element): WrittenDate {
  const match = OFX_DATE.exec(text.trim());
  return writtenDate(match, match?.[8] ? Number(match[8]) * 60 : 0, text, line);
}

export function isoDateIn({ text, line }: Element): WrittenDate {
  const match = ISO_DATE.exec(text.trim());
  const [hours = '0', minutes = '0'] = (match?.[8] ?? 'Z') === 'Z' ? [] : match![8]!.split(':');
  const offset = Number(hours) * 60 + (hours.startsWith('-') ? -1 : 1) * Number(minutes);
  return writtenDate(match, offset, text, line);
}

function writtenDate(match: RegExpExecArray | null, offsetMinutes: number, text: string, line: number): WrittenDate {
  const [, year, month, date, hours, minutes, seconds = '00', fraction = ''] = match ?? [];
  const day = `${year}-${month}-${date}`;
  const time = `${hours}:${minutes}:${seconds}.${fraction.padEnd(3, '0').slice(0, 3)}Z`;
  const written = hours === undefined ? lastMomentOf(day) : new Date(`${day}T${time}`);
  // 31 February parses to a day in March: the day itself must exist.
  if (!match || Number.isNaN(written.getTime()) || !written.toISOString().startsWith(day)) {
    throw refuseStatement('STATEMENT_MALFORMED', line, `${quote(text.trim())} is not a date that exists`);
  }
  return { day, moment: new Date(written.getTime() - offsetMinutes * 60_000) };
}

/** What is told of a day holds when it is over. */
export function lastMomentOf(day: string): Date {
  return new Date(`${day}T23:59:59.999Z`);
}

/** Blanks of every kind, control characters, lone surrogates, and what reverses the direction of the text after it. */
const UNPRINTABLE = /[\s\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]+/gu;

/** Words of a file on one line, composed (NFC), without what cannot be shown, at most so many UTF-16 units of them. */
export function wordsOf(text: string | null, maxLength: number): string {
  // Cut before, because the rest may be long, and after, because some characters are several when composed.
  const composed = (text ?? '').slice(0, maxLength).normalize('NFC').slice(0, maxLength);
  return composed.replace(UNPRINTABLE, ' ').trim();
}

/** What a refusal shows of a file. */
export function quote(text: string): string {
  const words = wordsOf(text, 41);
  return `"${words.length > 40 ? `${words.slice(0, 39)}…` : words}"`;
}

/** Merchant category codes have four digits; what else stands in their place is none. */
export function merchantCategoryOf(text: string | null): string | null {
  return text !== null && /^\d{4}$/.test(text) ? text : null;
}

/** The end of an account's number: enough to know one's own again, at most half of it. */
export function maskNumber(number: string): string {
  const characters = [...wordsOf(number, 64)];
  const shown = Math.max(1, Math.min(4, Math.floor(characters.length / 2)));
  return `... ${characters.slice(-shown).join('')}`;
}
