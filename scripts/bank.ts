import { parseArgs } from 'node:util';
import { openDatabase } from '../bank/open-database.ts';
import { printHelp } from '../platform/command-line.ts';
import { ConfigError, readConfig } from '../platform/config.ts';
import { Refusal } from '../platform/refusal.ts';
import { StartError } from '../platform/start-error.ts';
import { OPERATIONS_REFUSALS } from '../subgraphs/transfer/operations/refusals.ts';
import { COMMANDS, UsageError, type Answer } from './bank/commands.ts';

/*
 * npm run bank -- …
 * For the person on call: the bank of this folder, running or stopped, or the one of DATABASE_URL. docs/on-call.md says when to use what.
 */
const HELP = `npm run bank -- COMMAND [--json] [--by EMAIL]

  alarms                            what to look at now; exit code 1 when there is anything
  explain TRANSFER                  everything about one transfer, in one story
  stuck [--older-than 5m]           transfers that have not ended, by age, with where they hang
  requeue TRANSFER                  have its job run now
  release-hold HOLD --by EMAIL      free held money of a transfer that was never sent; two people with the role ADMIN, one after the other
  jobs                              jobs that wait or run, with attempts and last error
  parked                            events that a listener could not handle (npm run events has them tried again)
  pauses                            what must not leave the bank for now
  pause REASON  --all | --provider NAME | --currency CODE
  resume        --all | --provider NAME | --currency CODE
  read-only on REASON | off         nothing is posted or held
  grant EMAIL ROLE                  make somebody SUPPORT, COMPLIANCE or ADMIN
  revoke EMAIL ROLE                 take it away, and end their sessions

  --by EMAIL   who goes on record, a person with the role ADMIN; else whoever sits at the command line
  --json       for programs
`;

async function main(): Promise<void> {
  if (printHelp(HELP, process.argv.slice(2))) return;
  const { command, given, json } = readArguments();
  const database = await openDatabase(readConfig(process.env));
  try {
    const answer: Answer = await command(database, given);
    process.stdout.write(`${json ? JSON.stringify(answer.json, null, 2) : answer.text}\n`);
    if (answer.failed) process.exitCode = 1;
  } finally {
    await database.close();
  }
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'boolean' },
        by: { type: 'string' },
        'older-than': { type: 'string' },
        all: { type: 'boolean' },
        provider: { type: 'string' },
        currency: { type: 'string' },
      },
    });
    const [name = '', ...words] = positionals;
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name]! : null;
    if (!command) throw new UsageError(name ? `there is no command "${name}"` : 'which command?');
    const { json = false, 'older-than': olderThan, ...options } = values;
    return { command, given: { ...options, words, olderThan }, json };
  } catch (error) {
    // parseArgs says in its TypeError which option it does not know.
    if (error instanceof TypeError) throw new UsageError(error.message);
    throw error;
  }
}

try {
  await main();
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`${error.message}\n\n${HELP}`);
    process.exitCode = 2;
  } else if (error instanceof StartError || error instanceof ConfigError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  } else if (error instanceof Refusal && error.code in OPERATIONS_REFUSALS) {
    // The `in` above is the check that it is one of these codes.
    const { message } = OPERATIONS_REFUSALS[error.code as keyof typeof OPERATIONS_REFUSALS];
    process.stderr.write(`${error.code}: ${message}\n`);
    process.exitCode = 1;
  } else {
    throw error;
  }
}
