import { formatBooksReport, proveBooks } from '../ledger/check.ts';
import type { Queryable } from '../platform/db.ts';
import { proveTransfers } from '../subgraphs/transfer/check.ts';

/**
 * The proof that every test which moves money ends with: the books are right, and transfers and books say the same. `db`
 * connects as dwaybank_transfer or the administrator, who may read both.
 */
export async function expectBooksOk(db: Queryable): Promise<void> {
  const books = await proveBooks(db);
  const transfers = await proveTransfers(db);
  const report = { ...books, findings: [...books.findings, ...transfers.findings] };
  if (report.findings.length > 0) throw new Error(formatBooksReport(report));
}
