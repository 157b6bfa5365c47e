import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import { withTransaction } from '../../../platform/db.ts';
import type { Logger } from '../../../platform/log.ts';
import type { PeriodicTask } from '../../../platform/periodic.ts';
import { POLICY } from '../../../platform/policy.ts';
import { untilAborted } from '../../../platform/subgraph-execution.ts';
import type { SettlementFeed } from '../../../providers/settlement/settlement-feed.ts';
import type { SettlementReport } from '../../../providers/settlement/settlement-report.ts';
import { beginFetch, endFetch, finishDay } from './fetch-store.ts';
import { takeInReports } from './take-in-reports.ts';

/*
 * Asks each provider for what moved in our accounts there, day by day, each once it is over. A day is read whole, outside any transaction, and
 * taken in together with the note that it was: a process that dies over it leaves nothing, and the next begins that day again. Two processes that
 * read the same day do no harm, because lines are known by their names.
 */

export interface FetchSettlementsDeps {
  pool: Pool;
  settlements: readonly SettlementFeed[];
  wakeUp: { signal(): void };
  log: Logger;
}

/** All pages of one day. */
const DAY_DEADLINE_MS = 300_000;
const MAX_FAULT = 300;

/** Fetches what is due of every provider. */
export function createSettlementFetch(deps: FetchSettlementsDeps): PeriodicTask {
  return {
    name: 'transfer.settlement-fetch',
    everyMs: POLICY.reconciliation.fetch.everyMs,
    async run(signal) {
      const more: boolean[] = [];
      for (const feed of deps.settlements) more.push(await fetchNextDay(deps, feed, signal));
      return more.includes(true);
    },
  };
}

/** Reads the next day of one provider; false when there is none yet, or it could not be read: then staff sees why. */
export async function fetchNextDay(
  { pool, wakeUp, log }: Omit<FetchSettlementsDeps, 'settlements'>,
  feed: SettlementFeed,
  signal: AbortSignal,
): Promise<boolean> {
  const { provider } = feed;
  try {
    const { day, isOver, currencies } = await beginFetch(pool, provider);
    if (!isOver) {
      await endFetch(pool, provider, null);
      return false;
    }
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(DAY_DEADLINE_MS)]);
    const reports = await untilAborted(feed.readDay(day, { currencies }, deadline), deadline);
    await withTransaction(pool, async (tx) => {
      await takeInReports(tx, reports, { provider, contentHash: hashOf(reports), importedBy: null });
      await finishDay(tx, provider, day);
    });
    wakeUp.signal();
    return true;
  } catch (error) {
    if (signal.aborted) throw error;
    log.warn({ err: error, provider }, 'a provider’s settlement could not be fetched; it is tried again');
    await endFetch(pool, provider, (error instanceof Error ? error.message : String(error)).slice(0, MAX_FAULT));
    return false;
  }
}

function hashOf(reports: readonly SettlementReport[]): Buffer {
  const text = JSON.stringify(reports, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
  return createHash('sha256').update(text).digest();
}
