import fc from 'fast-check';
import { formatAmount } from '../platform/money.ts';

/** A statement as a bank would have it, to be written in each format and read back. */
export interface BankStatement {
  currency: string;
  lines: BankLine[];
  openingMinor: bigint;
}

export interface BankLine {
  amountMinor: bigint;
  /** YYYY-MM-DD. */
  bookedOn: string;
  /** One line of printable text without outer blanks. */
  words: string;
}

/** Statements of any of a few currencies (0, 2, 3 decimals), their lines oldest first. */
export const bankStatements: fc.Arbitrary<BankStatement> = fc
  .record({
    currency: fc.constantFrom('USD', 'JPY', 'KWD', 'EUR'),
    openingMinor: fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }),
    lines: fc.array(
      fc.record({
        amountMinor: fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }),
        bookedOn: fc
          .date({ min: new Date('1990-01-01'), max: new Date('2090-12-31'), noInvalidDate: true })
          .map((date) => date.toISOString().slice(0, 10)),
        words: fc
          .string({ unit: 'grapheme-composite', minLength: 1, maxLength: 40 })
          .map((text) =>
            text
              .replace(/[\s\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]+/gu, ' ')
              .trim()
              .normalize('NFC'),
          )
          .filter((text) => text !== ''),
      }),
      { maxLength: 30 },
    ),
  })
  .map((statement) => ({
    ...statement,
    lines: statement.lines.toSorted((a, b) => (a.bookedOn < b.bookedOn ? -1 : a.bookedOn > b.bookedOn ? 1 : 0)),
  }));

/** What stands on the account in the end. */
export function closingMinor({ openingMinor, lines }: BankStatement): bigint {
  return lines.reduce((sum, { amountMinor }) => sum + amountMinor, openingMinor);
}

const escape = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
const compact = (day: string) => day.replaceAll('-', '');
const CLOSING_DAY = '2099-12-31';

/** OFX 1.x as many banks write it: values without closing tags. */
export function renderOfxSgml(statement: BankStatement): string {
  const { currency, lines } = statement;
  const written = lines.map(
    ({ amountMinor, bookedOn, words }, n) =>
      `<STMTTRN>\n<TRNTYPE>OTHER\n<DTPOSTED>${compact(bookedOn)}120000\n<TRNAMT>${formatAmount(amountMinor, currency)}\n<FITID>F${n}\n<NAME>${escape(words)}\n</STMTTRN>\n`,
  );
  return `OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\n\n<OFX>\n<BANKMSGSRSV1>\n<STMTTRNRS>\n<STMTRS>\n<CURDEF>${currency}\n<BANKACCTFROM>\n<BANKID>1\n<ACCTID>2\n<ACCTTYPE>CHECKING\n</BANKACCTFROM>\n<BANKTRANLIST>\n${written.join('')}</BANKTRANLIST>\n<LEDGERBAL>\n<BALAMT>${formatAmount(closingMinor(statement), currency)}\n<DTASOF>${compact(CLOSING_DAY)}\n</LEDGERBAL>\n</STMTRS>\n</STMTTRNRS>\n</BANKMSGSRSV1>\n</OFX>\n`;
}

/** OFX 2.x: the same elements as XML. */
export function renderOfxXml(statement: BankStatement): string {
  const sgml = renderOfxSgml(statement);
  const body = sgml.slice(sgml.indexOf('<OFX>')).replace(/^<([A-Z]+)>(.+)$/gm, '<$1>$2</$1>');
  return `<?xml version="1.0"?>\n<?OFX OFXHEADER="200" VERSION="220"?>\n${body}`;
}

/** CAMT.053 with both balances. */
export function renderCamt053(statement: BankStatement): string {
  const { currency, lines, openingMinor } = statement;
  const amount = (minor: bigint) =>
    `<Amt Ccy="${currency}">${formatAmount(minor < 0n ? -minor : minor, currency)}</Amt><CdtDbtInd>${minor < 0n ? 'DBIT' : 'CRDT'}</CdtDbtInd>`;
  const balance = (kind: string, minor: bigint) =>
    `<Bal><Tp><CdOrPrtry><Cd>${kind}</Cd></CdOrPrtry></Tp>${amount(minor)}<Dt><Dt>${CLOSING_DAY}</Dt></Dt></Bal>`;
  const entries = lines.map(
    ({ amountMinor, bookedOn, words }) =>
      `<Ntry>${amount(amountMinor)}<Sts>BOOK</Sts><BookgDt><Dt>${bookedOn}</Dt></BookgDt><AddtlNtryInf>${escape(words)}</AddtlNtryInf></Ntry>\n`,
  );
  return `<?xml version="1.0"?>\n<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><Stmt><CreDtTm>2099-12-31T06:00:00Z</CreDtTm><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>${currency}</Ccy></Acct>${balance('OPBD', openingMinor)}${balance('CLBD', closingMinor(statement))}\n${entries.join('')}</Stmt></BkToCstmrStmt></Document>\n`;
}
