import { create } from 'xmlbuilder2';
import { formatAmount } from '../../../platform/money.ts';
import type { PayoutRecord } from '../payouts/book.ts';

/** What a payment's record has beside. */
export interface PaymentFields {
  messageId: string;
  instructionId: string | null;
  iban: string;
  name: string;
  text: string | null;
  fileName: string;
  file: string;
}

/** A payment that has a new status, as it was then. */
export interface Happening {
  at: number;
  record: PayoutRecord;
}

/** An entry in an account's statement. */
export interface Booking {
  at: number;
  /** Below zero: it left the account. */
  amountMinor: bigint;
  record: PayoutRecord;
}

const STATUS: Readonly<Record<PayoutRecord['status'], string>> = {
  TAKEN: 'ACTC',
  PROCESSING: 'ACSP',
  SUCCEEDED: 'ACSC',
  FAILED: 'RJCT',
  REVERSED: 'ACSC',
};
/** The reason of what people settle by hand. */
const NO_REASON = 'MS03';

/** A status report about one payment (pain.002.001.10). */
export function renderStatusReport(id: string, { at, record }: Happening): string {
  const { messageId, instructionId } = fieldsOf(record);
  const reason = record.status === 'FAILED' ? { StsRsnInf: { Rsn: { Cd: reasonOf(record) } } } : {};
  return render('pain.002.001.10', {
    CstmrPmtStsRpt: {
      GrpHdr: { MsgId: id, CreDtTm: timeOf(at) },
      OrgnlGrpInfAndSts: { OrgnlMsgId: messageId, OrgnlMsgNmId: 'pain.001.001.09' },
      OrgnlPmtInfAndSts: {
        OrgnlPmtInfId: messageId,
        TxInfAndSts: {
          ...(instructionId !== null && { OrgnlInstrId: instructionId }),
          OrgnlEndToEndId: record.reference,
          TxSts: STATUS[record.status],
          ...reason,
        },
      },
    },
  });
}

/** The booking that a new status makes; null when it makes none. */
export function bookingOf({ at, record }: Happening): Booking | null {
  const amountMinor = BigInt(record.amountMinor);
  if (record.status === 'SUCCEEDED') return { at, amountMinor: -amountMinor, record };
  return record.status === 'REVERSED' ? { at, amountMinor, record } : null;
}

export interface StatementOptions {
  id: string;
  iban: string;
  currency: string;
  from: number;
  to: number;
  openingMinor: bigint;
  bookings: readonly Booking[];
}

/** A statement of the account in one currency (camt.053.001.08): opening balance, entries, closing balance. */
export function renderStatement(options: StatementOptions): string {
  const { id, iban, currency, from, to, openingMinor, bookings } = options;
  const closingMinor = bookings.reduce((sum, { amountMinor }) => sum + amountMinor, openingMinor);
  const balance = (code: string, amountMinor: bigint, at: number) => ({
    Tp: { CdOrPrtry: { Cd: code } },
    ...sided(amountMinor, currency),
    Dt: { Dt: timeOf(at).slice(0, 10) },
  });
  return render('camt.053.001.08', {
    BkToCstmrStmt: {
      GrpHdr: { MsgId: id, CreDtTm: timeOf(to) },
      Stmt: {
        Id: id,
        CreDtTm: timeOf(to),
        FrToDt: { FrDtTm: timeOf(from), ToDtTm: timeOf(to) },
        Acct: { Id: { IBAN: iban }, Ccy: currency },
        Bal: [balance('OPBD', openingMinor, from), balance('CLBD', closingMinor, to)],
        ...(bookings.length > 0 && { Ntry: bookings.map((booking) => entryOf(booking, currency)) }),
      },
    },
  });
}

function entryOf({ at, amountMinor, record }: Booking, currency: string): object {
  const { iban, name, text, messageId } = fieldsOf(record);
  const amount = sided(amountMinor, currency);
  const back = amountMinor > 0n;
  const day = timeOf(at).slice(0, 10);
  return {
    ...amount,
    Sts: { Cd: 'BOOK' },
    BookgDt: { Dt: day },
    ValDt: { Dt: day },
    AcctSvcrRef: `BR${record.id}${back ? 'R' : ''}`,
    BkTxCd: { Domn: { Cd: 'PMNT', Fmly: { Cd: back ? 'RCDT' : 'ICDT', SubFmlyCd: back ? 'RRTN' : 'ESCT' } } },
    NtryDtls: {
      TxDtls: {
        Refs: { MsgId: messageId, EndToEndId: record.reference },
        ...amount,
        // There are no empty texts.
        RltdPties: { ...(name && { Cdtr: { Pty: { Nm: name } } }), CdtrAcct: { Id: { IBAN: iban } } },
        ...(text !== null && { RmtInf: { Ustrd: text } }),
        ...(back && { RtrInf: { Rsn: { Cd: reasonOf(record) } } }),
      },
    },
  };
}

function sided(amountMinor: bigint, currency: string): object {
  const size = amountMinor < 0n ? -amountMinor : amountMinor;
  return {
    Amt: { '@Ccy': currency, '#': formatAmount(size, currency) },
    CdtDbtInd: amountMinor < 0n ? 'DBIT' : 'CRDT',
  };
}

function render(name: string, content: object): string {
  const Document = { '@xmlns': `urn:iso:std:iso:20022:tech:xsd:${name}`, ...content };
  return create({ version: '1.0', encoding: 'UTF-8' }, { Document }).end({ prettyPrint: true });
}

function reasonOf({ reason }: PayoutRecord): string {
  return reason !== null && /^[A-Z]{2}\d{2}$/.test(reason) ? reason : NO_REASON;
}

/** The fields that this simulator gave the record itself. */
export function fieldsOf({ fields }: PayoutRecord): PaymentFields {
  return fields as unknown as PaymentFields;
}

function timeOf(at: number): string {
  return new Date(at).toISOString();
}
