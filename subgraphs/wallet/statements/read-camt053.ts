import { find, findAll, textAt, type Element } from '../../../platform/xml-element.ts';
import { readEntry, signOf } from './read-camt053-entry.ts';
import { refuseStatement, type OutsideAccount, type ReadBalance, type ReadStatement } from './statement.ts';
import { amountIn, currencyIn, isoDateIn, lastMomentOf, maskNumber, wordsOf } from './values.ts';

/*
 * ISO 20022 camt.053, bank to customer statement, versions 001.02 to 001.13: what is read here has kept its place through all
 * of them, but for the status of an entry and the name of a party, which moved one level down.
 */

/** The namespace of every version; the group is its name. */
export const CAMT053_NAMESPACE = /^urn:iso:std:iso:20022:tech:xsd:(camt\.053\.001\.\d\d)$/;

/** The statements of a CAMT.053 file, as they stand in it. */
export function readCamt053(root: Element): ReadStatement[] {
  const message = find(root, 'BkToCstmrStmt');
  const statements = message ? findAll(message, 'Stmt') : [];
  if (statements.length === 0) {
    const line = (message ?? root).line;
    throw refuseStatement('STATEMENT_EMPTY', line, 'there is no statement in this CAMT.053 file (Stmt)');
  }
  return statements.map(readStatement);
}

function readStatement(statement: Element): ReadStatement {
  const accountElement = find(statement, 'Acct');
  if (!accountElement) throw refuseStatement('STATEMENT_MALFORMED', statement.line, 'Stmt lacks its account (Acct)');
  const account = readAccount(accountElement);
  const entries = findAll(statement, 'Ntry');
  const balances = findAll(statement, 'Bal');
  const currency = currencyOf(statement, accountElement, entries, balances);
  const lines = entries.flatMap((entry) => readEntry(entry, currency));
  // PRCD is the closing balance of the statement before this one.
  const opening = toBalance(inTime(balances, 'OPBD')[0], currency) ?? toBalance(inTime(balances, 'PRCD')[0], currency);
  const closing = inTime(balances, 'CLBD').at(-1);
  return {
    account,
    currency,
    lines,
    opening,
    closing: toBalance(closing, currency),
    ...endOf(statement, closing, lines),
  };
}

/** The account's own currency; where the file does not say it, that of what was booked or stood there at the beginning. */
function currencyOf(
  statement: Element,
  account: Element,
  entries: readonly Element[],
  balances: readonly Element[],
): string {
  const own = find(account, 'Ccy');
  if (own) return currencyIn(own.text.trim(), own.line);
  const opening = balances.find((balance) => kindOf(balance) === 'OPBD') ?? balances[0];
  const amount = find(entries[0] ?? opening, 'Amt');
  if (!amount) {
    throw refuseStatement('STATEMENT_MALFORMED', account.line, `${statement.name} does not say its currency (Ccy)`);
  }
  return currencyIn(amount.attributes['Ccy'] ?? '', amount.line);
}

function readAccount(account: Element): OutsideAccount {
  const number = find(account, 'Id', 'IBAN') ?? find(account, 'Id', 'Othr', 'Id');
  const text = number?.text.replace(/\s/g, '') ?? '';
  if (!number || text === '') {
    throw refuseStatement('STATEMENT_MALFORMED', account.line, 'Acct lacks its number (IBAN or Othr/Id)');
  }
  const bank = find(account, 'Svcr', 'FinInstnId');
  const bankId =
    textAt(bank, 'BICFI') ?? textAt(bank, 'BIC') ?? textAt(bank, 'ClrSysMmbId', 'MmbId') ?? textAt(bank, 'Nm') ?? '';
  // An IBAN names its bank by itself, wherever it is written; other numbers are only good within their bank.
  const iban = isIban(text);
  const identity = iban ? ['iban', text.toUpperCase()] : ['iso20022', bankId, text];
  const name = wordsOf(textAt(bank, 'Nm'), 40) || (iban ? `IBAN ${text.slice(0, 2).toUpperCase()}` : 'Account');
  return { identity, label: `${name} ${maskNumber(text)}`, line: number.line };
}

/** ISO 13616: country, two check digits, and the number; as one number in base 36 it leaves 1 when divided by 97. */
function isIban(text: string): boolean {
  if (!/^[A-Za-z]{2}\d{2}[A-Za-z0-9]{8,30}$/.test(text)) return false;
  const digits = [...text.slice(4), ...text.slice(0, 4)].map((character) => parseInt(character, 36)).join('');
  return BigInt(digits) % 97n === 1n;
}

/** The balances of a kind, earliest first: a statement of several days may have those of each day. */
function inTime(balances: readonly Element[], kind: string): Element[] {
  return balances
    .filter((balance) => kindOf(balance) === kind)
    .map((balance) => ({ balance, at: dateOf(balance)?.getTime() ?? 0 }))
    .sort((a, b) => a.at - b.at)
    .map(({ balance }) => balance);
}

function kindOf(balance: Element): string | null {
  return textAt(balance, 'Tp', 'CdOrPrtry', 'Cd');
}

function dateOf(balance: Element): Date | null {
  const date = find(balance, 'Dt', 'Dt') ?? find(balance, 'Dt', 'DtTm');
  return date ? isoDateIn(date).moment : null;
}

/** What a balance says; one in another currency than the account's is neither compared nor believed. */
function toBalance(balance: Element | undefined, currency: string): ReadBalance | null {
  const amount = find(balance, 'Amt');
  if (!balance || amount?.attributes['Ccy'] !== currency) return null;
  return { amountMinor: signOf(balance) * amountIn(amount, currency, 'PLAIN'), line: amount.line };
}

/** The day of the closing balance, else of the last line, else the end of the period or when the file was made. */
function endOf(
  statement: Element,
  closing: Element | undefined,
  lines: readonly { bookedOn: string }[],
): { asOf: Date; asOfLine: number } {
  const last = lines.map(({ bookedOn }) => bookedOn).sort().at(-1); // prettier-ignore
  const end = (closing && dateOf(closing)) ?? (last ? lastMomentOf(last) : null);
  if (end) return { asOf: end, asOfLine: (closing ?? statement).line };
  const made = find(statement, 'FrToDt', 'ToDtTm') ?? find(statement, 'CreDtTm');
  if (made) return { asOf: isoDateIn(made).moment, asOfLine: made.line };
  throw refuseStatement('STATEMENT_MALFORMED', statement.line, 'Stmt lacks the day it is of (Bal, Ntry or CreDtTm)');
}
