import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { UnreadableXmlError } from '../../platform/read-xml.ts';
import { ProviderOutcomeUnknownError } from '../card-provider.ts';
import { readReport, type Fact } from './read-report.ts';
import { NOTHING_TOLD, payoutOf, tell } from './story.ts';

const KEY = '0'.repeat(31) + 'a';
const OTHER = '0'.repeat(31) + 'b';

function status(inner: string, group = ''): string {
  return `<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>
    <OrgnlGrpInfAndSts><OrgnlMsgId>${KEY}</OrgnlMsgId>${group}</OrgnlGrpInfAndSts>${inner}</CstmrPmtStsRpt></Document>`;
}
function payment(sts: string, more = '', key = KEY): string {
  return `<TxInfAndSts><OrgnlEndToEndId>${key}</OrgnlEndToEndId><TxSts>${sts}</TxSts>${more}</TxInfAndSts>`;
}
function block(...payments: string[]): string {
  return `<OrgnlPmtInfAndSts><OrgnlPmtInfId>${KEY}</OrgnlPmtInfId>${payments.join('')}</OrgnlPmtInfAndSts>`;
}
const reason = (code: string) => `<StsRsnInf><Rsn><Cd>${code}</Cd></Rsn><AddtlInf>words</AddtlInf></StsRsnInf>`;

function statement(...entries: string[]): string {
  return `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>${entries.join('')}</Stmt></BkToCstmrStmt></Document>`;
}
function entry(side: string, { sts = '<Cd>BOOK</Cd>', more = '', entryMore = '', key = KEY } = {}): string {
  return `<Ntry><Amt Ccy="EUR">1.00</Amt><CdtDbtInd>${side}</CdtDbtInd>${entryMore}<Sts>${sts}</Sts><NtryDtls><TxDtls>
    <Refs><EndToEndId>${key}</EndToEndId></Refs>${more}</TxDtls></NtryDtls></Ntry>`;
}
const RETURN = '<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>';

function outcome(facts: Fact[]) {
  return payoutOf(KEY, facts.filter(({ key }) => key === KEY).reduce(tell, NOTHING_TOLD));
}

describe('a status report', () => {
  test.each([
    ['RCVD', 'PENDING'],
    ['ACCP', 'PENDING'],
    ['ACSP', 'PENDING'],
    ['ACSC', 'SUCCEEDED'],
    ['ACCC', 'SUCCEEDED'],
    ['RJCT', 'DECLINED'],
    ['SOME', 'PENDING'],
  ])('of %s is %s', async (word, expected) => {
    expect(outcome(await readReport(status(block(payment(word)))))).toMatchObject({
      outcome: expected,
      reference: KEY,
    });
  });

  test('gives the reason of a rejection, also of a whole file or block', async () => {
    const expected = {
      outcome: 'DECLINED',
      code: 'AC01',
      message: 'The account number is not one that the bank knows.',
    };
    const whole = status('', `<GrpSts>RJCT</GrpSts>${reason('AC01')}`);
    const ofBlock = status(
      `<OrgnlPmtInfAndSts><OrgnlPmtInfId>${KEY}</OrgnlPmtInfId><PmtInfSts>RJCT</PmtInfSts>${reason('AC01')}</OrgnlPmtInfAndSts>`,
    );
    for (const text of [whole, ofBlock, status(block(payment('RJCT', reason('AC01'))))]) {
      expect(outcome(await readReport(text))).toMatchObject(expected);
    }
    expect(outcome(await readReport(status(block(payment('RJCT')))))).toMatchObject({ code: 'MS03' });
  });

  test('counts for the payment before the file: an accepted file may have a rejected payment', async () => {
    const text = status(block(payment('RJCT', reason('AM04'))), '<GrpSts>PART</GrpSts>');
    expect(await readReport(text)).toMatchObject([{ key: KEY, status: 'RJCT', code: 'AM04' }]);
  });

  test('about others says nothing of ours', async () => {
    const text = status(block(payment('RJCT', '', 'THEIRS'), payment('ACSP', '', OTHER)));
    expect(await readReport(text)).toEqual([{ kind: 'STATUS', key: OTHER, status: 'ACSP', code: null, message: null }]);
  });
});

describe('a statement', () => {
  test('books a debit of ours, in the words of each version', async () => {
    for (const sts of ['<Cd>BOOK</Cd>', 'BOOK']) {
      expect(await readReport(statement(entry('DBIT', { sts })))).toEqual([
        { kind: 'BOOKED', key: KEY, feeMinor: null },
      ]);
    }
  });

  test('has the charges of a payment where they are in its currency', async () => {
    const charges = (currency: string, amount = '0.20') =>
      entry('DBIT', { more: `<Chrgs><TtlChrgsAndTaxAmt Ccy="${currency}">${amount}</TtlChrgsAndTaxAmt></Chrgs>` });
    expect(
      await readReport(statement(charges('EUR'), charges('USD'), charges('EUR', '0.00'), charges('EUR', '-1'))),
    ).toMatchObject([{ feeMinor: 20n }, { feeMinor: null }, { feeMinor: 0n }, { feeMinor: null }]);
  });

  test('does not book what is only pending, and takes no other credit for a return', async () => {
    const pending = entry('DBIT', { sts: '<Cd>PDNG</Cd>' });
    expect(await readReport(statement(pending, entry('CRDT')))).toEqual([]);
  });

  test('tells of a return and of a reversal', async () => {
    expect(await readReport(statement(entry('CRDT', { more: RETURN })))).toMatchObject([
      { kind: 'RETURNED', code: 'AC04' },
    ]);
    const reversal = entry('CRDT', { entryMore: '<RvslInd>true</RvslInd>' });
    expect(await readReport(statement(reversal))).toMatchObject([{ kind: 'RETURNED', code: 'MS03' }]);
  });

  test('reads each payment of a batch that is booked as one', async () => {
    const both = entry('DBIT').replace(
      '</TxDtls>',
      `</TxDtls><TxDtls><Refs><EndToEndId>${OTHER}</EndToEndId></Refs></TxDtls>`,
    );
    expect((await readReport(statement(both))).map(({ key }) => key)).toEqual([KEY, OTHER]);
  });
});

describe('the story of a payout', () => {
  const fact = (more: object) => ({ key: KEY, ...more }) as Fact;
  const said = (word: string) => fact({ kind: 'STATUS', status: word, code: 'AC01', message: null });
  const booked = fact({ kind: 'BOOKED', feeMinor: 5n });
  const returned = fact({ kind: 'RETURNED', code: 'AC06', message: null });

  test('ends the same in whatever order the files come, and however often', () => {
    const facts = [said('ACCP'), said('ACSP'), said('ACSC'), booked, returned];
    fc.assert(
      fc.property(fc.shuffledSubarray(facts, { minLength: 1 }), (some) => {
        const expected = some.includes(returned)
          ? 'RETURNED'
          : some.includes(booked) || some.includes(facts[2]!)
            ? 'SUCCEEDED'
            : 'PENDING';
        expect(outcome(some).outcome).toBe(expected);
        expect(outcome([...some, ...some])).toEqual(outcome(some));
        expect(outcome([...some].reverse()).outcome).toBe(expected);
      }),
    );
  });

  test('believes the statement before the report, and nobody who says both', () => {
    expect(outcome([booked, said('RJCT')])).toEqual({ outcome: 'SUCCEEDED', reference: KEY, feeMinor: 5n });
    expect(outcome([said('RJCT'), booked, returned])).toMatchObject({ outcome: 'RETURNED', code: 'AC06' });
    expect(outcome([said('ACSP'), said('RJCT')])).toMatchObject({ outcome: 'DECLINED' });
    expect(() => outcome([said('ACSC'), said('RJCT')])).toThrow(ProviderOutcomeUnknownError);
  });
});

describe('a file of the bank', () => {
  test.each([
    ['not XML', 'hello', 'XML_MALFORMED'],
    ['another document', '<html/>', 'XML_UNKNOWN_DOCUMENT'],
  ])('that is %s is not read', async (_what, text, code) => {
    await expect(readReport(text)).rejects.toThrow(UnreadableXmlError);
    await expect(readReport(text)).rejects.toMatchObject({ code });
  });

  test('of another kind says nothing about payouts', async () => {
    expect(await readReport('<Document><Other/></Document>')).toEqual([]);
  });
});
