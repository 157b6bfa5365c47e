import { parseArgs } from 'node:util';
import { StartError } from '../platform/start-error.ts';

export interface BankArguments {
  fresh: boolean;
  demo: boolean;
  help: boolean;
  /** Null: as the environment says, or 4000. */
  port: number | null;
}

export const HELP = `npm start -- [options]

Runs the whole bank in one process: Postgres, six subgraphs and the gateway.

  --fresh      begin anew: everything in this folder's bank is removed first
  --port N     listen on port N (default 4000, or PORT)
  --no-demo    make no demo customers
  --help       show this

With DATABASE_URL (and DWAYBANK_SECRET) the bank uses a Postgres of yours, with REDIS_URL a Redis of yours.
The README lists all variables.`;

/** The options of \`npm start\`, or one sentence about what is wrong with them. */
export function parseArguments(given: string[]): BankArguments {
  const { values, positionals } = parse(given);
  if (positionals.length > 0) throw usage(`Unknown argument "${positionals[0]}"`);
  return {
    fresh: values.fresh ?? false,
    demo: !(values['no-demo'] ?? false),
    help: values.help ?? false,
    port: values.port === undefined ? null : parsePort(values.port),
  };
}

function parse(given: string[]) {
  try {
    return parseArgs({
      args: given,
      allowPositionals: true,
      options: {
        fresh: { type: 'boolean' },
        'no-demo': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        port: { type: 'string', short: 'p' },
      },
    });
  } catch (error) {
    // parseArgs throws errors that name the option; what they add about positionals is no help here.
    throw usage((error as Error).message.split('. ')[0]!);
  }
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw usage(`--port takes a number from 0 to 65535, not "${text}"`);
  return port;
}

function usage(problem: string): StartError {
  return new StartError(`${problem}: see \`npm start -- --help\`.`);
}
