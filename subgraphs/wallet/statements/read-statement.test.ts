import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Refusal } from '../../../platform/refusal.ts';
import { statementSample } from '../../../tests/payment-methods.ts';
import {
  bankStatements,
  closingMinor,
  renderCamt053,
  renderOfxSgml,
  renderOfxXml,
} from '../../../tests/render-statement.ts';
import { MAX_LINES } from './check-statement.ts';
import { MAX_STATEMENT_BYTES, readStatement as readStatementAt } from './read-statement.ts';

/** Later than whatever the samples and the generated statements tell. */
const LATER = new Date('2100-01-01T00:00:00Z');
const readStatement = (file: string) => readStatementAt(file, LATER);

/** The refusal of a file: code and what the customer reads. */
async function refusalOf(file: string): Promise<{ code: string; message: string }> {
  const error: unknown = await readStatement(file).then(
    () => new Error('the file was read'),
    (refused: unknown) => refused,
  );
  if (!(error instanceof Refusal)) throw error as Error;
  const { code, field, message } = error as Refusal;
  expect(field).toEqual(['statement']);
  return { code, message };
}

const CHECKING = statementSample('checking.ofx');
const CAMT = statementSample('statement.camt053.xml');

/** What of a line does not depend on how identities are made. */
const shown = ({ lines }: Awaited<ReturnType<typeof readStatement>>) =>
  lines.map(({ amountMinor, description, counterparty, bookedOn, merchantCategory }) => [
    bookedOn,
    amountMinor,
    description,
    counterparty,
    merchantCategory,
  ]);

describe('a statement is read', () => {
  test('from OFX in its SGML form', async () => {
    const statement = await readStatement(CHECKING);
    expect(statement).toMatchObject({
      account: { label: '011000015 ... 6789', line: 37 },
      currency: 'USD',
      balanceMinor: 193010n,
      asOf: new Date('2026-02-28T23:59:59Z'),
    });
    expect(shown(statement)).toEqual([
      ['2026-02-02', 245000n, 'NORTHWIND PAYROLL; Salary February', 'NORTHWIND PAYROLL', null],
      ['2026-02-05', -1250n, 'CAFE & CO', 'CAFE & CO', '5812'],
      ['2026-02-09', -80000n, 'Check 319', null, null],
      ['2026-02-09', -725n, 'CORNER GROCERY 17 MAIN ST', 'CORNER GROCERY', null],
      ['2026-02-09', -725n, 'CORNER GROCERY 17 MAIN ST', 'CORNER GROCERY', null],
    ]);
  });

  test('from OFX as XML, of a credit card, newest line first', async () => {
    const statement = await readStatement(statementSample('credit-card.ofx2.xml'));
    expect(statement).toMatchObject({
      account: { label: 'Credit card ... 5100' },
      currency: 'EUR',
      balanceMinor: -5998n,
      asOf: new Date('2026-04-01T07:00:00Z'),
    });
    expect(shown(statement)).toEqual([
      ['2026-03-03', 15000n, 'Payment & thanks', 'Payment & thanks', null],
      ['2026-03-31', -999n, 'Streaming Ltd; Monthly plan <standard>', 'Streaming Ltd', null],
    ]);
  });

  test('from CAMT.053: booked entries only, a batch as its payments, a reversal with its own direction', async () => {
    const statement = await readStatement(CAMT);
    expect(statement).toMatchObject({
      account: { label: 'Musterbank ... 3000', line: 10 },
      currency: 'EUR',
      balanceMinor: -2850n,
      asOf: new Date('2026-02-28T23:59:59.999Z'),
    });
    expect(shown(statement)).toEqual([
      ['2026-02-03', -300n, 'Coffee', null, null],
      ['2026-02-03', -300n, 'Coffee', null, null],
      ['2026-02-10', -9000n, 'Strom Februar', 'Stadtwerke', null],
      ['2026-02-10', -5000n, 'Beitrag', 'Sportverein', null],
      ['2026-02-12', 1750n, 'Rückgabe', 'Buchladen', '5942'],
    ]);
  });

  test.each(['02', '03', '04', '05', '06', '07', '08', '09', '10', '11', '12', '13'])(
    'from version 001.%s of CAMT.053, with a status of either form',
    async (version) => {
      const file = CAMT.replace('camt.053.001.08', `camt.053.001.${version}`);
      const read = await readStatement(file);
      expect(read).toEqual(await readStatement(CAMT));
      expect(await readStatement(file.replace(/<Sts><Cd>(\w+)<\/Cd><\/Sts>/g, '<Sts>$1</Sts>'))).toEqual(read);
    },
  );

  test('from CAMT.053 whose elements have a prefix', async () => {
    const prefixed = CAMT.replace('xmlns=', 'xmlns:c=').replace(/<(\/?)([A-Z])/g, '<$1c:$2');
    expect(await readStatement(prefixed)).toEqual(await readStatement(CAMT));
  });

  test.each(['\n\n', '\uFEFF', '\r\n \r\n\t'])('after %j', async (before) => {
    for (const file of [CHECKING, statementSample('credit-card.ofx2.xml'), CAMT]) {
      expect(shown(await readStatement(before + file))).toEqual(shown(await readStatement(file)));
    }
  });

  test('with line ends of every kind, which are all counted', async () => {
    const broken = CHECKING.replace('-800\n', '-800 dollars\n');
    for (const end of ['\n', '\r\n', '\r']) {
      expect(await readStatement(CHECKING.replaceAll('\n', end))).toEqual(await readStatement(CHECKING));
      expect((await refusalOf(broken.replaceAll('\n', end))).message).toMatch(/^Line 62: "-800 dollars"/);
    }
  });
});

describe('OFX as banks write it', () => {
  const read = async (change: (text: string) => string) => {
    const changed = change(CHECKING);
    expect(changed).not.toBe(CHECKING);
    return shown(await readStatement(changed));
  };
  const usual = async () => shown(await readStatement(CHECKING));

  test.each<[string, (text: string) => string]>([
    ['without a header', (text) => text.slice(text.indexOf('<OFX>'))],
    ['with its header on one line', (text) => text.replace(/^[\s\S]*?\n\n/, (header) => header.replaceAll('\n', ' '))],
    ['with closing tags for every value', (text) => text.replace(/^<([A-Z]+)>(.+)$/gm, '<$1>$2</$1>')],
    ['with closing tags for some values', (text) => text.replace(/^<(FITID|NAME)>(.+)$/gm, '<$1>$2</$1>')],
    ['all on one line', (text) => text.replace(/\n(?=<)/g, '')],
    ['in small letters', (text) => text.replace(/<\/?[A-Z]+\d?>/g, (tag) => tag.toLowerCase())],
    ['with empty values left open', (text) => text.replaceAll('<FITID>', '<EXTDNAME>\n<PAYEEID>\n<FITID>')],
    ['with empty values closed', (text) => text.replaceAll('<FITID>', '<EXTDNAME></EXTDNAME><PAYEEID/>\n<FITID>')],
    ['with tags of its own', (text) => text.replaceAll('<FITID>', '<BANK.EXTRA>17\n<X.Y><Z>1<Q>2</X.Y>\n<FITID>')],
    ['with comments', (text) => text.replaceAll('<FITID>', '<!-- <TRNAMT>7 -->\n<FITID>')],
    ['with values as CDATA', (text) => text.replace('<NAME>CAFE &amp; CO', '<NAME><![CDATA[CAFE & CO]]>')],
    ['with a bare ampersand', (text) => text.replace('CAFE &amp; CO', 'CAFE & CO')],
    ['with characters by number', (text) => text.replace('CAFE &amp; CO', '&#67;AF&#x45; &#38; CO')],
    [
      'with a list of pending lines',
      (text) => text.replace('<LEDGERBAL>', '<BANKTRANLISTP><STMTTRNP><TRNAMT>5</STMTTRNP></BANKTRANLISTP><LEDGERBAL>'),
    ],
    ['with signs and commas', (text) => text.replace('2450.00', '+2450,0000').replace('-7.25', '-07,25')],
    [
      'with its statement in two parts',
      (text) =>
        text.replace(
          /<STMTTRN>\n<TRNTYPE>CHECK/,
          '</BANKTRANLIST></STMTRS></STMTTRNRS><STMTTRNRS><STMTRS><CURDEF>USD<BANKACCTFROM><BANKID>011000015<ACCTID>000123456789<ACCTTYPE>CHECKING</BANKACCTFROM><BANKTRANLIST>$&',
        ),
    ],
    [
      'with a line told twice',
      (text) => text.replace('</BANKTRANLIST>', `${/<STMTTRN>[\s\S]*?<\/STMTTRN>/.exec(text)![0]}</BANKTRANLIST>`),
    ],
  ])('%s is the same statement', async (_what, change) => {
    expect(await read(change)).toEqual(await usual());
  });

  test('a name that contains "<" is kept as it is', async () => {
    const lines = await read((text) => text.replace('CAFE &amp; CO', 'A < B <3 C&D; &bogus;'));
    expect(lines[1]![2]).toBe('A < B <3 C&D; &bogus;');
  });

  test('lines without FITID are told apart by what they say, and two that say the same are two', async () => {
    const bare = CHECKING.replace(/^<FITID>.*\n/gm, '');
    const { lines } = await readStatement(bare);
    expect(shown({ ...(await readStatement(CHECKING)), lines })).toEqual(await usual());
    expect(new Set(lines.map(({ identity }) => identity)).size).toBe(5);
    expect((await readStatement(bare)).lines).toEqual(lines);
  });

  test('words that grow when they are composed stay as short as they may be', async () => {
    const bank = '\uFB2C'.repeat(60);
    const { account } = await readStatement(CHECKING.replace('011000015', bank).replace('000123456789', bank));
    expect(account.label.length).toBeLessThanOrEqual(80);
  });

  test('a FITID that is given to two lines leaves them two', async () => {
    const { lines } = await readStatement(CHECKING.replace(/<FITID>.*$/gm, '<FITID>0'));
    // The last two share day and amount as well: there is nothing left to tell them apart.
    expect(lines.map(({ amountMinor }) => amountMinor)).toEqual([245000n, -1250n, -80000n, -725n]);
  });

  test('a statement without a line is one, with its balance', async () => {
    const file = CHECKING.replace(/<STMTTRN>[\s\S]*<\/STMTTRN>\n/, '');
    expect(await readStatement(file)).toMatchObject({ lines: [], balanceMinor: 193010n });
  });
});

describe('CAMT.053 as banks write it', () => {
  test('a batch whose amounts do not make up the entry is one line', async () => {
    const statement = await readStatement(CAMT.replace('<Amt Ccy="EUR">90.00</Amt>', '<Amt Ccy="EUR">89.00</Amt>'));
    expect(shown(statement)[2]).toEqual(['2026-02-10', -14000n, 'Debit', null, null]);
    expect(statement.lines).toHaveLength(4);
  });

  test('a balance in another currency is neither compared nor believed', async () => {
    const file = CAMT.replace('<Amt Ccy="EUR">28.50</Amt>', '<Amt Ccy="SEK">1.00</Amt>');
    expect(await readStatement(file)).toMatchObject({ currency: 'EUR', balanceMinor: null });
  });

  test('of the balances of several days the first and the last count', async () => {
    const between = (kind: string) =>
      `<Bal><Tp><CdOrPrtry><Cd>${kind}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">94.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-02-03</Dt></Dt></Bal>`;
    const file = CAMT.replace('<Bal>', `${between('CLBD')}${between('OPBD')}<Bal>`);
    expect(await readStatement(file)).toEqual(await readStatement(CAMT));
  });

  test('the closing balance of the statement before is an opening balance', async () => {
    const file = CAMT.replace('OPBD', 'PRCD');
    expect(await readStatement(file)).toEqual(await readStatement(CAMT));
    expect((await refusalOf(file.replace('100.00', '100.01'))).code).toBe('STATEMENT_BALANCE_MISMATCH');
  });

  test('an account that does not say its currency has that of its entries', async () => {
    expect(await readStatement(CAMT.replace('<Ccy>EUR</Ccy>', ''))).toEqual(await readStatement(CAMT));
  });

  test('an IBAN names the same account wherever it is written', async () => {
    const other = CAMT.replace(
      '<IBAN>DE89370400440532013000</IBAN>',
      '<Othr><Id>DE89 3704 0044 0532 0130 00</Id></Othr>',
    );
    expect((await readStatement(other)).account.identity).toEqual((await readStatement(CAMT)).account.identity);
  });

  test('the name of the other end is that of who paid, or was paid, also when it comes back', async () => {
    const [, , , , reversal] = shown(await readStatement(CAMT));
    expect(reversal![3]).toBe('Buchladen');
    const paid = CAMT.replace('<RvslInd>true</RvslInd>', '<RvslInd>false</RvslInd>');
    expect(shown(await readStatement(paid))[4]![3]).toBe('Me');
  });

  test('a reference that stands for "none" tells no lines apart', async () => {
    const file = CAMT.replaceAll('<AddtlNtryInf>Coffee', '<AcctSvcrRef>NONREF</AcctSvcrRef><AddtlNtryInf>Coffee');
    expect((await readStatement(file)).lines).toEqual((await readStatement(CAMT)).lines);
  });
});

describe('a file is refused, with its line and the reason', () => {
  test.each([
    ['blank.ofx', 'STATEMENT_EMPTY', null, ''],
    ['no-statement.ofx', 'STATEMENT_EMPTY', 5, 'no statement'],
    ['no-statement.camt053.xml', 'STATEMENT_EMPTY', 3, 'no statement'],
    ['investments.ofx', 'STATEMENT_EMPTY', 2, 'investments'],
    ['statement.mt940', 'STATEMENT_UNKNOWN_FORMAT', 1, 'OFX (1.x and 2.x) and ISO 20022 CAMT.053 are read'],
    ['payment.pain001.xml', 'STATEMENT_UNKNOWN_FORMAT', 2, 'pain.001'],
    ['five-decimals.ofx', 'TOO_MANY_DECIMALS', 19, 'the amount -1.23456 has more decimals than USD has'],
    ['five-decimals.camt053.xml', 'TOO_MANY_DECIMALS', 15, '5.00001'],
    ['dollar-sign.ofx', 'INVALID_AMOUNT', 19, '"$120"'],
    ['grouped-amount.ofx', 'INVALID_AMOUNT', 19, '"1,234.50"'],
    ['negative-amount.camt053.xml', 'INVALID_AMOUNT', 15, '"-5.00"'],
    ['huge-amount.ofx', 'AMOUNT_TOO_LARGE', 19, 'too large'],
    ['missing-amount.ofx', 'STATEMENT_MALFORMED', 19, 'TRNAMT is empty'],
    ['missing-date.ofx', 'STATEMENT_MALFORMED', 16, 'DTPOSTED'],
    ['no-date.camt053.xml', 'STATEMENT_MALFORMED', 14, 'BookgDt'],
    ['impossible-date.ofx', 'STATEMENT_MALFORMED', 18, '"20260230"'],
    ['impossible-date.camt053.xml', 'STATEMENT_MALFORMED', 18, '"2026-02-30"'],
    ['no-direction.camt053.xml', 'STATEMENT_MALFORMED', 16, 'CdtDbtInd'],
    ['no-status.camt053.xml', 'STATEMENT_MALFORMED', 14, 'Sts'],
    ['no-account.camt053.xml', 'STATEMENT_MALFORMED', 8, 'IBAN'],
    ['unclosed-line.ofx', 'STATEMENT_MALFORMED', 22, 'STMTTRN of line 16 is not closed'],
    ['cut-off.ofx', 'STATEMENT_MALFORMED', 20, 'the file ends before </OFX>'],
    ['cut-off.camt053.xml', 'STATEMENT_MALFORMED', 17, 'not well-formed XML'],
    ['not-well-formed.camt053.xml', 'STATEMENT_MALFORMED', 19, 'not well-formed XML'],
    ['doctype.camt053.xml', 'STATEMENT_MALFORMED', 5, 'DOCTYPE'],
    ['unknown-entity.camt053.xml', 'STATEMENT_MALFORMED', 19, 'undefined entity'],
    ['correction.ofx', 'STATEMENT_MALFORMED', 22, 'CORRECTFITID'],
    ['unknown-currency.ofx', 'UNSUPPORTED_CURRENCY', 9, '"XXX"'],
    ['two-accounts.ofx', 'STATEMENT_SEVERAL_ACCOUNTS', 31, 'line 12'],
    ['foreign-line.ofx', 'STATEMENT_SEVERAL_CURRENCIES', 24, '"EUR", the account in USD'],
    ['foreign-line.camt053.xml', 'STATEMENT_SEVERAL_CURRENCIES', 15, '"SEK", the account in EUR'],
    ['does-not-add-up.camt053.xml', 'STATEMENT_BALANCE_MISMATCH', 13, 'make 95.00 EUR'],
  ] as const)('%s: %s', async (name, code, line, reason) => {
    const refusal = await refusalOf(statementSample(`refused/${name}`));
    expect(refusal.code).toBe(code);
    if (line === null) return;
    expect(refusal.message).toMatch(new RegExp(`^Line ${line}: .+[^.]\\.$`));
    expect(refusal.message).toContain(reason);
  });

  test('and no sample of a refusal is forgotten here', () => {
    const source = readFileSync('subgraphs/wallet/statements/read-statement.test.ts', 'utf8');
    const unnamed = readdirSync('tests/samples/statements/refused').filter((name) => !source.includes(`['${name}'`));
    expect(unnamed).toEqual([]);
  });

  test.each([
    [
      'the balance of a file of OFX',
      CHECKING,
      '2026-02-18',
      /^Line \d+: the statement is of 2026-02-28, more than 10 days ahead\.$/,
    ],
    [
      'the balance of a file of CAMT.053',
      CAMT,
      '2026-02-18',
      /^Line \d+: the statement is of 2026-02-28, more than 10 /,
    ],
    [
      'a line of a file of OFX',
      CHECKING,
      '2026-01-30',
      /^Line \d+: the line is booked on 2026-02-09, more than 10 days/,
    ],
    ['a line of a file of CAMT.053', CAMT, '2026-02-02', /^Line \d+: the line is booked on 2026-02-12, more than 10 /],
  ])('%s dated far ahead, and not once it is near', async (_what, file, nearFrom, message) => {
    const near = new Date(`${nearFrom}T12:00:00Z`);
    const dayBefore = new Date(near.getTime() - 24 * 60 * 60 * 1000);
    await expect(readStatementAt(file, dayBefore)).rejects.toMatchObject({
      code: 'STATEMENT_MALFORMED',
      message: expect.stringMatching(message) as unknown,
    });
    await expect(
      readStatementAt(file, near).then(
        () => 'read',
        (error: Error) => error.message,
      ),
    ).resolves.not.toMatch(message);
  });

  test('cut off anywhere', async () => {
    for (const file of [CHECKING, CAMT]) {
      for (let n = 1; n < 60; n++) {
        const { code } = await refusalOf(file.slice(0, Math.floor((file.trimEnd().length * n) / 60)));
        expect(['STATEMENT_MALFORMED', 'STATEMENT_UNKNOWN_FORMAT']).toContain(code);
      }
    }
  });

  test('one byte over 768 KiB of UTF-8, and not one byte earlier', async () => {
    const padTo = (bytes: number) => {
      // Two bytes in UTF-8, one unit in JavaScript: bytes are what counts.
      const padding = bytes - Buffer.byteLength(CHECKING);
      return CHECKING + 'é'.repeat(Math.floor(padding / 2)) + ' '.repeat(padding % 2);
    };
    expect(Buffer.byteLength(padTo(MAX_STATEMENT_BYTES))).toBe(786_432);
    expect((await readStatement(padTo(MAX_STATEMENT_BYTES))).lines).toHaveLength(5);
    expect(await refusalOf(padTo(MAX_STATEMENT_BYTES + 1))).toEqual({
      code: 'STATEMENT_TOO_LARGE',
      message: 'The file has 786433 bytes, at most 786432 are read.',
    });
  });

  test('more lines than are read at once', async () => {
    const line = (n: number) => `<STMTTRN><DTPOSTED>20260101<TRNAMT>1<FITID>${n}</STMTTRN>`;
    const file = (count: number) =>
      CHECKING.replace(/<STMTTRN>[\s\S]*<\/STMTTRN>\n/, Array.from({ length: count }, (_, n) => line(n)).join('\n'));
    expect((await readStatement(file(MAX_LINES))).lines).toHaveLength(MAX_LINES);
    expect((await refusalOf(file(MAX_LINES + 1))).code).toBe('STATEMENT_TOO_MANY_LINES');
  });
});

describe('whatever a bank writes', () => {
  test.each([
    ['OFX, SGML', renderOfxSgml],
    ['OFX, XML', renderOfxXml],
    ['CAMT.053', renderCamt053],
  ])('is read back exactly (%s)', async (_format, render) => {
    await fc.assert(
      fc.asyncProperty(bankStatements, async (bank) => {
        const statement = await readStatement(render(bank));
        expect(statement.currency).toBe(bank.currency);
        expect(statement.balanceMinor).toBe(closingMinor(bank));
        expect(
          statement.lines.map(({ amountMinor, bookedOn, description }) => [amountMinor, bookedOn, description]),
        ).toEqual(bank.lines.map(({ amountMinor, bookedOn, words }) => [amountMinor, bookedOn, words]));
        expect(new Set(statement.lines.map(({ identity }) => identity)).size).toBe(bank.lines.length);
      }),
      { numRuns: 150 },
    );
  });

  test('a CAMT.053 file that is off by anything does not add up', async () => {
    await fc.assert(
      fc.asyncProperty(
        bankStatements.filter(({ lines }) => lines.length > 0),
        fc.bigInt({ min: 1n, max: 10n ** 6n }),
        async (bank, off) => {
          const file = renderCamt053({ ...bank, openingMinor: bank.openingMinor + off });
          const opening = renderCamt053(bank);
          const [wrong] = file.split('<Bal>').slice(1);
          const refusal = await refusalOf(opening.replace(/<Bal>[\s\S]*?(?=<Bal>)/, () => `<Bal>${wrong!}`));
          expect(refusal.code).toBe('STATEMENT_BALANCE_MISMATCH');
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('hostile files of 768 KiB', () => {
  const fill = (head: string, unit: string, tail = '') => {
    const room = MAX_STATEMENT_BYTES - Buffer.byteLength(head) - Buffer.byteLength(tail);
    return head + unit.repeat(Math.floor(room / Buffer.byteLength(unit))) + tail;
  };
  const INSIDE = CHECKING.slice(0, CHECKING.indexOf('<STMTTRN>'));
  const END = '</BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>';
  const numbered = (head: string, unit: (n: number) => string, tail: string) =>
    head + Array.from({ length: 40_000 }, (_, n) => unit(n)).join('') + tail;

  test.each([
    ['opening tags', fill('<OFX>', '<A>')],
    ['opening tags with values', fill(INSIDE, '<A>x', END)],
    ['empty elements', fill(INSIDE, '<A></A>', END)],
    [
      'elements inside thirty open ones',
      fill(INSIDE + Array.from({ length: 30 }, (_, n) => `<Z${n}>`).join(''), '<B></B>', END),
    ],
    ['closing tags', fill(INSIDE, '</Q>', END)],
    ['signs that open a tag', fill(`${INSIDE}<STMTTRN><NAME>x`, '<')],
    ['tags that never end', fill(`${INSIDE}<STMTTRN><NAME>x`, '<STMTTRN ')],
    ['blanks in a tag', fill('<OFX', ' ')],
    ['headers', fill('OFXHEADER:100', '<OFX')],
    ['ampersands', fill(`${INSIDE}<STMTTRN><NAME>x`, '&')],
    ['characters by number', fill(`${INSIDE}<STMTTRN><NAME>x`, '&#1;', END)],
    ['comments', fill(INSIDE, '<!---->', END)],
    ['CDATA that never ends', fill(`${INSIDE}<STMTTRN><NAME>`, '<![CDATA[')],
    ['digits', fill(`${INSIDE}<STMTTRN><TRNAMT>`, '9', `</STMTTRN>${END}`)],
    ['zeros behind the point', fill(`${INSIDE}<STMTTRN><TRNAMT>0.`, '0', `</STMTTRN>${END}`)],
    ['words', fill(`${INSIDE}<STMTTRN><DTPOSTED>20260101<TRNAMT>1<NAME>`, 'x ', `</STMTTRN>${END}`)],
    ['line ends', fill('', '\r\n', CAMT)],
    ['nested elements (XML)', fill('<?xml version="1.0"?><a>', '<a>')],
    ['elements (XML)', fill('<?xml version="1.0"?><a>', '<a/>', '</a>')],
    ['attributes (XML)', numbered('<?xml version="1.0"?><a ', (n) => `a${n}="x" `, '/>')],
    ['namespaces (XML)', numbered('<?xml version="1.0"?><a ', (n) => `xmlns:a${n}="x" `, '/>')],
    ['one long name (XML)', fill('<?xml version="1.0"?><', 'a', '/>')],
    [
      'entries (CAMT.053)',
      fill(CAMT.slice(0, CAMT.indexOf('<Ntry>')), '<Ntry/>', '</Stmt></BkToCstmrStmt></Document>'),
    ],
  ])('made of %s are done with soon', async (_what, file) => {
    const startedAt = performance.now();
    await readStatement(file).catch((error: unknown) => {
      if (!(error instanceof Refusal)) throw error;
    });
    // Tens of milliseconds where nothing else runs; anything that grows with the square would take minutes.
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  test('leave others their turn while they are read', async () => {
    const lines = Array.from(
      { length: 8_000 },
      (_, n) => `<STMTTRN><TRNTYPE>POS<DTPOSTED>20260101<TRNAMT>-1.25<FITID>F${n}<NAME>N${n}</STMTTRN>\n`,
    );
    let turns = 0;
    const counting = setInterval(() => turns++, 1);
    const statement = await readStatement(INSIDE + lines.join('') + END);
    clearInterval(counting);
    expect(statement.lines).toHaveLength(8_000);
    expect(turns).toBeGreaterThan(2);
  });
});

const REAL = path.resolve('../shared/data/statements');
const describeWithFiles = existsSync(REAL) ? describe : describe.skip;

describeWithFiles(`real files (skipped where ${REAL} is not there)`, () => {
  const real = (name: string) => readFileSync(path.join(REAL, name), 'utf8');

  test('are read', async () => {
    const checking = await readStatement(real('ofx/checking.ofx'));
    expect(checking).toMatchObject({
      currency: 'USD',
      balanceMinor: 10099n,
      asOf: new Date('2013-05-25T22:57:31.258Z'),
    });
    expect(checking.lines.map(({ amountMinor, bookedOn }) => [amountMinor, bookedOn])).toEqual([
      [1n, '2011-03-31'],
      [-3451n, '2011-04-05'],
      [-2500n, '2011-04-07'],
    ]);
    const medium = await readStatement(real('ofx/bank_medium.ofx'));
    expect(medium).toMatchObject({ currency: 'CAD', balanceMinor: 38234n });
    expect(medium.lines.map(({ amountMinor }) => amountMinor)).toEqual([-660n, -31667n, -2200n]);
    // Its closing balance is in crowns, the account in euros.
    const v4 = await readStatement(real('camt053/camt053.v4.xml'));
    expect(v4).toMatchObject({ currency: 'EUR', balanceMinor: null });
    expect(shown(v4)).toEqual([['2014-12-31', 885n, '4654654654654654', 'NAME NAME', null]]);
    expect(await readStatement(real('camt053/camt053.v2.minimal.xml'))).toMatchObject({
      currency: 'EUR',
      balanceMinor: null,
    });
    const two = await readStatement(real('camt053/camt053.v2.multi.statement.xml'));
    expect(two.balanceMinor).toBe(2000n);
    expect(two.lines.map(({ amountMinor }) => amountMinor)).toEqual([885n, -700n]);
  });

  test.each([
    ['ofx/bank_small.ofx', 'STATEMENT_EMPTY', 'Line 11:'],
    ['ofx/date_missing.ofx', 'STATEMENT_MALFORMED', 'Line 33:'],
    ['ofx/decimal_error.ofx', 'INVALID_AMOUNT', 'Line 37: "$120"'],
    ['camt053/camt053.v2.wrong.xml', 'STATEMENT_EMPTY', 'Line 3:'],
    ['mt940/generic.sta', 'STATEMENT_UNKNOWN_FORMAT', 'Line 1:'],
    ['qif/test.qif', 'STATEMENT_UNKNOWN_FORMAT', 'Line 1:'],
    ['pain001/pain.001.001.09.xml', 'STATEMENT_UNKNOWN_FORMAT', 'Line 3:'],
  ])('%s is refused with %s', async (name, code, begins) => {
    const refusal = await refusalOf(real(name));
    expect(refusal.code).toBe(code);
    expect(refusal.message.startsWith(begins)).toBe(true);
  });
});
