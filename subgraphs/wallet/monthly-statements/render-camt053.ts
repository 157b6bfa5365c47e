import type { StatementLine } from '../../../ledger/statement.ts';
import { codedError } from '../../../platform/graph-errors.ts';
import { formatAmount, isAsset, scaleOf } from '../../../platform/money.ts';
import { amountOf, directionOf, toEntry, words } from './camt053-lines.ts';
import type { MonthlyStatementParent } from './find-statement.ts';
import { justBefore } from './month.ts';
import { toXml, type XmlElement } from './write-xml.ts';

/* The statement as ISO 20022 camt.053.001.08. The order of elements is the standard's (AccountStatement9). */

const NAMESPACE = 'urn:iso:std:iso:20022:tech:xsd:camt.053.001.08';
const BANK = 'DwayBank';
/** ActiveOrHistoricCurrencyAndAmount: a currency of ISO 4217, at most five decimals, at most 18 digits. */
const MOST_DECIMALS = 5;
const MOST_MINOR = 10n ** 18n - 1n;

/** Refuses what the standard has no place for: assets, and sums of more than 18 digits. */
export function requireCamt053({ account, ...sums }: MonthlyStatementParent): void {
  const { currency } = account;
  const largest = [sums.openingMinor, sums.closingMinor, sums.inMinor, sums.outMinor, sums.inMinor - sums.outMinor];
  if (!isAsset(currency) && scaleOf(currency) <= MOST_DECIMALS && largest.every(fits)) return;
  throw codedError('STATEMENT_NOT_IN_CAMT053', 'CAMT.053 has no place for such amounts. Take JSON or CSV.');
}

const fits = (minor: bigint): boolean => (minor < 0n ? -minor : minor) <= MOST_MINOR;

/**
 * Writes the statement. Of a month that is over it is the same text each time: its moment is the end of the month. Entries are written page
 * by page, so that never more than a page of them stands in memory as elements.
 */
export async function renderCamt053(
  statement: MonthlyStatementParent,
  accountName: string,
  pages: AsyncIterable<StatementLine[]>,
): Promise<string> {
  const parts = [
    `<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="${NAMESPACE}"><BkToCstmrStmt>`,
    toXml({ GrpHdr: { MsgId: idOf(statement), CreDtTm: statement.told.toISOString() } }),
    '<Stmt>',
    toXml(headOf(statement, accountName)),
  ];
  for await (const page of pages) parts.push(toXml({ Ntry: page.map(toEntry) }));
  parts.push('</Stmt></BkToCstmrStmt></Document>\n');
  return parts.join('');
}

function headOf(statement: MonthlyStatementParent, accountName: string): XmlElement {
  const { account, from, to, told, preliminary, openingMinor, closingMinor } = statement;
  const { currency } = account;
  // Both ends of a period belong to it.
  const end = preliminary ? told : justBefore(to);
  return {
    Id: idOf(statement),
    CreDtTm: told.toISOString(),
    FrToDt: { FrDtTm: from.toISOString(), ToDtTm: end.toISOString() },
    Acct: {
      Id: { Othr: { Id: account.id.replaceAll('-', '') } },
      Ccy: currency,
      Nm: words(accountName, 70),
      Svcr: { FinInstnId: { Nm: BANK } },
    },
    Bal: [
      { ...balanceOf('OPBD', openingMinor, currency), Dt: { Dt: dayOf(from) } },
      // CLBD is for a period that is over; of the one under way this is the booked balance so far.
      {
        ...balanceOf(preliminary ? 'ITBD' : 'CLBD', closingMinor, currency),
        Dt: preliminary ? { DtTm: end.toISOString() } : { Dt: dayOf(end) },
      },
    ],
    TxsSummry: summaryOf(statement),
  };
}

function balanceOf(code: string, minor: bigint, currency: string): XmlElement {
  return { Tp: { CdOrPrtry: { Cd: code } }, ...amountOf(minor, currency) };
}

function summaryOf({ account: { currency }, lineCount, inMinor, outMinor }: MonthlyStatementParent): XmlElement {
  const net = inMinor + outMinor;
  const size = (minor: bigint) => formatAmount(minor < 0n ? -minor : minor, currency);
  return {
    TtlNtries: {
      NbOfNtries: String(lineCount),
      Sum: size(inMinor - outMinor),
      TtlNetNtry: { Amt: size(net), CdtDbtInd: directionOf(net) },
    },
    TtlCdtNtries: { Sum: size(inMinor) },
    TtlDbtNtries: { Sum: size(outMinor) },
  };
}

/**
 * At most 35 characters, the same for the same statement: the account, the month, and while that is not its end the second up to which
 * it tells, because messages that say different things have different names.
 */
function idOf({ account, month, preliminary, told, from }: MonthlyStatementParent): string {
  const number = Buffer.from(account.id.replaceAll('-', ''), 'hex').toString('base64url');
  const second = Math.floor((told.getTime() - from.getTime()) / 1000).toString(36);
  return `${number}.${month.replace('-', '')}${preliminary ? `.${second}` : ''}`;
}

const dayOf = (moment: Date): string => moment.toISOString().slice(0, 10);
