import path from 'node:path';
import { parseArgs } from 'node:util';
import { FIRST_SIMULATOR_PORT, PROVIDER_IDS, readConfig } from '../../platform/config.ts';
import { runMain } from '../../platform/main-process.ts';
import { StartError, systemCode } from '../../platform/start-error.ts';
import { simulatorFile } from './simulator-files.ts';
import { SIMULATORS } from './simulators.ts';

const PLACES = SIMULATORS.map(
  ({ name }) => `  ${name.toUpperCase()}_URL=http://127.0.0.1:${FIRST_SIMULATOR_PORT + PROVIDER_IDS.indexOf(name)}`,
);
const HELP = `npm run start:simulators -- [--port N]

Runs the simulated providers as a process of their own, for a bank of several processes; \`npm start\` brings its own.

  --port N     listen on port N of 127.0.0.1 and the ports after it (default ${FIRST_SIMULATOR_PORT}, or PORT); 0: any free ports
  --help       show this

Give the bank's processes PROVIDERS=simulated; these are the places where they look unless told otherwise:
${PLACES.join('\n')}
What was done is kept in the bank's folder (DWAYBANK_FOLDER, default .dwaybank). NAME_SECRET_KEY and NAME_WEBHOOK_SECRET, where
set, are the test keys that callers show and that webhooks are signed with; WEBHOOKS_URL is where webhooks go (default
http://127.0.0.1:4000/webhooks).
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
    if (!config.simulated) throw new StartError('Simulated providers run only with PROVIDERS=simulated.');
    const firstPort = port ?? (process.env['PORT'] ? config.port : FIRST_SIMULATOR_PORT);
    for (const { name, title, start } of SIMULATORS) {
      const { secretKey, webhookSecret } = config.providers[name];
      const listenOn = firstPort === 0 ? 0 : firstPort + PROVIDER_IDS.indexOf(name);
      const simulator = await start({
        file: path.join(config.folder, simulatorFile(name)),
        // With simulated providers there are always keys, made up where none were given.
        secretKey: secretKey!,
        webhookSecret: webhookSecret!,
        iban: config.bankrailIban!,
        port: listenOn,
      }).catch((error: unknown) => {
        if (systemCode(error) !== 'EADDRINUSE') throw error;
        throw new StartError(
          `Port ${listenOn} is taken, perhaps by simulators that run already: end what listens there, or choose another with --port N.`,
          { cause: error },
        );
      });
      main.onStop(() => simulator.close());
      simulator.sendWebhooksTo?.(`${config.webhooksUrl}/${name}`);
      process.stdout.write(`${title}  ${simulator.url}\n`);
    }
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
    const most = 65_535 - PROVIDER_IDS.length;
    if (values.port !== undefined && (!/^\d{1,5}$/.test(values.port) || Number(values.port) > most)) {
      throw new Error(`--port takes a number from 0 to ${most}, not "${values.port}"`);
    }
    return { help: values.help ?? false, port: values.port === undefined ? null : Number(values.port) };
  } catch (error) {
    // parseArgs throws errors that name the option; what they add about positionals is no help here.
    throw new StartError(`${(error as Error).message.split('. ')[0]}: see \`npm run start:simulators -- --help\`.`);
  }
}
