import type { EventTail } from '../../platform/event-tail.ts';
import { notFound, slowConsumer, unauthenticated } from '../../platform/graph-errors.ts';
import { parseId, type TransferId } from '../../platform/ids.ts';
import { createPushStream } from '../../platform/push-stream.ts';
import type { SourceEvent } from '../../platform/subgraph.ts';
import type { Viewer } from '../../platform/viewer.ts';
import type { TransferStatus } from './generated/resolvers.ts';
import type { TransferParent } from './graph-types.ts';
import { visibleTo } from './loaders.ts';
import type { TransferStore } from './store.ts';

/** A transfer takes about ten steps in all; a reader further behind than that is told to come again. */
const MAX_WAITING = 32;

export interface TransferUpdatedDeps {
  store: TransferStore;
  tail: EventTail;
}

/**
 * The transfer as it is, and again after every step. The position is the number of steps so far: it grows with each event,
 * and an event that brings no step gives nothing. An Error is the last value, for the field to throw. The stream stays open after
 * COMPLETED, because REVERSED may follow. It is told of by the events that name the transfer: DepositStarted, PayoutStarted,
 * TransferAdvanced, TransferFailed, TransferCompleted and TransferReversed.
 */
export async function transferUpdated(
  deps: TransferUpdatedDeps,
  viewer: Viewer | null,
  options: { transferId: string; signal: AbortSignal },
): Promise<AsyncIterableIterator<SourceEvent<TransferParent | Error>>> {
  if (!viewer) throw unauthenticated();
  const transferId = parseId<TransferId>(options.transferId);
  if (!transferId) throw notFound();

  const stream = createPushStream<SourceEvent<TransferParent | Error>>({ limit: MAX_WAITING, onReturn: leave });
  let steps = 0;
  const show = (transfer: TransferParent): void => {
    // The transfer as it is comes first; from then on each step by itself, also when several happened between two readings.
    const first = steps === 0 ? transfer.timeline.length : steps + 1;
    for (let position = first; position <= transfer.timeline.length; position++) {
      steps = position;
      if (stream.push({ value: asOf(transfer, position), position })) continue;
      leave();
      stream.end({ value: slowConsumer() });
      return;
    }
  };
  const read = async (): Promise<TransferParent | null> =>
    visibleTo(viewer, (await deps.store.findTransfers([transferId]))[0] ?? null);

  // One reading after the other: two at once could show the older state last. It follows before it reads for the first
  // time, so that no step falls between.
  let reading: Promise<unknown> = Promise.resolve();
  const unfollow = deps.tail.follow(transferId, () => {
    reading = reading
      .then(read)
      .then((transfer) => transfer && show(transfer))
      .catch((error: unknown) => {
        leave();
        stream.end({ value: new Error('a transfer could not be read', { cause: error }) });
      });
  });
  function leave(): void {
    unfollow();
    options.signal.removeEventListener('abort', abort);
  }
  function abort(): void {
    void stream.values.return!();
  }
  options.signal.addEventListener('abort', abort, { once: true });

  try {
    const transfer = await read();
    if (!transfer) throw notFound();
    show(transfer);
  } catch (error) {
    leave();
    throw error;
  }
  if (options.signal.aborted) abort();
  return stream.values;
}

/** Statuses that a failure code belongs to; REVERSED and the others have none. */
const TELLS_WHY: ReadonlySet<string> = new Set<TransferStatus>(['FAILED', 'COMPENSATING', 'COMPENSATED']);

/** The transfer as it was after so many steps. */
export function asOf(transfer: TransferParent, steps: number): TransferParent {
  const timeline = transfer.timeline.slice(0, steps);
  const { status, at } = timeline.at(-1)!;
  return {
    ...transfer,
    status,
    timeline,
    updatedAt: at,
    failureCode: TELLS_WHY.has(status) ? transfer.failureCode : null,
  };
}
