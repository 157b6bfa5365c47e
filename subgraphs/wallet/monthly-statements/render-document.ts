import type { Queryable } from '../../../platform/db.ts';
import type { MonthlyStatementParent } from './find-statement.ts';
import { allStatementLines } from './list-statement-lines.ts';
import { renderCamt053, requireCamt053 } from './render-camt053.ts';
import { renderCsv } from './render-csv.ts';
import { renderJson } from './render-json.ts';

/** A file as text; the graph's StatementDocument. */
export interface StatementDocument {
  contentType: string;
  fileName: string;
  text: string;
}

/** The whole statement as JSON. */
export async function renderJsonDocument(
  db: Queryable,
  statement: MonthlyStatementParent,
  accountName: string,
  signal: AbortSignal,
): Promise<StatementDocument> {
  const text = await renderJson(statement, accountName, allStatementLines(db, statement, signal));
  return { contentType: 'application/json; charset=utf-8', fileName: fileNameOf(statement, 'json'), text };
}

/** The lines as CSV. */
export async function renderCsvDocument(
  db: Queryable,
  statement: MonthlyStatementParent,
  signal: AbortSignal,
): Promise<StatementDocument> {
  const text = await renderCsv(allStatementLines(db, statement, signal));
  return { contentType: 'text/csv; charset=utf-8; header=present', fileName: fileNameOf(statement, 'csv'), text };
}

/** The whole statement as CAMT.053. */
export async function renderCamt053Document(
  db: Queryable,
  statement: MonthlyStatementParent,
  accountName: string,
  signal: AbortSignal,
): Promise<StatementDocument> {
  requireCamt053(statement);
  const text = await renderCamt053(statement, accountName, allStatementLines(db, statement, signal));
  return { contentType: 'application/xml; charset=utf-8', fileName: fileNameOf(statement, 'camt053.xml'), text };
}

/** Says month, currency and, as far as it takes to tell one's own accounts apart, the account. */
function fileNameOf({ month, preliminary, account }: MonthlyStatementParent, ending: string): string {
  const number = account.id.replaceAll('-', '').slice(-8);
  return `statement-${month}-${account.currency}-${number}${preliminary ? '-preliminary' : ''}.${ending}`;
}
