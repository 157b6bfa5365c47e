import type { Queryable } from './db.ts';
import type { Listener } from './event-listeners.ts';
import type { Rates } from './rates.ts';

/*
 * How subgraphs other than portfolio know exchange rates: each that needs them keeps the days in a table `rates` of its own
 * schema (date date PRIMARY KEY, per_usd jsonb NOT NULL), filled from RatesRecorded.
 */

/** Keeps the owner's table of rates. */
export function createRatesListener(owner: 'risk' | 'transfer' | 'insights'): Listener<'RatesRecorded'> {
  return {
    name: `${owner}.rates`,
    types: ['RatesRecorded'],
    async handle(events, tx) {
      for (const { payload } of events) {
        await tx.query({
          name: `${owner}-record-rates`,
          text: `INSERT INTO rates (date, per_usd) VALUES ($1, $2)
                 ON CONFLICT (date) DO UPDATE SET per_usd = excluded.per_usd`,
          values: [payload.date, JSON.stringify(payload.perUsd)],
        });
      }
    },
  };
}

/** The newest rates this subgraph knows. */
export interface RatesReader {
  /** Null while none has been recorded. At most READ_EVERY_MS old. */
  newest(): Promise<Rates | null>;
}

/** Rates change once a day: between two reads of the table this much time passes. */
const READ_EVERY_MS = 1_000;

/** Reads the owner's table through its own pool. */
export function createRatesReader(pool: Queryable, owner: 'risk' | 'transfer' | 'insights'): RatesReader {
  let known: Rates | null = null;
  let readAtMs = -Infinity;
  let reading: Promise<Rates | null> | null = null;

  async function read(): Promise<Rates | null> {
    const { rows } = await pool.query<{ date: string; per_usd: Record<string, string> }>({
      name: `${owner}-read-newest-rates`,
      text: 'SELECT date::text AS date, per_usd FROM rates ORDER BY date DESC LIMIT 1',
    });
    const row = rows[0];
    known = row ? { date: row.date, perUsd: row.per_usd } : null;
    // Without rates the next question looks again at once: they are about to come.
    readAtMs = known ? performance.now() : -Infinity;
    return known;
  }

  return {
    async newest() {
      if (performance.now() - readAtMs < READ_EVERY_MS) return known;
      reading ??= read().finally(() => (reading = null));
      return reading;
    },
  };
}
