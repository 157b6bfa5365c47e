import { isCurrency } from '../../platform/money.ts';
import { readXml, UnreadableXmlError } from '../../platform/read-xml.ts';
import { find, findAll, textAt, type Element } from '../../platform/xml-element.ts';
import { keyOf } from '../payout-key.ts';
import { checkReport, UnreadableReportError, type SettlementLine, type SettlementReport } from './settlement-report.ts';
import { parseSignedAmount } from './signed-amount.ts';

/** Opening and closing balances, the ones that count first: of the booked entries, else of the day before. */
const OPENING = ['OPBD', 'PRCD'];
const CLOSING = ['CLBD'];
/** What a bank books for itself (sub-families of ISO 20022's bank transaction codes): charges, commissions, fees, taxes on them. */
const CHARGES = new Set(['CHRG', 'COMM', 'FEES', 'TAXE']);

/**
 * A bank's statement of our account with it (camt.053): each booked entry by the payments in it, where it says them, else as one line. An
 * entry whose payments do not add up to it is one line as well: the bank's own sum counts.
 */
export async function readCamt053Reports(text: string): Promise<SettlementReport[]> {
  const statements = findAll(await rootOf(text), 'BkToCstmrStmt', 'Stmt');
  if (statements.length === 0) throw new UnreadableReportError('there is no statement (BkToCstmrStmt/Stmt) in it');
  return statements.map(readStatement);
}

async function rootOf(text: string): Promise<Element> {
  try {
    return (await readXml(text)).root;
  } catch (error) {
    if (error instanceof UnreadableXmlError) {
      throw new UnreadableReportError(`${error.message}, line ${error.line}`);
    }
    throw error;
  }
}

function readStatement(statement: Element): SettlementReport {
  const currency = textAt(statement, 'Acct', 'Ccy') ?? find(statement, 'Bal', 'Amt')?.attributes['Ccy'] ?? '';
  if (!isCurrency(currency))
    throw new UnreadableReportError(`the statement is in "${currency}", which is no currency here`);
  const entries = findAll(statement, 'Ntry').filter(
    (entry) => (textAt(entry, 'Sts', 'Cd') ?? textAt(entry, 'Sts')) === 'BOOK',
  );
  const lines = entries.flatMap((entry, index) => readEntry(entry, currency, String(index + 1)));
  const opening = balanceOf(statement, OPENING, currency);
  const closing = balanceOf(statement, CLOSING, currency);
  const days = lines.map(({ bookedOn }) => bookedOn).sort();
  const from = dayAt(statement, 'FrToDt', 'FrDtTm') ?? opening?.day ?? days[0];
  const to = dayAt(statement, 'FrToDt', 'ToDtTm') ?? closing?.day ?? days.at(-1);
  if (!from || !to) throw new UnreadableReportError('the statement does not say of which days it is');
  return checkReport({
    currency,
    from: days[0] && days[0] < from ? days[0] : from,
    to: days.at(-1) && days.at(-1)! > to ? days.at(-1)! : to,
    openingMinor: opening?.amountMinor ?? null,
    closingMinor: closing?.amountMinor ?? null,
    lines: named(lines),
  });
}

function readEntry(entry: Element, currency: string, place: string): SettlementLine[] {
  const bookedOn = dayAt(entry, 'BookgDt', 'Dt') ?? dayAt(entry, 'BookgDt', 'DtTm');
  if (!bookedOn) throw new UnreadableReportError(`entry ${place} has no booking date`);
  const amountMinor = amountAt(entry, entry, currency, place);
  const id = textAt(entry, 'AcctSvcrRef') ?? textAt(entry, 'NtryRef') ?? `${bookedOn}/${place}`;
  const payments = findAll(entry, 'NtryDtls', 'TxDtls');
  const kind = CHARGES.has(textAt(entry, 'BkTxCd', 'Domn', 'Fmly', 'SubFmlyCd') ?? '') ? 'CHARGE' : 'PAYMENT';
  const whole = { id, bookedOn, kind, amountMinor, description: textAt(entry, 'AddtlNtryInf') ?? '' } as const;
  if (payments.length === 1) {
    const line = { ...whole, reference: referenceOf(payments[0]), description: describe(payments[0]!, whole) };
    return withoutCharge(line, payments[0]!, currency);
  }
  const amounts = payments.map((payment) => (find(payment, 'Amt') ? amountAt(payment, entry, currency, place) : null));
  const adds =
    amounts.every((amount) => amount !== null) && amounts.reduce((sum, amount) => sum + amount, 0n) === amountMinor;
  if (payments.length === 0 || !adds) return [{ ...whole, reference: null }];
  return payments.flatMap((payment, index) =>
    withoutCharge(
      {
        ...whole,
        id: `${id}/${index + 1}`,
        amountMinor: amounts[index]!,
        reference: referenceOf(payment),
        description: describe(payment, whole),
      },
      payment,
      currency,
    ),
  );
}

/** What the bank took for itself within the amount of a payment is a line of its own; what it did not take within it is told elsewhere. */
function withoutCharge(line: SettlementLine, payment: Element, currency: string): SettlementLine[] {
  const included = findAll(payment, 'Chrgs', 'Rcrd').some((record) => textAt(record, 'ChrgInclInd') === 'true');
  const total = included ? find(payment, 'Chrgs', 'TtlChrgsAndTaxAmt') : undefined;
  const charge = total && total.attributes['Ccy'] === currency ? parseSignedAmount(total.text, currency) : null;
  if (!charge) return [line];
  return [
    { ...line, amountMinor: line.amountMinor + charge },
    { ...line, id: `${line.id}+charge`, kind: 'CHARGE', amountMinor: -charge },
  ];
}

function referenceOf(payment: Element | undefined): string | null {
  return keyOf(textAt(payment, 'Refs', 'EndToEndId')) ?? keyOf(textAt(payment, 'Refs', 'InstrId'));
}

function describe(payment: Element, { description }: { description: string }): string {
  const text = textAt(payment, 'RmtInf', 'Ustrd') ?? textAt(payment, 'AddtlTxInf') ?? description;
  return text.slice(0, 500);
}

/** Signed by the payment's own mark, else by the entry's. */
function amountAt(element: Element, entry: Element, currency: string, place: string): bigint {
  const amount = find(element, 'Amt');
  const minor = amount && amount.attributes['Ccy'] === currency ? parseSignedAmount(amount.text, currency) : null;
  if (minor === null || minor < 0n) throw new UnreadableReportError(`entry ${place} has no amount in ${currency}`);
  const side = textAt(element, 'CdtDbtInd') ?? textAt(entry, 'CdtDbtInd');
  if (side !== 'CRDT' && side !== 'DBIT') throw new UnreadableReportError(`entry ${place} is neither credit nor debit`);
  return side === 'DBIT' ? -minor : minor;
}

function balanceOf(
  statement: Element,
  codes: readonly string[],
  currency: string,
): { amountMinor: bigint; day: string | null } | null {
  const balances = findAll(statement, 'Bal');
  for (const code of codes) {
    const balance = balances.find((one) => textAt(one, 'Tp', 'CdOrPrtry', 'Cd') === code);
    if (balance) {
      return {
        amountMinor: amountAt(balance, balance, currency, code),
        day: dayAt(balance, 'Dt', 'Dt') ?? dayAt(balance, 'Dt', 'DtTm'),
      };
    }
  }
  return null;
}

function dayAt(element: Element, ...path: string[]): string | null {
  const text = textAt(element, ...path);
  return text && /^\d{4}-\d{2}-\d{2}/.test(text) ? text.slice(0, 10) : null;
}

/** Two lines of one name get their place beside it: a bank may use a reference for several entries. */
function named(lines: readonly SettlementLine[]): SettlementLine[] {
  const seen = new Map<string, number>();
  return lines.map((line) => {
    const times = (seen.get(line.id) ?? 0) + 1;
    seen.set(line.id, times);
    return times === 1 ? line : { ...line, id: `${line.id}#${times}` };
  });
}
