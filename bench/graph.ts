/** `npm run bench:graph`: how fast the bank answers through its own door, every answer checked. */
import { parseArgs } from 'node:util';
import { runMain } from '../platform/main-process.ts';
import { StartError } from '../platform/start-error.ts';
import { startGraphBank, type GraphBank } from './graph-bank.ts';
import { runTurn, type Operation, type Turn } from './graph-load.ts';
import { createOperations } from './graph-operations.ts';
import { AIM, aimReached, figuresOf, tableOf, type Figures } from './graph-report.ts';

const CUSTOMERS = 128;
const IN_FLIGHT = [1, 16, 64] as const;
const OPERATIONS = 5;
/** Access tokens live 15 minutes, and nobody refreshes them here. */
const LONGEST_MINUTES = 10;

const HELP = `npm run bench:graph -- [--seconds N] [--rounds N] [--json]

Measures a bank of its own, run as \`npm start\` runs it: in a process of its own, on a temporary folder, every commit on the
disk. This process is its clients: ${CUSTOMERS} customers over HTTP connections that stay open, ${IN_FLIGHT.join(', ')} requests in flight.
  smallest answer         { __typename }: token, limits, GraphQL and no subgraph; what everything else is compared with
  createTransfer, spread  payments by email from any customer to any other, with the balance after it
  createTransfer, hot     the same, all to one customer
  balance                 one account's balance
  home screen             the screen an app opens with, over all six subgraphs
They take turns in rounds. Every answer is compared with what the customers' books must say, and the books are proved at the
end. Rates are the median of the rounds', times are those of all answers. Clients and bank share this machine's processors.

  --seconds N  of each turn (default 2)
  --rounds N   (default 3)
  --json       the figures as JSON on stdout; progress goes to stderr
Aim: ${AIM.operation} with ${AIM.inFlight} in flight, p95 below ${AIM.p95Ms} ms on two processors. Whether it was met is said.
Exit code 1 when an answer or the books are wrong.
`;

runMain(async (main) => {
  const options = readOptions();
  if (!options) {
    process.stdout.write(HELP);
    return 'done';
  }
  process.stderr.write(`Starting a bank with ${CUSTOMERS} customers\n`);
  const isStopping = () => main.stopping;
  const bank = await startGraphBank(CUSTOMERS, isStopping);
  main.onStop(() => bank.stop());
  const figures = await measure(bank, options, isStopping);
  const books = await bank.prove();
  // Here, and not only when the process ends: there it would have to be quick.
  await bank.stop();
  const aim = aimReached(figures);
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ ...options, figures, aim: { ...AIM, met: aim.met }, books }, null, 2)}\n`
      : `\n${tableOf(figures)}\n\n${books}\n${aim.sentence}\n`,
  );
  return 'done';
});

interface Options {
  seconds: number;
  rounds: number;
  json: boolean;
}

function readOptions(): Options | null {
  const number = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    const { values } = parseArgs({
      options: { seconds: number, rounds: number, json: flag, help: { ...flag, short: 'h' } },
    });
    if (values.help) return null;
    const seconds = positive('seconds', values.seconds, 2);
    const rounds = positive('rounds', values.rounds, 3);
    const minutes = (seconds * rounds * IN_FLIGHT.length * OPERATIONS) / 60;
    if (minutes > LONGEST_MINUTES) throw new Error(`That would take more than ${LONGEST_MINUTES} minutes.`);
    return { seconds, rounds, json: values.json ?? false };
  } catch (error) {
    // parseArgs says in its message which argument it does not know.
    throw new StartError(`${(error as Error).message}\n\n${HELP}`);
  }
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new Error(`--${name} takes a whole number from 1 to 999, not "${text}"`);
  return Number(text);
}

async function measure(
  { url, customers }: GraphBank,
  { seconds, rounds }: Options,
  isStopping: () => boolean,
): Promise<Figures[]> {
  const operations = createOperations(customers, new Date().toISOString().slice(0, 10));
  const turns = new Map(operations.map(({ name }) => [name, IN_FLIGHT.map((): Turn[] => [])]));
  // Connections, plans and compiled code are warm when the first round begins.
  for (const operation of operations) await runTurn(url, operation, { inFlight: 16, seconds: 1 });
  for (let round = 1; round <= rounds; round++) {
    for (const [place, inFlight] of IN_FLIGHT.entries()) {
      for (const operation of operations) {
        if (isStopping()) throw new StartError('Stopped.');
        const turn = await runTurn(url, operation, { inFlight, seconds });
        turns.get(operation.name)![place]!.push(turn);
        process.stderr.write(
          `round ${round} of ${rounds}  ${operation.name.padEnd(24)}${String(inFlight).padStart(3)} in flight${turn.rate.toFixed(0).padStart(8)} a second\n`,
        );
      }
    }
  }
  return sumUp(operations, turns);
}

function sumUp(operations: readonly Operation[], turns: ReadonlyMap<string, Turn[][]>): Figures[] {
  const [floor] = operations;
  return operations.flatMap(({ name }) =>
    IN_FLIGHT.map((inFlight, place) =>
      figuresOf(name, inFlight, turns.get(name)![place]!, turns.get(floor!.name)![place]!),
    ),
  );
}
