import path from 'node:path';
import { parseArgs } from 'node:util';
import { readConfig, STRIPE_SIMULATOR_PORT } from '../../platform/config.ts';
import { runMain } from '../../platform/main-process.ts';
import { StartError, systemCode } from '../../platform/start-error.ts';
import { STRIPE_SIMULATOR_FILE } from './simulator-files.ts';
import { startStripeSimulator } from './stripe/stripe-simulator.ts';

const HELP = `npm run start:simulators -- [--port N]

Runs the simulated providers as a process of their own, for a bank of several processes; \`npm start\` brings its own.

  --port N     listen on port N of 127.0.0.1 (default ${STRIPE_SIMULATOR_PORT}, or PORT)
  --help       show this

Give the bank's processes PROVIDERS=simulated and STRIPE_URL=http://127.0.0.1:${STRIPE_SIMULATOR_PORT}. What was charged is kept in the
bank's folder (DWAYBANK_FOLDER, default .dwaybank). STRIPE_SECRET_KEY, where set, is the test key that callers show.
`;

/** The simulated providers as a process of their own (`npm run start:simulators`). */
runMain(
  async (main) => {
    const { help, port } = parseArguments(process.argv.slice(2));
    if (help) {
      process.stdout.write(HELP);
      return 'done';
    }
    const config = readConfig(process.env);
    if (!config.simulated || config.stripeSecretKey === null) {
      throw new StartError('Simulated providers run only with PROVIDERS=simulated.');
    }
    const listenOn = port ?? (process.env['PORT'] ? config.port : STRIPE_SIMULATOR_PORT);
    const simulator = await startStripeSimulator({
      file: path.join(config.folder, STRIPE_SIMULATOR_FILE),
      secretKey: config.stripeSecretKey,
      port: listenOn,
    }).catch((error: unknown) => {
      if (systemCode(error) !== 'EADDRINUSE') throw error;
      throw new StartError(
        `Port ${listenOn} is taken, perhaps by simulators that run already: end what listens there, or choose another with --port N.`,
        { cause: error },
      );
    });
    main.onStop(() => simulator.close());
    process.stdout.write(`Stripe  ${simulator.url}\n`);
    return 'serving';
  },
  { endsWithParent: process.env['npm_lifecycle_event'] !== undefined },
);

function parseArguments(given: string[]): { help: boolean; port: number | null } {
  try {
    const { values } = parseArgs({
      args: given,
      options: { help: { type: 'boolean', short: 'h' }, port: { type: 'string', short: 'p' } },
    });
    if (values.port !== undefined && (!/^\d{1,5}$/.test(values.port) || Number(values.port) > 65_535)) {
      throw new Error(`--port takes a number from 0 to 65535, not "${values.port}"`);
    }
    return { help: values.help ?? false, port: values.port === undefined ? null : Number(values.port) };
  } catch (error) {
    // parseArgs throws errors that name the option; what they add about positionals is no help here.
    throw new StartError(`${(error as Error).message.split('. ')[0]}: see \`npm run start:simulators -- --help\`.`);
  }
}
