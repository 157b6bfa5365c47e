import { spanLines } from '../../../ledger/statement-span.ts';
import type { StatementLine } from '../../../ledger/statement.ts';
import type { Queryable } from '../../../platform/db.ts';
import { codedError } from '../../../platform/graph-errors.ts';
import { parsePage, positionOfForm, toConnection, type Connection } from '../../../platform/pagination.ts';
import { POLICY } from '../../../platform/policy.ts';
import { toTransaction } from '../domain.ts';
import type { TransactionParent } from '../graph-types.ts';
import type { MonthlyStatementParent } from './find-statement.ts';

const isVersion = positionOfForm(/^[1-9][0-9]{0,14}$/);
const DEFAULT_SIZE = 50;
/** Lines in memory at once while a document is written. */
const LINES_AT_ONCE = 500;

/** A page of a statement's lines, oldest first. */
export async function listStatementLines(
  db: Queryable,
  { span, month }: MonthlyStatementParent,
  args: { first?: number | null; after?: string | null },
): Promise<Connection<TransactionParent>> {
  const page = parsePage(args, `account.statement:${span.accountId}`, { month }, isVersion, DEFAULT_SIZE);
  const after = page.after ? Math.max(Number(page.after[0]), span.after) : span.after;
  const lines = await spanLines(db, { ...span, after }, page.limit + 1);
  return toConnection(lines, page, ({ version }) => [String(version)], toTransaction);
}

/**
 * All lines of a statement, oldest first and some at a time, for a document. Throws in the end when they are not what the statement says:
 * a document that does not add up is never given out.
 */
export async function* allStatementLines(
  db: Queryable,
  statement: MonthlyStatementParent,
  signal: AbortSignal,
): AsyncGenerator<StatementLine[]> {
  const { span, lineCount } = statement;
  if (lineCount > POLICY.statements.mostLines) {
    throw codedError(
      'STATEMENT_TOO_LONG',
      `A document has at most ${POLICY.statements.mostLines} lines, and this month has ${lineCount}. Read its lines page by page.`,
    );
  }
  let balance = statement.openingMinor;
  let count = 0;
  for (let after = span.after; ;) {
    signal.throwIfAborted(); // nobody waits for it any more
    const lines = await spanLines(db, { ...span, after }, LINES_AT_ONCE);
    for (const line of lines) {
      balance += line.amountMinor;
      if (balance !== line.balanceAfterMinor) throw new Error(`line ${line.id} does not follow from the one before`);
    }
    count += lines.length;
    if (lines.length > 0) yield lines;
    if (lines.length < LINES_AT_ONCE) break;
    after = lines.at(-1)!.version;
  }
  if (balance !== statement.closingMinor || count !== lineCount) {
    throw new Error(`statement ${statement.month} of account ${span.accountId} does not add up to its lines`);
  }
}
