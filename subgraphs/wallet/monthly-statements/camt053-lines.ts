import type { LineType } from '../../../ledger/entry.ts';
import type { StatementLine } from '../../../ledger/statement.ts';
import { formatAmount } from '../../../platform/money.ts';
import { toTransaction } from '../domain.ts';
import type { XmlElement } from './write-xml.ts';

/* The parts of a CAMT.053 entry; the order of elements is the standard's (camt.053.001.08, ReportEntry10). */

/** Domain, family and sub-family of the external code set for bank transactions, by direction. */
interface TransactionCode {
  domain: string;
  credit: string;
  debit: string;
  sub: string;
}

const CODES: Record<LineType, TransactionCode> = {
  DEPOSIT: { domain: 'PMNT', credit: 'RCDT', debit: 'ICDT', sub: 'OTHR' },
  WITHDRAWAL: { domain: 'PMNT', credit: 'RCDT', debit: 'ICDT', sub: 'OTHR' },
  TRANSFER_IN: { domain: 'PMNT', credit: 'RCDT', debit: 'ICDT', sub: 'BOOK' },
  TRANSFER_OUT: { domain: 'PMNT', credit: 'RCDT', debit: 'ICDT', sub: 'BOOK' },
  EXCHANGE: { domain: 'PMNT', credit: 'RCDT', debit: 'ICDT', sub: 'BOOK' },
  FEE: { domain: 'ACMT', credit: 'MCOP', debit: 'MDOP', sub: 'CHRG' },
  REVERSAL: { domain: 'PMNT', credit: 'RCDT', debit: 'ICDT', sub: 'RRTN' },
  INTEREST: { domain: 'ACMT', credit: 'MCOP', debit: 'MDOP', sub: 'INTR' },
};

/** An amount with its direction: CRDT comes onto the account. The amount itself has no sign. */
export function amountOf(minor: bigint, currency: string): { Amt: XmlElement; CdtDbtInd: string } {
  const size = minor < 0n ? -minor : minor;
  return { Amt: { '@Ccy': currency, '#': formatAmount(size, currency) }, CdtDbtInd: directionOf(minor) };
}

export function directionOf(minor: bigint): 'CRDT' | 'DBIT' {
  return minor < 0n ? 'DBIT' : 'CRDT';
}

/** A line as an entry (Ntry) with one payment in it. */
export function toEntry(line: StatementLine): XmlElement {
  const { id, type, currency, amountMinor, description, counterparty, createdAt } = toTransaction(line);
  const reference = id.replaceAll('-', '');
  const moment = { DtTm: createdAt.toISOString() };
  return {
    ...amountOf(amountMinor, currency),
    // That it takes back an earlier entry: its direction is its own all the same.
    RvslInd: type === 'REVERSAL' ? 'true' : undefined,
    Sts: { Cd: 'BOOK' },
    BookgDt: moment,
    ValDt: moment,
    AcctSvcrRef: reference,
    BkTxCd: codeOf(type, amountMinor),
    NtryDtls: {
      TxDtls: {
        Refs: { AcctSvcrRef: reference },
        ...amountOf(amountMinor, currency),
        RltdPties: counterparty ? otherEnd(type, amountMinor, counterparty) : undefined,
        RmtInf: { Ustrd: words(description, 140) },
      },
    },
  };
}

function codeOf(type: LineType, amountMinor: bigint): XmlElement {
  const { domain, credit, debit, sub } = CODES[type];
  return {
    Domn: { Cd: domain, Fmly: { Cd: amountMinor < 0n ? debit : credit, SubFmlyCd: sub } },
    Prtry: { Cd: type, Issr: 'DwayBank' },
  };
}

/** Who paid when money arrives, who was paid when it leaves; the other way round when it comes back. */
function otherEnd(type: LineType, amountMinor: bigint, name: string): XmlElement {
  const paid = amountMinor > 0n !== (type === 'REVERSAL');
  const party = { Pty: { Nm: words(name, 140) } };
  return paid ? { Dbtr: party } : { Cdtr: party };
}

/** Text of at most so many characters, as the standard counts them, and never none. */
export function words(text: string, most: number): string {
  const cut = [...text].slice(0, most).join('');
  return cut === '' ? '-' : cut;
}
