import type { Queryable } from './db.ts';
import type { Listener } from './event-listeners.ts';
import type { Rates } from './rates.ts';

/*
 * How subgraphs other than portfolio know exchange rates: each that needs them keeps the days in a table `rates` of its own
 * schema (date date PRIMARY KEY, per_usd jsonb NOT NULL, known jsonb NOT NULL), filled from RatesRecorded. A day may lack
 * currencies whose rate was not believed: `known` has them from the days before, as portfolio values them.
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
          text: `INSERT INTO rates (date, per_usd, known)
                 SELECT $1::date, $2::jsonb,
                   coalesce((SELECT known FROM rates WHERE date < $1::date ORDER BY date DESC LIMIT 1), '{}') || $2::jsonb
                 ON CONFLICT (date) DO UPDATE SET per_usd = excluded.per_usd, known = excluded.known`,
          values: [payload.date, JSON.stringify(payload.perUsd)],
        });
      }
    },
  };
}

/** The newest rates this subgraph knows. Null while none has been recorded; at most READ_EVERY_MS old. */
export interface RatesReader {
  /** Of each currency the newest rate that was believed, for what values and counts. The date is that of the newest day. */
  newest(): Promise<Rates | null>;
  /** The rates of the newest day and no others, for what is traded at them. */
  newestDay(): Promise<Rates | null>;
}

/** Rates change once a day: between two reads of the table this much time passes. */
const READ_EVERY_MS = 1_000;

interface Known {
  newest: Rates;
  newestDay: Rates;
}

/** Reads the owner's table through its own pool. */
export function createRatesReader(pool: Queryable, owner: 'risk' | 'transfer' | 'insights'): RatesReader {
  let known: Known | null = null;
  let readAtMs = -Infinity;
  let reading: Promise<Known | null> | null = null;

  async function read(): Promise<Known | null> {
    const { rows } = await pool.query<{ date: string; per_usd: Rates['perUsd']; known: Rates['perUsd'] }>({
      name: `${owner}-read-newest-rates`,
      text: 'SELECT date::text AS date, per_usd, known FROM rates ORDER BY date DESC LIMIT 1',
    });
    const row = rows[0];
    known = row
      ? { newest: { date: row.date, perUsd: row.known }, newestDay: { date: row.date, perUsd: row.per_usd } }
      : null;
    // Without rates the next question looks again at once: they are about to come.
    readAtMs = known ? performance.now() : -Infinity;
    return known;
  }

  async function readSometimes(): Promise<Known | null> {
    if (performance.now() - readAtMs < READ_EVERY_MS) return known;
    reading ??= read().finally(() => (reading = null));
    return reading;
  }

  return {
    newest: async () => (await readSometimes())?.newest ?? null,
    newestDay: async () => (await readSometimes())?.newestDay ?? null,
  };
}
