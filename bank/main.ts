import { readConfig, type Config } from '../platform/config.ts';
import { runMain } from '../platform/main-process.ts';
import { HELP, parseArguments } from './arguments.ts';
import { runBank } from './run-bank.ts';

/** The whole bank in one process (`npm start`). */
runMain(
  async (main) => {
    const options = parseArguments(process.argv.slice(2));
    if (options.help) {
      process.stdout.write(`${HELP}\n`);
      return 'done';
    }
    const config: Config = readConfig(process.env);
    await runBank(main, { ...config, port: options.port ?? config.port }, options);
    return 'serving';
  },
  { endsWithParent: process.env['npm_lifecycle_event'] !== undefined },
);
