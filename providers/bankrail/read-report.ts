import { isCurrency, parseAmount } from '../../platform/money.ts';
import { readXml, UnreadableXmlError } from '../../platform/read-xml.ts';
import { find, findAll, textAt, type Element } from '../../platform/xml-element.ts';
import { keyOf } from '../payout-key.ts';

/** Something that a file of the bank says about a payout of ours. */
export type Fact = { key: string } & (
  | { kind: 'STATUS'; status: string; code: string | null; message: string | null }
  /** The money has left our account. */
  | { kind: 'BOOKED'; feeMinor: bigint | null }
  /** It has come back to it. */
  | { kind: 'RETURNED'; code: string; message: string | null }
);

/** What the bank's status reports (pain.002) and statements (camt.053) say about payouts of ours; nothing of other files. */
export async function readReport(text: string): Promise<Fact[]> {
  const { root } = await readXml(text);
  const report = find(root, 'CstmrPmtStsRpt');
  if (report) return readStatusReport(report);
  const statements = findAll(root, 'BkToCstmrStmt', 'Stmt');
  if (statements.length > 0) return statements.flatMap((statement) => findAll(statement, 'Ntry').flatMap(readEntry));
  if (root.name !== 'Document')
    throw new UnreadableXmlError('XML_UNKNOWN_DOCUMENT', root.line, 'this is no message of ISO 20022');
  return [];
}

/**
 * A status stands for a whole file, for a payment information block in it, or for one payment; the nearest one counts. One of our
 * files has one payment, so that all three are about the same key.
 */
function readStatusReport(report: Element): Fact[] {
  const group = find(report, 'OrgnlGrpInfAndSts');
  const blocks = findAll(report, 'OrgnlPmtInfAndSts');
  const payments = blocks.flatMap((block) => findAll(block, 'TxInfAndSts'));
  if (payments.length > 0) {
    return payments.flatMap((payment) =>
      statusFact(
        textAt(payment, 'OrgnlEndToEndId') ?? textAt(payment, 'OrgnlInstrId'),
        textAt(payment, 'TxSts'),
        payment,
      ),
    );
  }
  const ofBlocks = blocks.flatMap((block) =>
    statusFact(textAt(block, 'OrgnlPmtInfId'), textAt(block, 'PmtInfSts'), block),
  );
  return ofBlocks.length > 0 ? ofBlocks : statusFact(textAt(group, 'OrgnlMsgId'), textAt(group, 'GrpSts'), group);
}

function statusFact(name: string | null, status: string | null, element: Element | undefined): Fact[] {
  const key = keyOf(name);
  if (key === null || status === null) return [];
  return [{ kind: 'STATUS', key, status, ...reasonAt(element, 'StsRsnInf') }];
}

/** Payments of an entry. A batch is booked as one entry with several; only what is booked for good counts. */
function readEntry(entry: Element): Fact[] {
  const status = textAt(entry, 'Sts', 'Cd') ?? textAt(entry, 'Sts');
  if (status !== 'BOOK') return [];
  return findAll(entry, 'NtryDtls', 'TxDtls').flatMap((payment): Fact[] => {
    const key = keyOf(textAt(payment, 'Refs', 'EndToEndId'));
    if (key === null) return [];
    const side = textAt(payment, 'CdtDbtInd') ?? textAt(entry, 'CdtDbtInd');
    const returned = find(payment, 'RtrInf');
    // A debit that is reversed by the bank comes as a credit with this mark, and without a reason for a return.
    const reversal = textAt(entry, 'RvslInd') === 'true';
    if (side === 'CRDT' && (returned || reversal)) {
      const { code, message } = reasonAt(payment, 'RtrInf');
      return [{ kind: 'RETURNED', key, code: code ?? 'MS03', message }];
    }
    return side === 'DBIT' && !reversal ? [{ kind: 'BOOKED', key, feeMinor: feeOf(payment, entry) }] : [];
  });
}

/** Charges that the bank took beside the payment, where it says so in the payment's currency. */
function feeOf(payment: Element, entry: Element): bigint | null {
  const charges = find(payment, 'Chrgs', 'TtlChrgsAndTaxAmt');
  const currency = find(entry, 'Amt')?.attributes['Ccy'] ?? '';
  if (!charges || charges.attributes['Ccy'] !== currency || !isCurrency(currency)) return null;
  try {
    return /^0+(\.0+)?$/.test(charges.text.trim()) ? 0n : parseAmount(charges.text.trim(), currency);
  } catch {
    return null;
  }
}

function reasonAt(element: Element | undefined, name: string): { code: string | null; message: string | null } {
  const reason = find(element, name);
  const code = textAt(reason, 'Rsn', 'Cd') ?? textAt(reason, 'Rsn', 'Prtry');
  return { code, message: textAt(reason, 'AddtlInf') };
}
