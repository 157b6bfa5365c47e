import { dayOf } from '../../platform/days.ts';
import { withTransaction } from '../../platform/db.ts';
import { appendEvents } from '../../platform/event-log.ts';
import type { Rates } from '../../platform/rates.ts';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import type { RateSheet, RateSource } from '../../providers/rates/rate-source.ts';
import { checkRates, type LastGoodDay, type RatesVerdict } from './check-rates.ts';
import { lockRates, readLastGoodDay, recordCheck, recordDay } from './rates-store.ts';

export interface LoadRatesDeps extends Pick<SubgraphDeps, 'pool' | 'wakeUp' | 'clock' | 'log'> {
  /** Asked in this order; the last one is the one whose newest day the bank wants, those before it are what it falls back on. */
  rateSources: readonly RateSource[];
  /** How often to look again; given by tests. */
  recheckMs?: number;
}

/** A newer day may have been installed beneath a running bank. */
const RECHECK_MS = 3_600_000;
/** When the database would not take the rates, they are offered again this soon. */
const RETRY_MS = 30_000;

/**
 * Loads the rates now, and again every hour until the returned function is called. Never throws: a bank without new rates
 * works with those it has, marked stale, and one that has none at all still moves US dollars, and money between a customer's own accounts.
 */
export async function startLoadingRates(deps: LoadRatesDeps): Promise<() => Promise<void>> {
  const { log, rateSources, recheckMs = RECHECK_MS } = deps;
  /** The fault last logged of each source: said once, and not every hour. */
  const told = new Map<string, string>();
  let timer: NodeJS.Timeout | undefined;
  const stopping = new AbortController();
  let loading: Promise<void> = Promise.resolve();

  async function load(): Promise<void> {
    let nextMs = recheckMs;
    for (const source of rateSources) {
      try {
        const fallback = source !== rateSources.at(-1);
        tellFault(source.name, await loadRates(deps, source, { fallback, signal: stopping.signal }));
      } catch (error) {
        log.error({ err: error, source: source.name }, 'exchange rates could not be stored; it is tried again');
        nextMs = Math.min(RETRY_MS, recheckMs);
      }
    }
    if (!stopping.signal.aborted) timer = setTimeout(() => void (loading = load()), nextMs);
  }

  function tellFault(source: string, fault: string | null): void {
    if (fault === null) told.delete(source);
    else if (told.get(source) !== fault) {
      told.set(source, fault);
      log.warn({ source, fault }, 'a day of exchange rates was refused; the last good one stays in use');
    }
  }

  loading = load();
  await loading;
  return async () => {
    stopping.abort();
    clearTimeout(timer);
    await loading;
    clearTimeout(timer);
  };
}

/**
 * Reads a source, judges its day and records it with the event that tells the other subgraphs, all in one transaction; doing
 * it again, or in many processes at once, adds nothing. Returns why the day was refused, or null. A fallback that is older
 * than what is in use is nothing new; from the source that is to give the newest day, it is a fault.
 */
export async function loadRates(
  { pool, wakeUp, clock, log }: Omit<LoadRatesDeps, 'rateSources'>,
  source: RateSource,
  { fallback, signal }: { fallback: boolean; signal?: AbortSignal },
): Promise<string | null> {
  const sheet = await source.read(signal).catch((error: Error) => error);
  // What was cut short says nothing about the source.
  if (signal?.aborted) return null;
  const verdict = await withTransaction(pool, async (tx) => {
    await lockRates(tx);
    const covers = source.covers ?? null;
    const judged = judge(sheet, fallback, { last: await readLastGoodDay(tx), today: dayOf(clock.now()), covers });
    if (judged.outcome === 'GOOD') {
      // Only a sheet that was read is good.
      const { date } = sheet as RateSheet;
      await recordDay(tx, { ...judged, date, source: source.name });
      const payload: Rates & { source: string } = { date, perUsd: usable(judged), source: source.name };
      await appendEvents(tx, [{ type: 'RatesRecorded', key: date, payload }]);
    }
    await recordCheck(tx, { source: source.name, fault: faultOf(judged), recorded: judged.outcome === 'GOOD' });
    return judged;
  });
  if (verdict.outcome === 'GOOD') {
    wakeUp.signal();
    if (verdict.doubtful.size > 0) {
      log.warn(
        { source: source.name, setAside: Object.fromEntries(verdict.doubtful) },
        'some exchange rates are doubtful',
      );
    }
  }
  return faultOf(verdict);
}

function judge(
  sheet: RateSheet | Error,
  fallback: boolean,
  known: { last: LastGoodDay | null; today: string; covers: ReadonlySet<string> | null },
): RatesVerdict {
  if (sheet instanceof Error) {
    // Node writes how it looked for a file on further lines.
    return { outcome: 'REFUSED', faults: [`it cannot be read: ${sheet.message.split('\n', 1)[0]!}`] };
  }
  if (fallback && known.last && sheet.date < known.last.date) return { outcome: 'KNOWN' };
  return checkRates(sheet, known);
}

function faultOf(verdict: RatesVerdict): string | null {
  return verdict.outcome === 'REFUSED' ? verdict.faults.join('; ') : null;
}

function usable({ perUsd, doubtful }: { perUsd: Record<string, string>; doubtful: ReadonlyMap<string, string> }) {
  return Object.fromEntries(Object.entries(perUsd).filter(([currency]) => !doubtful.has(currency)));
}
