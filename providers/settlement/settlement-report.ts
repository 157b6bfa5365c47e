/**
 * What a line is about: a payment of ours or its coming back; what the provider takes for itself (a line of 0 says: nothing); money that the bank
 * itself puts in or takes out.
 */
export type SettlementLineKind = 'PAYMENT' | 'CHARGE' | 'OWN_FUNDS';

/** One line of what a provider says about our account with it. */
export interface SettlementLine {
  /** The provider's own name for the line, or its place where it has none; unique within the account. */
  id: string;
  /** YYYY-MM-DD. */
  bookedOn: string;
  kind: SettlementLineKind;
  /** Signed: plus is ours with the provider, minus has left. */
  amountMinor: bigint;
  /** Our key (32 hex digits), where the line carries it. */
  reference: string | null;
  /** For a person. */
  description: string;
}

/** What a provider says about our account in one currency. */
export interface SettlementReport {
  currency: string;
  /** First and last day, both counted. */
  from: string;
  to: string;
  /** Before the first and after the last line; null where the report does not say. */
  openingMinor: bigint | null;
  closingMinor: bigint | null;
  lines: SettlementLine[];
}

/** The formats that are read. */
export type SettlementFormat = 'CAMT053' | 'JSON';

/** It cannot be read as what it is said to be; the message says where and why. */
export class UnreadableReportError extends Error {
  override readonly name = 'UnreadableReportError';
}

/** What any report must hold to be believed: days in order, lines within them, and balances that fit the lines. */
export function checkReport(report: SettlementReport): SettlementReport {
  const { currency, from, to, openingMinor, closingMinor, lines } = report;
  const fail = (why: string) => new UnreadableReportError(`the report in ${currency} ${why}`);
  if (from > to) throw fail(`begins on ${from} and ends on ${to}`);
  const outside = lines.find(({ bookedOn }) => bookedOn < from || bookedOn > to);
  if (outside) throw fail(`has a line of ${outside.bookedOn}, which is not from ${from} to ${to}`);
  if (new Set(lines.map(({ id }) => id)).size < lines.length) throw fail('has two lines of the same name');
  if (openingMinor !== null && closingMinor !== null) {
    const sum = lines.reduce((total, { amountMinor }) => total + amountMinor, 0n);
    if (openingMinor + sum !== closingMinor) {
      throw fail(`does not add up: ${openingMinor} and lines of ${sum} are not ${closingMinor} (minor units)`);
    }
  }
  return report;
}
