import { find, findAll, textAt, type Element } from '../../../platform/xml-element.ts';
import { refuseStatement, type ReadLine } from './statement.ts';
import { amountIn, isoDateIn, merchantCategoryOf, quote, wordsOf } from './values.ts';

const MAX_DESCRIPTION = 500;
const MAX_NAME = 140;

/** Where cards tell the kind of merchant: "category code conform to ISO 18245". */
const CATEGORY_PATHS = [
  ['CardTx', 'Tx', 'Indv', 'TxCtgy'],
  ['CardTx', 'Tx', 'Aggtd', 'TxCtgy'],
  ['CardTx', 'AggtdNtry', 'TxCtgy'],
] as const;

/** What banks write where there is no reference. */
const NO_REFERENCE = new Set(['NONREF', 'NOTPROVIDED', 'NOT PROVIDED']);

/** What is the same for every line of an entry. */
interface Booking {
  currency: string;
  bookedOn: string;
  /** Where the file says so. */
  line: number;
  /** 1n when it arrives, -1n when it leaves. */
  sign: 1n | -1n;
  /** True when it takes back an earlier entry. `sign` is its own direction all the same. */
  reversal: boolean;
  /** The bank's own reference, where it gives one. */
  reference: string | null;
  /** What the bank says of the entry as a whole. */
  words: string;
}

/**
 * The lines of an entry: none unless it is booked; one for each payment of a batch when their amounts make up the entry's,
 * else one.
 */
export function readEntry(entry: Element, currency: string): ReadLine[] {
  const status = textAt(entry, 'Sts', 'Cd') ?? textAt(entry, 'Sts');
  if (!status) throw refuseStatement('STATEMENT_MALFORMED', entry.line, 'Ntry lacks its status (Sts)');
  if (status !== 'BOOK') return [];
  const amount = find(entry, 'Amt');
  if (!amount) throw refuseStatement('STATEMENT_MALFORMED', entry.line, 'Ntry lacks its amount (Amt)');
  if (amount.attributes['Ccy'] !== currency) {
    const reason = `the amount is in ${quote(amount.attributes['Ccy'] ?? '')}, the account in ${currency}`;
    throw refuseStatement('STATEMENT_SEVERAL_CURRENCIES', amount.line, reason);
  }
  const sign = signOf(entry);
  const amountMinor = sign * amountIn(amount, currency, 'PLAIN');
  const booking: Booking = {
    currency,
    ...dayOf(entry),
    sign,
    reversal: ['true', '1'].includes(textAt(entry, 'RvslInd') ?? ''),
    reference: referenceIn(entry, 'AcctSvcrRef') ?? referenceIn(entry, 'NtryRef'),
    words: wordsOf(textAt(entry, 'AddtlNtryInf'), MAX_DESCRIPTION),
  };
  const details = findAll(entry, 'NtryDtls', 'TxDtls');
  const category = categoryIn(entry);
  const batch = details.length > 1 ? splitBatch(details, booking, amountMinor) : null;
  if (batch) return batch;
  // Several payments that do not make up the entry are no help in describing it.
  return [toLine(booking, amountMinor, details.length === 1 ? details[0] : undefined, category)];
}

/** 1n for a credit, -1n for a debit. */
export function signOf(element: Element): 1n | -1n {
  const indicator = find(element, 'CdtDbtInd');
  const direction = indicator?.text.trim();
  if (direction === 'CRDT') return 1n;
  if (direction === 'DBIT') return -1n;
  const line = (indicator ?? element).line;
  throw refuseStatement('STATEMENT_MALFORMED', line, `${element.name} lacks its direction (CdtDbtInd, CRDT or DBIT)`);
}

function dayOf(entry: Element): Pick<Booking, 'bookedOn' | 'line'> {
  const choice = find(entry, 'BookgDt') ?? find(entry, 'ValDt');
  const date = find(choice, 'Dt') ?? find(choice, 'DtTm');
  if (!date) throw refuseStatement('STATEMENT_MALFORMED', entry.line, 'Ntry lacks the day it was booked (BookgDt)');
  return { bookedOn: isoDateIn(date).day, line: date.line };
}

/** A line for each payment; null when one has no amount in the account's currency or they do not sum to the entry. */
function splitBatch(details: readonly Element[], booking: Booking, entryMinor: bigint): ReadLine[] | null {
  const amounts = details.map((detail) => {
    const amount = find(detail, 'Amt') ?? find(detail, 'AmtDtls', 'TxAmt', 'Amt');
    if (amount?.attributes['Ccy'] !== booking.currency) return null;
    const sign = find(detail, 'CdtDbtInd') ? signOf(detail) : booking.sign;
    return sign * amountIn(amount, booking.currency, 'PLAIN');
  });
  const known = amounts.filter((amount) => amount !== null);
  if (known.length < amounts.length || known.reduce((sum, amount) => sum + amount, 0n) !== entryMinor) return null;
  return details.map((detail, index) => toLine(booking, known[index]!, detail, categoryIn(detail)));
}

function toLine(booking: Booking, amountMinor: bigint, detail: Element | undefined, category: string | null): ReadLine {
  const counterparty = detail ? otherEnd(detail, booking) : '';
  const description =
    (detail && remittanceOf(detail)) ||
    booking.words ||
    (detail && structuredReferenceOf(detail)) ||
    counterparty ||
    (booking.sign > 0n ? 'Credit' : 'Debit');
  const reference = [booking.reference, detail && referenceIn(detail, 'Refs', 'AcctSvcrRef')].filter(Boolean).join(' ');
  const known = [booking.bookedOn, String(amountMinor)];
  return {
    line: booking.line,
    // References are unique at some banks, numbered anew in each statement at others: day and amount are part of the key.
    key: reference ? ['reference', reference, ...known] : ['words', ...known, description, counterparty],
    // Every entry counts for the balance, so that two that look the same are two.
    unique: false,
    amountMinor,
    description,
    counterparty: counterparty || null,
    bookedOn: booking.bookedOn,
    merchantCategory: (detail && categoryIn(detail)) ?? category,
  };
}

/** The name of the other end: who paid when money arrives, who was paid when it leaves, the other way round when it comes back. */
function otherEnd(detail: Element, { sign, reversal }: Booking): string {
  const paid = sign > 0n !== reversal;
  const names = (paid ? ['Dbtr', 'UltmtDbtr'] : ['Cdtr', 'UltmtCdtr']).flatMap((party) => {
    const element = find(detail, 'RltdPties', party);
    return [textAt(element, 'Nm'), textAt(element, 'Pty', 'Nm'), textAt(element, 'Agt', 'FinInstnId', 'Nm')];
  });
  return wordsOf(names.find((name) => name !== null) ?? null, MAX_NAME);
}

/** What the payer wrote, else what the bank says of this payment. */
function remittanceOf(detail: Element): string {
  const written = findAll(detail, 'RmtInf', 'Ustrd')
    .map(({ text }) => text.trim())
    .join(' ');
  return wordsOf(written, MAX_DESCRIPTION) || wordsOf(textAt(detail, 'AddtlTxInf'), MAX_DESCRIPTION);
}

function structuredReferenceOf(detail: Element): string {
  const structured = find(detail, 'RmtInf', 'Strd');
  const text = textAt(structured, 'AddtlRmtInf') ?? textAt(structured, 'CdtrRefInf', 'Ref');
  return wordsOf(text, MAX_DESCRIPTION);
}

function referenceIn(element: Element, ...path: string[]): string | null {
  const reference = textAt(element, ...path);
  return reference === null || NO_REFERENCE.has(reference.toUpperCase()) ? null : reference;
}

function categoryIn(element: Element): string | null {
  for (const path of CATEGORY_PATHS) {
    const category = merchantCategoryOf(textAt(element, ...path));
    if (category) return category;
  }
  return null;
}
