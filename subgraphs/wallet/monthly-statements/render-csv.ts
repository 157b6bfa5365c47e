import { stringify } from 'csv-stringify/sync';
import type { StatementLine } from '../../../ledger/statement.ts';
import { formatAmount } from '../../../platform/money.ts';
import { toTransaction } from '../domain.ts';

const COLUMNS = ['at', 'type', 'amount', 'currency', 'balance_after', 'description', 'counterparty', 'id'];

/** The lines as CSV: RFC 4180, with a header line and CRLF at each end of line. */
export async function renderCsv(pages: AsyncIterable<StatementLine[]>): Promise<string> {
  const parts = [toCsv([COLUMNS])];
  for await (const page of pages) parts.push(toCsv(page.map(toCells)));
  return parts.join('');
}

function toCells(line: StatementLine): string[] {
  const { id, createdAt, type, currency, description, counterparty, ...amounts } = toTransaction(line);
  return [
    createdAt.toISOString(),
    type,
    formatAmount(amounts.amountMinor, currency),
    currency,
    formatAmount(amounts.balanceAfterMinor, currency),
    plain(description),
    plain(counterparty ?? ''),
    id,
  ];
}

/** CR and LF alone are quoted too, as RFC 4180 asks; the library does so for the whole end of a line only. */
const toCsv = (rows: string[][]): string => stringify(rows, { record_delimiter: '\r\n', quoted_match: /[\r\n]/ });

/** What spreadsheets take for the beginning of a formula, in its full-width forms too. */
const FORMULA = /^[\s]*[=+\-@\t\r\uFF1D\uFF0B\uFF0D\uFF20]/;

/** Words that others have written, as no spreadsheet would run them: OWASP's quote in front. Amounts are ours and stay numbers. */
function plain(words: string): string {
  return FORMULA.test(words) ? `'${words}` : words;
}
