import { createHash } from 'node:crypto';
import { formatAmount } from '../../../platform/money.ts';
import { refuseStatement, type ReadLine, type ReadStatement, type Statement, type StatementLine } from './statement.ts';
import { lastMomentOf } from './values.ts';

/** As far ahead as the next working day may be after the longest run of holidays. */
export const MAX_DAYS_AHEAD = 10;
/** More lines than a person's account sees in years, and few enough for one transaction. */
export const MAX_LINES = 10_000;

/**
 * Joins the statements of one file into one, after checking that they are of one account and that each adds up: what stood
 * there + what was booked = what stands there, wherever the file gives both; and that nothing in it lies far ahead of `now`.
 */
export function checkStatements(statements: readonly ReadStatement[], now: Date): Statement {
  const first = statements[0]!;
  for (const statement of statements) {
    if (identityOf(statement) !== identityOf(first)) {
      const { label, line } = statement.account;
      const reason = `the file has a second account (${label}, ${statement.currency}), beside that of line ${first.account.line}`;
      throw refuseStatement('STATEMENT_SEVERAL_ACCOUNTS', line, reason);
    }
    checkDates(statement, now);
    checkBalance(statement);
  }
  const lines = statements.flatMap((statement) => statement.lines);
  if (lines.length > MAX_LINES) {
    const reason = `the file has ${lines.length} lines of account, at most ${MAX_LINES} are read at once`;
    throw refuseStatement('STATEMENT_TOO_MANY_LINES', first.account.line, reason);
  }
  const newest = statements.reduce((a, b) => (b.asOf >= a.asOf ? b : a));
  return {
    account: first.account,
    currency: first.currency,
    lines: identify(oldestFirst(lines)),
    balanceMinor: newest.closing?.amountMinor ?? null,
    asOf: newest.asOf,
  };
}

function identityOf({ account, currency }: ReadStatement): string {
  return JSON.stringify([...account.identity, currency]);
}

/**
 * Refuses what lies ahead: a file dated years ahead by mistake would make every true one after it an older one, for ever, and its
 * lines would stand before all others. A few days are usual: bookings of a weekend carry the next working day.
 */
function checkDates({ lines, asOf, asOfLine }: ReadStatement, now: Date): void {
  const latest = new Date(now.getTime() + MAX_DAYS_AHEAD * 24 * 60 * 60 * 1000);
  const latestDay = latest.toISOString().slice(0, 10);
  const ahead = lines.find(({ bookedOn }) => bookedOn > latestDay);
  if (ahead) {
    const reason = `the line is booked on ${ahead.bookedOn}, more than ${MAX_DAYS_AHEAD} days ahead`;
    throw refuseStatement('STATEMENT_MALFORMED', ahead.line, reason);
  }
  // A day holds to its end, so that the last day allowed is allowed as a whole.
  if (asOf > lastMomentOf(latestDay)) {
    const reason = `the statement is of ${asOf.toISOString().slice(0, 10)}, more than ${MAX_DAYS_AHEAD} days ahead`;
    throw refuseStatement('STATEMENT_MALFORMED', asOfLine, reason);
  }
}

function checkBalance({ opening, closing, lines, currency }: ReadStatement): void {
  if (!opening || !closing) return;
  const expected = lines.reduce((sum, { amountMinor }) => sum + amountMinor, opening.amountMinor);
  if (expected === closing.amountMinor) return;
  const amount = (amountMinor: bigint) => `${formatAmount(amountMinor, currency)} ${currency}`;
  const reason =
    `the closing balance is ${amount(closing.amountMinor)}, but the opening balance and what was booked ` +
    `make ${amount(expected)}`;
  throw refuseStatement('STATEMENT_BALANCE_MISMATCH', closing.line, reason);
}

/** Files that begin with the newest line are turned round, so that lines of one day keep the order in which they were booked. */
function oldestFirst(lines: readonly ReadLine[]): ReadLine[] {
  const [first, last] = [lines[0], lines.at(-1)];
  const inOrder = first && last && first.bookedOn > last.bookedOn ? lines.toReversed() : [...lines];
  return inOrder.sort((a, b) => (a.bookedOn < b.bookedOn ? -1 : a.bookedOn > b.bookedOn ? 1 : 0));
}

/**
 * Gives every line an identity. Where the source promises that a key is one line's alone, lines with the same key are one line;
 * elsewhere the n-th line of a key is the n-th in every file, so that two equal lines stay two and a second file with both of
 * them adds none.
 */
function identify(lines: readonly ReadLine[]): StatementLine[] {
  const seen = new Map<string, number>();
  return lines.flatMap(({ key, unique, line: _line, ...line }) => {
    const text = JSON.stringify(key);
    const occurrence = (seen.get(text) ?? 0) + 1;
    seen.set(text, occurrence);
    if (unique && occurrence > 1) return [];
    const identity = createHash('sha256').update(`${occurrence} ${text}`).digest('hex');
    return [{ ...line, identity }];
  });
}
