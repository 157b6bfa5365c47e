/** `npm run bench:ledger`: how fast transfers are posted, against their own function called singly and against pgbench. */
import { parseArgs } from 'node:util';
import { proveBooks } from '../ledger/check.ts';
import { createLog } from '../platform/log.ts';
import { runMain } from '../platform/main-process.ts';
import { StartError } from '../platform/start-error.ts';
import { proveTransfers } from '../subgraphs/transfer/check.ts';
import { createPoster } from '../subgraphs/transfer/poster.ts';
import { planTransfer, startBenchBank, type BenchBank, type Spread } from './ledger-bank.ts';
import { createYardstick, type Yardstick } from './smallest-double-entry.ts';

const ACCOUNTS = 1_000;
/** What many single calls need to keep two processors busy; with more they only wait for each other. */
const SINGLE_CALLS = 16;
/** What waits at one process of a busy bank: a batch under way on each posting connection, and as much behind them. */
const REQUESTS = 256;
const POSTING_CONNECTIONS = 2;

const FLOORS: Record<Spread, { singly: number; pgbench: number }> = {
  spread: { singly: 4, pgbench: 1 },
  hot: { singly: 6, pgbench: 3 },
};

/** How many entries the books have before and after they grow, and by how much the cost of a transfer may grow with them. */
const SMALL_BOOKS = 10_000;
const MOST_GROWTH = 1.2;

const HELP = `npm run bench:ledger -- [--seconds N] [--rounds N] [--requests N] [--grow N]

Posts transfers on a bank of its own in a temporary folder (${ACCOUNTS} accounts, Postgres with the settings of an embedded bank:
every commit reaches the disk), in rounds in which the three take turns, and proves the books at the end:
  batched  the poster as the bank runs it: ${POSTING_CONNECTIONS} connections, ${REQUESTS} requests in flight
  singly   the same SQL function, the same poster, but one transfer a call: ${SINGLE_CALLS} connections, ${SINGLE_CALLS} in flight
  pgbench  the smallest double entry there is (no key, no transfer, no event), one call each, ${SINGLE_CALLS} clients
each spread (any account to any other) and hot (all to one account). Every account has an open hold, and every transfer counts
against its customer's limits.

  --seconds N   of each turn (default 2)
  --rounds N    (default 7); a ratio is the median of the rounds'
  --requests N  in flight for "batched" (default ${REQUESTS})
  --grow N      instead: the cost of a transfer (spread) in books of ${SMALL_BOOKS} entries against books of N, for example 1000000, each as a
                part of pgbench's in the same rounds; it may grow by ${Math.round((MOST_GROWTH - 1) * 100)} %
Exit code 1 when a ratio is below its floor: batched / singly ${FLOORS.spread.singly} spread, ${FLOORS.hot.singly} hot; batched / pgbench ${FLOORS.spread.pgbench} spread, ${FLOORS.hot.pgbench} hot.
`;

/** Transfers per second. */
type Rates = { batched: number; singly: number; pgbench: number };

runMain(async (main) => {
  const options = readOptions();
  if (!options) {
    process.stdout.write(HELP);
    return 'done';
  }
  const bank = await startBenchBank(ACCOUNTS);
  main.onStop(() => bank.stop());
  const yardstick = await createYardstick(bank.admin, bank.adminUrl, ACCOUNTS);
  main.onStop(() => yardstick.stop());
  process.stdout.write(`${options.rounds} rounds of ${options.seconds} s a turn; yardstick: ${yardstick.by}\n`);
  if (options.grow !== null) {
    await measureGrowth(bank, yardstick, options, options.grow);
    return 'done';
  }
  const rounds = await runRounds(bank, yardstick, options);
  await yardstick.prove();
  process.stdout.write(`${await provenFigures(bank)}\n\n`);
  const below = (['spread', 'hot'] as const).flatMap((spread) => report(spread, rounds[spread]));
  if (below.length > 0) throw new StartError(`Below the floor: ${below.join(', ')}.`);
  return 'done';
});

interface Options {
  /** Books of so many entries are measured too; null: no growth is measured. */
  grow: number | null;
  seconds: number;
  rounds: number;
  requests: number;
}

function readOptions(): Options | null {
  const number = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      options: {
        seconds: number,
        rounds: number,
        requests: number,
        grow: number,
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) return null;
    return {
      grow: values.grow === undefined ? null : positive('grow', values.grow, 1),
      seconds: positive('seconds', values.seconds, 2),
      rounds: positive('rounds', values.rounds, 7),
      requests: positive('requests', values.requests, REQUESTS),
    };
  } catch (error) {
    // parseArgs says in its message which argument it does not know.
    throw new StartError(`${(error as Error).message}\n\n${HELP}`);
  }
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new Error(`--${name} takes a whole number above 0, not "${text}"`);
  return Number(text);
}

/**
 * What a transfer costs in small and in large books, as a part of what the smallest double entry costs in the same round: whatever the machine
 * does meanwhile, it does to both.
 */
async function measureGrowth(bank: BenchBank, yardstick: Yardstick, options: Options, entries: number): Promise<void> {
  const pool = bank.pool('dwaybank_transfer', 'transfer', POSTING_CONNECTIONS);
  const limits = { connections: POSTING_CONNECTIONS, maxBatch: 128 };
  const work = { spread: 'spread', limits, inFlight: options.requests } as const;
  const measure = async (): Promise<number> => {
    const ratios: number[] = [];
    for (let round = 1; round <= options.rounds; round++) {
      await bank.admin.query('CHECKPOINT');
      const batched = await postFor(bank, pool, { ...work, seconds: options.seconds });
      await bank.admin.query('CHECKPOINT');
      const pgbench = await yardstick.run('spread', { seconds: options.seconds, clients: SINGLE_CALLS });
      ratios.push(batched / pgbench);
      process.stdout.write(`  round ${round}  batched ${perSecond(batched)}  pgbench ${perSecond(pgbench)}\n`);
    }
    return median(ratios);
  };
  const grow = async (to: number): Promise<void> => {
    for (let has = await countEntries(bank); has < to; has = await countEntries(bank)) {
      process.stdout.write(`  ${has} of ${to} entries\n`);
      await postFor(bank, pool, { ...work, seconds: 10 });
    }
    await bank.admin.query('VACUUM ANALYZE');
  };
  // Of large books a VACUUM takes longer than a statement of the bank may.
  await bank.admin.query('SET statement_timeout = 0');
  await grow(SMALL_BOOKS);
  const small = await measure();
  await grow(entries);
  const large = await measure();
  process.stdout.write(`${await provenFigures(bank)}\n`);
  const growth = small / large;
  process.stdout.write(
    `cost of a transfer at ${entries} entries against ${SMALL_BOOKS}: ${growth.toFixed(2)} x (may be ${MOST_GROWTH} x)\n`,
  );
  if (growth > MOST_GROWTH)
    throw new StartError(`The cost of a transfer grows by more than it may: ${growth.toFixed(2)} x.`);
}

async function countEntries(bank: BenchBank): Promise<number> {
  const { rows } = await bank.admin.query<{ count: string }>('SELECT count(*) FROM ledger.entry');
  return Number(rows[0]!.count);
}

async function runRounds(bank: BenchBank, yardstick: Yardstick, options: Options): Promise<Record<Spread, Rates[]>> {
  const rounds: Record<Spread, Rates[]> = { spread: [], hot: [] };
  const batched = { connections: POSTING_CONNECTIONS, maxBatch: 128 };
  const singly = { connections: SINGLE_CALLS, maxBatch: 1 };
  const pool = bank.pool('dwaybank_transfer', 'transfer', SINGLE_CALLS);
  const turn = async (spread: Spread, limits: typeof batched, inFlight: number, seconds = options.seconds) => {
    // So that each turn begins with the same work for the next checkpoint before it.
    await bank.admin.query('CHECKPOINT');
    return postFor(bank, pool, { spread, limits, inFlight, seconds });
  };
  // Connections, plans and caches are warm when the first round begins.
  await turn('spread', batched, options.requests, 1);
  await turn('spread', singly, SINGLE_CALLS, 1);
  for (let round = 1; round <= options.rounds; round++) {
    for (const spread of ['spread', 'hot'] as const) {
      const rates = {
        batched: await turn(spread, batched, options.requests),
        singly: await turn(spread, singly, SINGLE_CALLS),
        pgbench: await bank.admin
          .query('CHECKPOINT')
          .then(() => yardstick.run(spread, { seconds: options.seconds, clients: SINGLE_CALLS })),
      };
      rounds[spread].push(rates);
      process.stdout.write(
        `round ${round} ${spread.padEnd(6)}  batched ${perSecond(rates.batched)}  singly ${perSecond(rates.singly)}  pgbench ${perSecond(rates.pgbench)}\n`,
      );
    }
  }
  return rounds;
}

async function postFor(
  bank: BenchBank,
  pool: ReturnType<BenchBank['pool']>,
  {
    spread,
    limits,
    inFlight,
    seconds,
  }: { spread: Spread; limits: { connections: number; maxBatch: number }; inFlight: number; seconds: number },
): Promise<number> {
  const poster = createPoster({ pool, wakeUp: { signal: () => {} }, log: createLog('warn') }, limits);
  const any = (from: number) => from + Math.floor(Math.random() * (ACCOUNTS - from));
  const startedAt = performance.now();
  let posted = 0;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (performance.now() - startedAt < seconds * 1_000) {
        const source = any(1);
        const destination = spread === 'hot' ? 0 : (source + any(1)) % ACCOUNTS;
        const verdict = await poster.post(planTransfer(bank.accounts[source]!, bank.accounts[destination]!));
        if (verdict.outcome !== 'DONE') throw new Error(`a transfer was not posted: ${JSON.stringify(verdict)}`);
        posted++;
      }
    }),
  );
  await poster.stop();
  return posted / ((performance.now() - startedAt) / 1_000);
}

/** Throws unless the books are right after all of it. */
async function provenFigures(bank: BenchBank): Promise<string> {
  const pool = bank.pool('dwaybank_transfer', 'transfer', 1);
  await pool.query('SET statement_timeout = 0');
  const books = await proveBooks(pool);
  const transfers = await proveTransfers(pool);
  const findings = [...books.findings, ...transfers.findings];
  if (findings.length > 0) throw new Error(`the books are not right: ${JSON.stringify(findings.slice(0, 3))}`);
  return `${books.figures.entries} entries, ${books.figures.versions} versions: books ok`;
}

/** Prints one spread's figures; returns what is below its floor. */
function report(spread: Spread, rounds: readonly Rates[]): string[] {
  return (['singly', 'pgbench'] as const).flatMap((rival) => {
    const ratio = median(rounds.map((rates) => rates.batched / rates[rival]));
    const floor = FLOORS[spread][rival];
    const verdict = ratio >= floor ? 'ok' : 'BELOW';
    const medians = `${perSecond(median(rounds.map(({ batched }) => batched)))} to ${perSecond(median(rounds.map((rates) => rates[rival])))}`;
    process.stdout.write(
      `${spread.padEnd(6)}  batched / ${rival.padEnd(7)}  ${ratio.toFixed(2)} x  (${medians} a second; floor ${floor} x: ${verdict})\n`,
    );
    return ratio >= floor ? [] : [`${spread} batched / ${rival} is ${ratio.toFixed(2)} x of ${floor} x`];
  });
}

/** Of an even number of values the lower one of the two in the middle. */
function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[Math.floor((values.length - 1) / 2)]!;
}

function perSecond(rate: number): string {
  return Math.round(rate).toString().padStart(6);
}
