import { readConfig } from '../platform/config.ts';
import { runMain } from '../platform/main-process.ts';
import { HELP, parseArguments } from './arguments.ts';
import { openBankDatabase } from './open-bank-database.ts';

/** The whole bank in one process (`npm start`). */
runMain(
  async (main) => {
    const began = performance.now();
    const { fresh, demo, help, port } = parseArguments(process.argv.slice(2));
    if (help) {
      process.stdout.write(`${HELP}\n`);
      return 'done';
    }
    const environment = readConfig(process.env);
    const config = { ...environment, port: port ?? environment.port };
    const progress = (step: string) => {
      const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(5);
      if (!main.stopping) process.stdout.write(`${seconds} s  ${step}\n`);
    };
    const database = await openBankDatabase(main, config, { fresh, progress });
    if (main.stopping) return 'serving';
    // Loaded only now, because it is most of the code: what keeps a bank from starting is said before.
    const { runBank } = await import('./run-bank.ts');
    await runBank(main, database, { config, demo, progress });
    return 'serving';
  },
  { endsWithParent: process.env['npm_lifecycle_event'] !== undefined },
);
