import type { PlannedTransfer } from './transfer-batch.ts';

/** What waits to be posted. */
export interface Waiting {
  planned: PlannedTransfer;
  /** On the clock of performance.now(). */
  deadlineMs: number;
  /** Goes in a call of its own. */
  alone: boolean;
}

/** What waits for a posting connection, and the choice of what goes together when one is free. */
export interface PostingQueue<Attempt extends Waiting> {
  /** How many wait. */
  readonly size: number;
  push(attempt: Attempt): void;
  /** Puts back what was taken, before everything else. */
  putBack(attempts: readonly Attempt[]): void;
  /** Takes the next call's attempts off the queue, oldest first; empty when nothing waits. Each taken batch must be given to `ended`. */
  take(): Attempt[];
  /** The call with these has ended, and its locks are free. */
  ended(batch: readonly Attempt[]): void;
}

/** So often others may go before one whose rows are locked: then it goes and waits for them in the database, as it would have at first. */
const MOST_PASSES = 4;

/**
 * A transfer locks its accounts and its customer's limits until the commit, and a call waits for every row of every transfer in it. So a
 * call leaves out what shares a row with a call under way, and the two run side by side; when nothing else waits it goes all the same,
 * since everything up to the locks can be done meanwhile.
 */
export function createPostingQueue<Attempt extends Waiting>(options: {
  maxBatch: number;
  /** Told of what has waited too long, which is not taken. */
  onTooLate: (attempt: Attempt) => void;
}): PostingQueue<Attempt> {
  let waiting: { attempt: Attempt; passes: number }[] = [];
  /** Rows that calls under way hold, or wait for, with the number of transfers that need each. */
  const held = new Map<string, number>();

  const isHeld = ({ planned }: Attempt) => rowsOf(planned).some((row) => held.has(row));
  const hold = (batch: readonly Attempt[], change: 1 | -1) => {
    for (const { planned } of batch) {
      for (const row of rowsOf(planned)) {
        const needed = (held.get(row) ?? 0) + change;
        if (needed === 0) held.delete(row);
        else held.set(row, needed);
      }
    }
  };
  const dropLate = () => {
    const now = performance.now();
    if (waiting.every(({ attempt }) => attempt.deadlineMs > now)) return;
    const late = waiting.filter(({ attempt }) => attempt.deadlineMs <= now);
    waiting = waiting.filter(({ attempt }) => attempt.deadlineMs > now);
    for (const { attempt } of late) options.onTooLate(attempt);
  };
  const choose = (): typeof waiting => {
    if (waiting[0]?.attempt.alone) return waiting.slice(0, 1);
    const aloneAt = waiting.findIndex(({ attempt }) => attempt.alone);
    const together = aloneAt === -1 ? waiting : waiting.slice(0, aloneAt);
    const free = together.filter(({ attempt, passes }) => passes >= MOST_PASSES || !isHeld(attempt));
    return (free.length > 0 ? free : together).slice(0, options.maxBatch);
  };

  return {
    get size() {
      return waiting.length;
    },
    push(attempt) {
      waiting.push({ attempt, passes: 0 });
    },
    putBack(attempts) {
      waiting = [...attempts.map((attempt) => ({ attempt, passes: 0 })), ...waiting];
    },
    take() {
      dropLate();
      const chosen = choose();
      const taken = new Set(chosen);
      const newest = chosen.at(-1);
      const before = newest ? waiting.indexOf(newest) : 0;
      waiting = waiting.filter((entry, place) => {
        if (taken.has(entry)) return false;
        if (place < before) entry.passes++;
        return true;
      });
      const batch = chosen.map(({ attempt }) => attempt);
      hold(batch, 1);
      return batch;
    },
    ended(batch) {
      hold(batch, -1);
    },
  };
}

/** Names of the rows that posting it locks: the limits of its customer, and the two accounts. */
function rowsOf({ userId, source, destination }: PlannedTransfer): string[] {
  return [userId, source.accountId, destination.accountId];
}
