import { parseArgs } from 'node:util';
import { openDatabase } from '../bank/open-database.ts';
import { printHelp } from '../platform/command-line.ts';
import { ConfigError, readConfig } from '../platform/config.ts';
import type { Queryable } from '../platform/db.ts';
import { formatPosition, parsePosition } from '../platform/event-log.ts';
import { LAG_LIMIT, listLag, listParked, PARKED_LIMIT, replay, retryParked } from '../platform/event-operations.ts';
import { StartError } from '../platform/start-error.ts';

/*
 * npm run events -- …
 * Looks after the event log of this folder's bank, running or stopped, or of DATABASE_URL.
 */
const HELP = `npm run events -- COMMAND

  lag                                  how far each listener has come
  parked                               events that a listener could not handle, with the reason
  retry [--listener NAME]              have parked events tried again (the running bank does it)
  replay --listener NAME --from XID:ID have a listener read again from an event on, that one included; 0:1 is the beginning
`;

/** A wrong call: shown with the help, exit code 2. */
class UsageError extends Error {}

const COMMANDS: Record<string, (db: Queryable, options: Options) => Promise<string>> = {
  lag: async (db) => {
    const listeners = await listLag(db);
    if (listeners.length === 0) return 'No listener has run yet.';
    return table([
      ['listener', 'position', 'behind', 'oldest', 'parked'],
      ...listeners.map(({ listener, position, behind, oldestSeconds, parked }) => [
        listener,
        formatPosition(position),
        behind >= LAG_LIMIT ? `${LAG_LIMIT} or more` : String(behind),
        oldestSeconds === null ? '-' : `${oldestSeconds} s`,
        String(parked),
      ]),
    ]);
  },
  parked: async (db) => {
    const parked = await listParked(db);
    if (parked.length === 0) return 'No event is parked.';
    const rows = parked.map((event) => [
      event.listener,
      formatPosition(event.position),
      event.type,
      event.key,
      String(event.attempts),
      event.parkedAt.toISOString(),
      event.error,
    ]);
    const more = parked.length === PARKED_LIMIT ? `\nThe oldest ${PARKED_LIMIT}; there may be more.` : '';
    return table([['listener', 'event', 'type', 'key', 'attempts', 'parked at', 'error'], ...rows]) + more;
  },
  retry: async (db, { listener }) => {
    const count = await retryParked(db, listener ?? null);
    return `Asked for ${count} parked ${count === 1 ? 'event' : 'events'} to be tried again.`;
  },
  replay: async (db, { listener, from }) => {
    const position = from === undefined ? null : parsePosition(from);
    if (!listener || !position) throw new UsageError('replay needs --listener NAME and --from XID:ID');
    if (await replay(db, listener, position)) return `${listener} reads again from ${from}.`;
    throw new StartError(`There is no listener ${listener} that has come to ${from}: see \`npm run events -- lag\`.`);
  },
};

interface Options {
  listener?: string | undefined;
  from?: string | undefined;
}

async function main(): Promise<void> {
  if (printHelp(HELP, process.argv.slice(2))) return;
  const { command, options } = readArguments();
  const database = await openDatabase(readConfig(process.env));
  try {
    process.stdout.write(`${await command(database.pool('platform'), options)}\n`);
  } finally {
    await database.close();
  }
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { listener: { type: 'string' }, from: { type: 'string' } },
    });
    const command = COMMANDS[positionals[0] ?? ''];
    if (!command || positionals.length > 1) throw new UsageError(`there is no command "${positionals.join(' ')}"`);
    return { command, options: values };
  } catch (error) {
    // parseArgs says in its TypeError which option it does not know.
    if (error instanceof TypeError) throw new UsageError(error.message);
    throw error;
  }
}

function table(rows: string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
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
  } else {
    throw error;
  }
}
