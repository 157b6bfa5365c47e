/** `npm run ledger:check`: proves the books of this folder's bank, running or stopped, or of DATABASE_URL. */
import { parseArgs } from 'node:util';
import { openDatabase } from '../bank/open-database.ts';
import { formatBooksReport, proveBooks } from '../ledger/check.ts';
import { readConfig } from '../platform/config.ts';
import { withTransaction } from '../platform/db.ts';
import { runMain } from '../platform/main-process.ts';
import { StartError } from '../platform/start-error.ts';
import { proveTransfers } from '../subgraphs/transfer/check.ts';

const HELP = `npm run ledger:check

Proves the books of this folder's bank, running or stopped, or of DATABASE_URL:
  - all postings of a currency sum to zero, and so do those of each entry
  - every customer's balance is the sum of its postings and equals its last version
  - versions run 1, 2, 3 ... without a gap, each following from the one before
  - no customer's balance is or was below zero
  - what is held is what open holds hold, at every version; captures are what was posted
  - every completed transfer is exactly one entry of its amount

Prints its figures and ends with "books ok" (exit code 0), or says what is wrong where (exit code 1).
`;

runMain(async (main) => {
  if (wantsHelp()) {
    process.stdout.write(HELP);
    return 'done';
  }
  const database = await openDatabase(readConfig(process.env));
  main.onStop(() => database.close());
  // Transfer's role may read both the books and the transfers. One snapshot for all, so that a posting made meanwhile is
  // in every figure or in none; and no time limit, because the proof reads every row there is.
  const report = await withTransaction(database.pool('transfer'), async (tx) => {
    await tx.query({ text: 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY' });
    await tx.query({ text: 'SET LOCAL statement_timeout = 0' });
    const books = await proveBooks(tx);
    const transfers = await proveTransfers(tx);
    return { figures: books.figures, transfers, findings: [...books.findings, ...transfers.findings] };
  });
  process.stdout.write(`transfers  ${report.transfers.transfers}\n${formatBooksReport(report)}\n`);
  if (report.findings.length > 0) throw new StartError('The books are not right: see the lines above.');
  return 'done';
});

function wantsHelp(): boolean {
  try {
    return parseArgs({ options: { help: { type: 'boolean', short: 'h' } } }).values.help ?? false;
  } catch (error) {
    // parseArgs says in its message which argument it does not know.
    throw new StartError(`${(error as Error).message}\n\n${HELP}`);
  }
}
