import type { StatementLine } from '../../../ledger/statement.ts';
import { formatAmount } from '../../../platform/money.ts';
import { toTransaction } from '../domain.ts';
import type { MonthlyStatementParent } from './find-statement.ts';

/** The shape of the JSON; a change that breaks readers is another number. */
const FORMAT = 'dwaybank.statement.v1';

/** The statement as JSON, amounts in major units as text; see the README of wallet. */
export async function renderJson(
  statement: MonthlyStatementParent,
  accountName: string,
  pages: AsyncIterable<StatementLine[]>,
): Promise<string> {
  const { account, month, from, to, preliminary, told, lineCount } = statement;
  const { id, kind, currency } = account;
  const amount = (minor: bigint) => formatAmount(minor, currency);
  const head = {
    format: FORMAT,
    month,
    from,
    to,
    preliminary,
    told,
    account: { id, name: accountName, kind, currency },
    opening: amount(statement.openingMinor),
    closing: amount(statement.closingMinor),
    totalIn: amount(statement.inMinor),
    totalOut: amount(statement.outMinor),
    lineCount,
  };
  const lines: string[] = [];
  for await (const page of pages) {
    for (const line of page) {
      const { id, createdAt, type, amountMinor, balanceAfterMinor, description, counterparty } = toTransaction(line);
      const written = { id, at: createdAt, type, amount: amount(amountMinor), balanceAfter: amount(balanceAfterMinor) };
      lines.push(JSON.stringify({ ...written, description, counterparty }));
    }
  }
  // The lines are texts already: put into the head's, none of them is held as text and as object at once.
  return `${JSON.stringify(head).slice(0, -1)},"lines":[${lines.join(',')}]}\n`;
}
