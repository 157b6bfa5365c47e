import type { Pool } from 'pg';
import { isPostingStopped } from '../../../ledger/posting-gate.ts';
import { collectReceivable, findCollectable, type Collectable } from '../../../ledger/receivables.ts';
import { withRetry } from '../../../platform/db.ts';
import { newId, type EntryId } from '../../../platform/ids.ts';
import type { Logger } from '../../../platform/log.ts';
import type { WakeUp } from '../../../platform/wake-up.ts';

const AT_ONCE = 100;

export interface CollectDeps {
  pool: Pool;
  log: Logger;
  wakeUp: Pick<WakeUp, 'signal'>;
}

/**
 * Collects what customers owe, from where there is money now. It looks at how things stand and not at what has happened: so what was frozen,
 * held, or missed by a process that died is found like money that has just arrived. Nothing is remembered between runs, and any number
 * of processes may do so at once: how much is taken is decided by the ledger, under its locks. Returns whether there may be more.
 */
export async function collectReceivables(deps: CollectDeps, signal: AbortSignal): Promise<boolean> {
  const found = await findCollectable(deps.pool, AT_ONCE);
  let collected = 0;
  for (const each of found) {
    if (signal.aborted) return false;
    if (await collect(deps, each)) collected++;
  }
  if (collected > 0) deps.wakeUp.signal();
  // Of a full page of which nothing came there is nothing to be had at once.
  return found.length === AT_ONCE && collected > 0;
}

/** One that goes wrong is no reason to leave the others waiting. */
async function collect({ pool, log }: CollectDeps, found: Collectable): Promise<boolean> {
  // Given once, so that a repetition after a lost connection is the same attempt.
  const entryId = newId<EntryId>();
  try {
    const { verdict } = await withRetry(() => collectReceivable(pool, found, entryId));
    return verdict === 'COLLECTED';
  } catch (error) {
    // It waits, with everything else, until posting goes on.
    if (!isPostingStopped(error)) log.error({ err: error, ...found }, 'a receivable could not be collected');
    return false;
  }
}
