/** `npm run ledger:verify`: reads the chain over the entries again, of this folder's bank, running or stopped, or of DATABASE_URL. */
import { parseArgs } from 'node:util';
import { openDatabase } from '../bank/open-database.ts';
import { verifyLedger, type VerifyReport } from '../ledger/verify.ts';
import { readConfig } from '../platform/config.ts';
import { withTransaction } from '../platform/db.ts';
import { runMain } from '../platform/main-process.ts';
import { StartError } from '../platform/start-error.ts';

const HELP = `npm run ledger:verify -- [--from POSITION] [--anchor POSITION:HASH] [--json]

Computes the chain of hashes over all entries again and compares it with what was written behind their commits. An entry or posting that was
changed, added, removed or moved afterwards is named with its position.

  --from POSITION          begin there; what is before is believed
  --anchor POSITION:HASH   an end of the chain that was noted before, elsewhere: finds a chain that was written anew as a whole
  --json                   for programs

Prints the end of the chain (note it!) and "chain ok" (exit code 0), or what is wrong where (exit code 1). Entries that are not chained
yet are counted; what a wrong clock may explain is shown (LOOK AT) and is no error; the running bank chains them within a second or two.
`;

/** On long work one line in so many seconds. */
const PROGRESS_MS = 2_000;

runMain(async (main) => {
  const given = readArguments();
  if (given.help) {
    process.stdout.write(HELP);
    return 'done';
  }
  const database = await openDatabase(readConfig(process.env));
  main.onStop(() => database.close());
  let toldAt = Date.now();
  const onProgress = (position: bigint, to: bigint): void => {
    if (Date.now() - toldAt < PROGRESS_MS) return;
    toldAt = Date.now();
    process.stderr.write(`position ${position} of ${to}\n`);
  };
  // Transfer's role may read the books. One snapshot, and no time limit, because every row is read.
  const report = await withTransaction(database.pool('transfer'), async (tx) => {
    await tx.query({ text: 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY' });
    await tx.query({ text: 'SET LOCAL statement_timeout = 0' });
    return verifyLedger(tx, { from: given.from, anchor: given.anchor, onProgress });
  });
  process.stdout.write(`${given.json ? JSON.stringify(toJson(report), null, 2) : format(report)}\n`);
  if (report.findings.length > 0) throw new StartError('The chain is not right: see the lines above.');
  return 'done';
});

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        help: { type: 'boolean', short: 'h' },
        from: { type: 'string', default: '1' },
        anchor: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    if (!/^[1-9]\d{0,17}$/.test(values.from)) throw new Error('--from takes a position, 1 or more');
    const anchor = /^(\d{1,18}):([0-9a-fA-F]{64})$/.exec(values.anchor ?? '');
    if (values.anchor !== undefined && !anchor) throw new Error('--anchor takes POSITION:HASH');
    return {
      help: values.help ?? false,
      json: values.json,
      from: BigInt(values.from),
      anchor: anchor && { position: BigInt(anchor[1]!), hash: anchor[2]! },
    };
  } catch (error) {
    // parseArgs says in its message which argument it does not know.
    throw new StartError(`${(error as Error).message}\n\n${HELP}`);
  }
}

function toJson({ head, ...report }: VerifyReport): object {
  return { ok: report.findings.length === 0, ...report, head: { ...head, position: head.position.toString() } };
}

function format({ positions, head, unchained, findings, warnings }: VerifyReport): string {
  return [
    `positions  ${positions} verified`,
    `end        ${head.position}:${head.hash ?? '-'}`,
    `unchained  ${unchained}`,
    ...warnings.map(({ problem, subject, detail }) => `LOOK AT    ${problem}: ${subject} (${detail})`),
    ...findings.map(({ problem, subject, detail }) => `WRONG      ${problem}: ${subject} (${detail})`),
    findings.length === 0 ? 'chain ok' : 'CHAIN NOT OK',
  ].join('\n');
}
