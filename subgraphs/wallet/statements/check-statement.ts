import { createHash } from 'node:crypto';
import { formatAmount } from '../../../platform/money.ts';
import { refuseStatement, type ReadLine, type ReadStatement, type Statement, type StatementLine } from './statement.ts';

/** More lines than a person's account sees in years, and few enough for one transaction. */
export const MAX_LINES = 10_000;

/**
 * Joins the statements of one file into one, after checking that they are of one account and that each adds up: what stood
 * there + what was booked = what stands there, wherever the file gives both.
 */
export function checkStatements(statements: readonly ReadStatement[]): Statement {
  const first = statements[0]!;
  for (const statement of statements) {
    if (identityOf(statement) !== identityOf(first)) {
      const { label, line } = statement.account;
      const reason = `the file has a second account (${label}, ${statement.currency}), beside that of line ${first.account.line}`;
      throw refuseStatement('STATEMENT_SEVERAL_ACCOUNTS', line, reason);
    }
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
  return lines.flatMap(({ key, unique, ...line }) => {
    const text = JSON.stringify(key);
    const occurrence = (seen.get(text) ?? 0) + 1;
    seen.set(text, occurrence);
    if (unique && occurrence > 1) return [];
    const identity = createHash('sha256').update(`${occurrence} ${text}`).digest('hex');
    return [{ ...line, identity }];
  });
}
