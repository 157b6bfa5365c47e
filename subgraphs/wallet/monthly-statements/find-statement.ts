import { balancesAsOf } from '../../../ledger/balances.ts';
import { ledgerNow, spanTotals, type StatementSpan } from '../../../ledger/statement-span.ts';
import type { Queryable } from '../../../platform/db.ts';
import { codedError } from '../../../platform/graph-errors.ts';
import type { AccountParent } from '../graph-types.ts';
import { justBefore, parseMonth } from './month.ts';

/** An account's statement of a month; its lines are read when they are asked for, and are the same then. */
export interface MonthlyStatementParent {
  account: AccountParent;
  month: string;
  from: Date;
  to: Date;
  preliminary: boolean;
  /** The moment up to which it tells: the end of the month, or now. */
  told: Date;
  openingMinor: bigint;
  closingMinor: bigint;
  inMinor: bigint;
  outMinor: bigint;
  lineCount: number;
  span: StatementSpan;
}

/**
 * Makes the statement of a month. Opening and closing are the balances of two moments, the lines what lies between their versions: that
 * one and the other agree is checked each time, and a statement that does not add up is a fault and never shown.
 */
export async function findStatement(
  db: Queryable,
  account: AccountParent,
  name: string,
): Promise<MonthlyStatementParent> {
  const month = parseMonth(name);
  if (!month) throw codedError('INVALID_MONTH', 'A month is written YYYY-MM, for example 2026-10.');
  const { from, to } = month;
  // The time is read before the balances: what is called complete was over when they were looked at.
  const now = await ledgerNow(db);
  if (from > now) throw codedError('STATEMENT_NOT_AVAILABLE', 'This month has not begun.');
  if (to <= account.openedAt) throw codedError('STATEMENT_NOT_AVAILABLE', 'The account was opened after this month.');
  const accountId = account.id;
  const [opening, closing] = await balancesAsOf(db, [
    { accountId, at: justBefore(from) },
    { accountId, at: justBefore(to) },
  ]);
  if (!opening || !closing) throw new Error(`account ${accountId} has no balance`);
  const span = { accountId, after: opening.version, upTo: closing.version };
  const { inMinor, outMinor, lines } = await spanTotals(db, span);
  const difference = closing.postedMinor - opening.postedMinor - inMinor - outMinor;
  if (difference !== 0n) throw new Error(`statement ${name} of account ${accountId} is off by ${difference}`);
  const preliminary = now < to;
  return {
    account,
    month: name,
    from,
    to,
    preliminary,
    told: preliminary ? now : to,
    openingMinor: opening.postedMinor,
    closingMinor: closing.postedMinor,
    inMinor,
    outMinor,
    lineCount: lines,
    span,
  };
}
