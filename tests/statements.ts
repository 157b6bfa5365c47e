import pg from 'pg';
import { until } from './until.ts';

/** The SQL that requests make this process run, whichever part of the bank it is. */
export interface RecordedStatements {
  /** The statements of `work`, which is done several times, in the order of their texts; what the bank does by itself is not among them. */
  during(work: () => Promise<unknown>): Promise<string[]>;
  stop(): void;
}

/** No statement of a request for this long: listeners have caught up with what was done before. */
const QUIET_MS = 300;
/** What the bank does once in a while (a proof, alarms) falls into one round and not into all of them. */
const ROUNDS = 3;

/** Records from now on what goes through any connection of this process; Prisma and pg both end in pg's query(). */
export function recordStatements(): RecordedStatements {
  const prototype = pg.Client.prototype as { query: (...args: unknown[]) => unknown };
  const query = prototype.query;
  let recorded: string[] = [];
  let lastAtMs = performance.now();
  prototype.query = function (this: unknown, ...args: unknown[]) {
    const [sql] = args as [string | { text: string }];
    const text = shapeOf(typeof sql === 'string' ? sql : sql.text);
    if (isOfRequest(text)) {
      recorded.push(text);
      lastAtMs = performance.now();
    }
    return query.apply(this, args);
  };
  return {
    async during(work) {
      const rounds: string[][] = [];
      for (let round = 0; round < ROUNDS; round++) {
        await until('the bank has nothing left to do', () => performance.now() - lastAtMs > QUIET_MS);
        recorded = [];
        await work();
        rounds.push(recorded);
      }
      const fewest = rounds.reduce((least, round) => (round.length < least.length ? round : least));
      return fewest.filter((text) => rounds.every((round) => round.includes(text))).sort();
    },
    stop() {
      prototype.query = query;
    },
  };
}

/** The same for the same statement, however many values it is given. */
function shapeOf(sql: string): string {
  return sql
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/\$\d+/g, '$')
    .replaceAll(/\(\$(?:, ?\$)+\)/g, '($)')
    .trim();
}

/**
 * Listeners, streams and jobs look at the event log and the queue all the time; they open transactions, and screens do not.
 * Rates are read once in a while for everybody. Periodic tasks look every second for what has expired, is due or waits to be chained: no
 * screen asks for any of that.
 */
function isOfRequest(text: string): boolean {
  return !/platform\.|transfer_jobs|FROM rates |FROM rate_day|expire_holds|extend_chain|webhook_delivery|dead_letter|standing_order|^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|SET) ?/.test(
    text,
  );
}
