/** `npm run demo`: a customer's first day, played through the public door of a running bank, with every claim checked. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { printHelp } from '../platform/command-line.ts';
import { runMain } from '../platform/main-process.ts';
import { StartError, systemCode } from '../platform/start-error.ts';
import { connectBank } from './demo/bank-client.ts';
import { playDemo, type StatementFile } from './demo/play-demo.ts';
import { createReport } from './demo/report.ts';

const HELP = `npm run demo -- [options]

Plays a customer's first day against a running bank (npm start), as apps do: over HTTP and graphql-ws. Two new customers,
accounts in USD, NGN and JPY, a card and a deposit, a bank's own statement file, a payment by email, exchanges, 20 transfers
while both balances are followed live, then portfolio, spending and the risk of one transfer. Everything it says is checked:
the exit code is 0 only if all of it held.

  --url URL          the bank (default http://127.0.0.1:4000)
  --statement FILE   a statement of your bank, OFX or CAMT.053; may be given several times (default: two small samples)
  --json             one JSON document on stdout, progress on stderr
  --help             show this

Needs a bank with simulated providers, the default of npm start.`;

const SAMPLES = ['everyday.ofx', 'everyday.camt053.xml'];

runMain(async (main) => {
  const given = process.argv.slice(2);
  if (printHelp(HELP, given)) return 'done';
  const { url, statement, json } = parseOptions(given);
  const statements = statement.length > 0 ? statement.map(readStatement) : SAMPLES.map(readSample);
  const report = createReport({ json });
  const bank = await connectBank(url);
  main.onStop(() => bank.close());
  const held = await playDemo(bank, report, statements);
  report.end();
  if (!held) main.fail('The demo did not hold: see the claim marked above.');
  return held ? 'done' : 'serving';
});

interface Options {
  url: string;
  statement: string[];
  json: boolean;
}

function parseOptions(given: string[]): Options {
  try {
    const { values } = parseArgs({
      args: given,
      options: {
        url: { type: 'string', default: `http://127.0.0.1:${process.env['PORT'] || '4000'}` },
        statement: { type: 'string', multiple: true, default: [] },
        json: { type: 'boolean', default: false },
      },
    });
    if (!URL.canParse(values.url)) throw new StartError(`--url takes an address like http://127.0.0.1:4000.`);
    return { ...values, url: values.url.replace(/\/+$/, '') };
  } catch (error) {
    if (error instanceof StartError) throw error;
    // parseArgs throws errors that name the option; what they add about positionals is no help here.
    throw new StartError(`${(error as Error).message.split('. ')[0]!}: see \`npm run demo -- --help\`.`, {
      cause: error,
    });
  }
}

function readStatement(file: string): StatementFile {
  try {
    return { file, text: readFileSync(file, 'utf8') };
  } catch (error) {
    throw new StartError(`The statement ${file} cannot be read (${systemCode(error) ?? String(error)}).`, {
      cause: error,
    });
  }
}

function readSample(name: string): StatementFile {
  return { file: name, text: readFileSync(new URL(`demo/samples/${name}`, import.meta.url), 'utf8') };
}
