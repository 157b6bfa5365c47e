import { isAsset, isCurrency, parseAmount } from '../../../platform/money.ts';
import { readXml, UnreadableXmlError, type XmlDocument } from '../../../platform/read-xml.ts';
import { find, findAll, textAt, type Element } from '../../../platform/xml-element.ts';
import { PAYMENT_NAMESPACE } from '../../bankrail/payment-file.ts';

/** One payment in a file. */
export interface GivenPayment {
  endToEndId: string;
  instructionId: string | null;
  amountMinor: bigint;
  currency: string;
  iban: string;
  name: string;
  text: string | null;
}

export interface GivenFile {
  messageId: string;
  payments: GivenPayment[];
  /** Why all of it is rejected (ISO 20022); null: it is well. */
  fault: string | null;
}

/** The file cannot even be answered with a report. */
export class RefusedFileError extends Error {
  override readonly name = 'RefusedFileError';
}

/** Reads a payment file as a bank does: what is wrong with the whole of it, and the payments in it. */
export async function readPaymentFile(text: string, debtorIban: string): Promise<GivenFile> {
  let file: XmlDocument;
  try {
    file = await readXml(text);
  } catch (error) {
    if (error instanceof UnreadableXmlError) throw new RefusedFileError(error.message);
    throw error;
  }
  const message = find(file.root, 'CstmrCdtTrfInitn');
  const messageId = textAt(message, 'GrpHdr', 'MsgId');
  if (file.namespace !== PAYMENT_NAMESPACE || !message || messageId === null) {
    throw new RefusedFileError(`only ${PAYMENT_NAMESPACE} with a message id is taken`);
  }
  if (messageId.length > 35) throw new RefusedFileError('a message id has 35 characters at most');
  const blocks = findAll(message, 'PmtInf');
  const payments = blocks.flatMap((block) => findAll(block, 'CdtTrfTxInf').map(readPayment));
  if (payments.length === 0) throw new RefusedFileError('there is no payment in the file');
  return { messageId, payments, fault: faultOf(message, blocks, payments, debtorIban) };
}

function readPayment(element: Element): GivenPayment {
  const amount = find(element, 'Amt', 'InstdAmt');
  const currency = amount?.attributes['Ccy'] ?? '';
  const endToEndId = textAt(element, 'PmtId', 'EndToEndId');
  const iban = textAt(element, 'CdtrAcct', 'Id', 'IBAN');
  if (!endToEndId || endToEndId.length > 35 || !iban || !isCurrency(currency) || isAsset(currency)) {
    throw new RefusedFileError('a payment lacks its end-to-end id, its account or its currency');
  }
  const [instructionId, name, text] = [
    textAt(element, 'PmtId', 'InstrId'),
    textAt(element, 'Cdtr', 'Nm') ?? '',
    textAt(element, 'RmtInf', 'Ustrd'),
  ];
  if ([...(instructionId ?? '')].length > 35 || [...name].length > 140 || [...(text ?? '')].length > 140) {
    throw new RefusedFileError('a text of a payment is longer than the standard has it');
  }
  return {
    endToEndId,
    instructionId,
    amountMinor: amountOf(amount!.text, currency),
    currency,
    iban,
    name,
    text,
  };
}

function amountOf(text: string, currency: string): bigint {
  try {
    return parseAmount(text.trim(), currency);
  } catch {
    throw new RefusedFileError('an amount cannot be read');
  }
}

function faultOf(message: Element, blocks: Element[], payments: GivenPayment[], debtorIban: string): string | null {
  const header = find(message, 'GrpHdr');
  if (Number(textAt(header, 'NbOfTxs')) !== payments.length) return 'AM18';
  const sum = textAt(header, 'CtrlSum');
  // Sums over several currencies are sums of the numbers: that is how the standard has them.
  if (
    sum !== null &&
    scaled(sum) !== findAll(message, 'PmtInf', 'CdtTrfTxInf').reduce((all, each) => all + amountAt(each), 0n)
  ) {
    return 'AM10';
  }
  if (blocks.some((block) => textAt(block, 'DbtrAcct', 'Id', 'IBAN') !== debtorIban)) return 'AC02';
  return new Set(payments.map(({ endToEndId }) => endToEndId)).size === payments.length ? null : 'AM05';
}

function amountAt(payment: Element): bigint {
  return scaled(textAt(payment, 'Amt', 'InstdAmt') ?? '0');
}

/** A decimal as a whole number of hundred-thousandths, the most decimals that the standard has. */
function scaled(text: string): bigint {
  const match = /^(\d+)(?:\.(\d{1,5}))?$/.exec(text);
  return match ? BigInt(match[1]! + (match[2] ?? '').padEnd(5, '0')) : -1n;
}
