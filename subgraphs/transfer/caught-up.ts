import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';

/**
 * Waits until one of this subgraph's listeners has seen every event that was in the log at the time of the call. False when it takes
 * longer than `withinMs`, or the caller stops waiting first.
 */
export async function caughtUp(
  { listenersCaughtUp, log }: Pick<SubgraphDeps, 'listenersCaughtUp' | 'log'>,
  listener: string,
  { signal, withinMs }: { signal: AbortSignal; withinMs: number },
): Promise<boolean> {
  try {
    await listenersCaughtUp(listener, AbortSignal.any([signal, AbortSignal.timeout(withinMs)]));
    return true;
  } catch (error) {
    log.warn({ err: error, listener }, 'a projection is behind the event log');
    return false;
  }
}
