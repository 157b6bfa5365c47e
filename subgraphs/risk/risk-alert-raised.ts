import { notFound, unauthenticated } from '../../platform/graph-errors.ts';
import { createPushStream } from '../../platform/push-stream.ts';
import type { SourceEvent } from '../../platform/subgraph.ts';
import type { Viewer } from '../../platform/viewer.ts';
import type { RiskAlertParent } from './graph-types.ts';

/**
 * The viewer's alerts from now on. Nothing raises alerts yet, so the stream stays open and quiet, and no earlier alert is
 * known to begin after. `openStreams` are those that are open, by how to end them.
 */
export function riskAlertRaised(
  { openStreams }: { openStreams: Set<() => void> },
  viewer: Viewer | null,
  { afterId, signal }: { afterId: string | null; signal: AbortSignal },
): AsyncIterableIterator<SourceEvent<RiskAlertParent>> {
  if (!viewer) throw unauthenticated();
  if (afterId !== null) throw notFound();
  const leave = () => {
    openStreams.delete(end);
    signal.removeEventListener('abort', end);
  };
  const end = () => {
    leave();
    stream.end();
  };
  const stream = createPushStream<SourceEvent<RiskAlertParent>>({ limit: 1, onReturn: leave });
  openStreams.add(end);
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  return stream.values;
}
