import { Refusal } from '../../../platform/refusal.ts';

/** What a bank's own file tells of one account: the lines it booked, and what stood on it in the end. */
export interface Statement {
  account: OutsideAccount;
  currency: string;
  /** Oldest first; lines of one day in the order of the file. */
  lines: StatementLine[];
  /** What stood on the account at `asOf`; null when the file does not say it in the account's currency. */
  balanceMinor: bigint | null;
  /** The moment up to which the file tells; of two statements the one with the later moment is the newer. */
  asOf: Date;
}

/** An account at another bank, as its statements name it. */
export interface OutsideAccount {
  /** What tells it from every other account, beside its currency: kind of number, bank, branch, number, kind of account. */
  identity: readonly string[];
  /** For a person, the number masked, for example "5472369148 ... 87~7". */
  label: string;
  /** Where the file names it. */
  line: number;
}

/** One booked line. */
export interface StatementLine {
  /** What the same line has in every file it stands in, and no other line of the account has. */
  identity: string;
  /** Signed: negative leaves the account. */
  amountMinor: bigint;
  /** As the source words it. */
  description: string;
  /** The other end, where the source names it apart. */
  counterparty: string | null;
  /** YYYY-MM-DD, as the bank wrote it. */
  bookedOn: string;
  /** ISO 18245 merchant category code, where the source gives one. */
  merchantCategory: string | null;
}

/** A line before it has an identity of its own: two lines may share what is told of them. */
export interface ReadLine extends Omit<StatementLine, 'identity'> {
  /** Where the file says when it was booked. */
  line: number;
  /** What is known to tell the line from others. */
  key: readonly string[];
  /** True where the source promises that no two lines have this key: then a second one is the same line told twice. */
  unique: boolean;
}

/** One statement of a file, before it is checked and joined with the file's others. */
export interface ReadStatement {
  account: OutsideAccount;
  currency: string;
  lines: ReadLine[];
  /** What stood there before and after the lines; null where the file does not say it in the account's currency. */
  opening: ReadBalance | null;
  closing: ReadBalance | null;
  asOf: Date;
  /** Where the file says `asOf`. */
  asOfLine: number;
}

export interface ReadBalance {
  amountMinor: bigint;
  /** Where the file says it. */
  line: number;
}

/** Every "no" to a statement file. */
export type StatementRefusal =
  | 'STATEMENT_TOO_LARGE'
  | 'STATEMENT_EMPTY'
  | 'STATEMENT_UNKNOWN_FORMAT'
  | 'STATEMENT_MALFORMED'
  | 'STATEMENT_TOO_MANY_LINES'
  | 'STATEMENT_BALANCE_MISMATCH'
  | 'STATEMENT_SEVERAL_ACCOUNTS'
  | 'STATEMENT_SEVERAL_CURRENCIES'
  | 'STATEMENT_WRONG_ACCOUNT'
  | 'INVALID_AMOUNT'
  | 'TOO_MANY_DECIMALS'
  | 'AMOUNT_TOO_LARGE'
  | 'UNSUPPORTED_CURRENCY';

/** The refusal of a file for what stands in one of its lines (the first is 1). `reason` ends without a full stop. */
export function refuseStatement(code: StatementRefusal, line: number, reason: string): Refusal<StatementRefusal> {
  return new Refusal(code, ['statement'], `Line ${line}: ${reason}.`);
}
