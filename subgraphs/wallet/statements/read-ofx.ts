import { find, findAll, textAt, type Element } from '../../../platform/xml-element.ts';
import { refuseStatement, type OutsideAccount, type ReadLine, type ReadStatement } from './statement.ts';
import {
  amountIn,
  currencyIn,
  lastMomentOf,
  maskNumber,
  merchantCategoryOf,
  ofxDateIn,
  quote,
  wordsOf,
} from './values.ts';

/*
 * OFX 1.x and 2.x, bank and credit card statements (STMTRS, CCSTMTRS). What is booked counts: pending lines stand in lists
 * of their own (BANKTRANLISTP) and are not read. The available balance (AVAILBAL) contains a credit line and is not read either.
 */

const KINDS = [
  { path: ['BANKMSGSRSV1', 'STMTTRNRS', 'STMTRS'], account: 'BANKACCTFROM' },
  { path: ['CREDITCARDMSGSRSV1', 'CCSTMTTRNRS', 'CCSTMTRS'], account: 'CCACCTFROM' },
] as const;

const MAX_DESCRIPTION = 500;
const MAX_NAME = 140;

/** The statements of an OFX file, as they stand in it. */
export function readOfx(root: Element): ReadStatement[] {
  const institution = textAt(root, 'SIGNONMSGSRSV1', 'SONRS', 'FI', 'FID') ?? '';
  const statements = KINDS.flatMap(({ path, account }) =>
    findAll(root, ...path).map((element) => readStatement(element, account, institution)),
  );
  if (statements.length > 0) return statements;
  const investments = find(root, 'INVSTMTMSGSRSV1');
  const reason = investments
    ? 'investments (INVSTMTMSGSRSV1) are not read, and there is no statement of a bank account or credit card'
    : 'there is no statement in this OFX file (STMTRS or CCSTMTRS)';
  throw refuseStatement('STATEMENT_EMPTY', investments?.line ?? root.line, reason);
}

function readStatement(
  statement: Element,
  accountName: 'BANKACCTFROM' | 'CCACCTFROM',
  institution: string,
): ReadStatement {
  const code = required(statement, 'CURDEF', 'its currency');
  const currency = currencyIn(code.text.trim().toUpperCase(), code.line);
  const account = readAccount(required(statement, accountName, 'its account'), institution);
  const list = find(statement, 'BANKTRANLIST');
  const lines = list ? findAll(list, 'STMTTRN').map((line) => readLine(line, currency)) : [];
  const balance = find(statement, 'LEDGERBAL');
  const amount = balance && required(balance, 'BALAMT', 'its amount');
  return {
    account,
    currency,
    lines,
    opening: null,
    closing: amount ? { amountMinor: amountIn(amount, currency, 'COMMA'), line: amount.line } : null,
    ...endOf(statement, lines),
  };
}

/** When the balance stood, else the end of the list, else the last line. */
function endOf(statement: Element, lines: readonly ReadLine[]): { asOf: Date; asOfLine: number } {
  const end = valueIn(statement, 'LEDGERBAL', 'DTASOF') ?? valueIn(statement, 'BANKTRANLIST', 'DTEND');
  if (end) return { asOf: ofxDateIn(end).moment, asOfLine: end.line };
  const last = lines.map(({ bookedOn }) => bookedOn).sort().at(-1); // prettier-ignore
  if (!last) {
    throw refuseStatement('STATEMENT_EMPTY', statement.line, 'the statement has no line, no balance and no date');
  }
  return { asOf: lastMomentOf(last), asOfLine: statement.line };
}

function readAccount(account: Element, institution: string): OutsideAccount {
  const number = required(account, 'ACCTID', 'its number');
  const numberText = number.text.trim();
  const part = (name: string) => textAt(account, name) ?? '';
  if (account.name === 'CCACCTFROM') {
    // A card's number names no bank, and banks mask it: two banks' cards may look the same.
    const identity = ['ofx-card', institution, numberText, part('ACCTKEY')];
    return { identity, label: `Credit card ${maskNumber(numberText)}`, line: number.line };
  }
  // Banks give one number to a checking and a savings account; the kind tells them apart.
  const identity = ['ofx-bank', part('BANKID'), part('BRANCHID'), numberText, part('ACCTTYPE').toUpperCase()];
  const bank = wordsOf(part('BANKID'), 40) || 'Account';
  return { identity, label: `${bank} ${maskNumber(numberText)}`, line: number.line };
}

function readLine(line: Element, accountCurrency: string): ReadLine {
  // With CURRENCY the amount is in that currency; with ORIGCURRENCY it has been converted to the account's.
  const foreign = valueIn(line, 'CURRENCY', 'CURSYM');
  if (foreign && foreign.text.trim().toUpperCase() !== accountCurrency) {
    const reason = `the amount is in ${quote(foreign.text.trim())}, the account in ${accountCurrency}`;
    throw refuseStatement('STATEMENT_SEVERAL_CURRENCIES', foreign.line, reason);
  }
  const correction = valueIn(line, 'CORRECTFITID');
  if (correction) {
    const reason = 'it takes back or replaces an earlier line (CORRECTFITID), which is not read';
    throw refuseStatement('STATEMENT_MALFORMED', correction.line, reason);
  }
  const amountMinor = amountIn(required(line, 'TRNAMT', 'its amount'), accountCurrency, 'COMMA');
  const booked = required(line, 'DTPOSTED', 'the day it was booked');
  const bookedOn = ofxDateIn(booked).day;
  const name = wordsOf(textAt(line, 'PAYEE', 'NAME') ?? textAt(line, 'NAME'), MAX_NAME);
  const memo = wordsOf(textAt(line, 'MEMO'), MAX_DESCRIPTION);
  const id = textAt(line, 'FITID');
  // Some banks begin their FITIDs anew each year or give one to two lines: with day and amount it tells lines apart all the same.
  const known = [bookedOn, String(amountMinor)];
  return {
    line: booked.line,
    key: id ? ['fitid', id, ...known] : ['words', ...known, name, memo, textAt(line, 'CHECKNUM') ?? ''],
    unique: id !== null,
    amountMinor,
    description: describe(name, memo) || kindOf(line),
    counterparty: name || null,
    bookedOn,
    // The Standard Industrial Code of OFX is where banks put the merchant category code, which grew out of it.
    merchantCategory: merchantCategoryOf(textAt(line, 'SIC')),
  };
}

/** Name and memo in one; often one of them begins or repeats the other. */
function describe(name: string, memo: string): string {
  if (memo.includes(name)) return memo;
  return name.includes(memo) ? name : `${name}; ${memo}`;
}

/** The kind of a line that has neither name nor memo: "Check 319". */
function kindOf(line: Element): string {
  const kind = (wordsOf(textAt(line, 'TRNTYPE'), 32) || 'OTHER').toLowerCase();
  return `${kind.charAt(0).toUpperCase()}${kind.slice(1)} ${wordsOf(textAt(line, 'CHECKNUM'), 32)}`.trim();
}

/** The element at the end of a path, when it says something. */
function valueIn(element: Element, ...path: string[]): Element | undefined {
  const found = find(element, ...path);
  return found && found.text.trim() !== '' ? found : undefined;
}

/** A child that must be there and say something. */
function required(parent: Element, name: string, what: string): Element {
  const child = find(parent, name);
  if (!child) throw refuseStatement('STATEMENT_MALFORMED', parent.line, `${parent.name} lacks ${what} (${name})`);
  if (child.text.trim() === '' && child.children.length === 0) {
    throw refuseStatement('STATEMENT_MALFORMED', child.line, `${parent.name} lacks ${what} (${name} is empty)`);
  }
  return child;
}
