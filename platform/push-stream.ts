/**
 * A bounded queue that is read as an async iterator. It is written by hand because an async generator's `return()` waits for
 * the `next()` under way: on a quiet stream that is for ever, and what feeds it would leak.
 */
export interface PushStream<Value> {
  /** For one reader. It never rejects: what goes wrong is told as a value. */
  readonly values: AsyncIterableIterator<Value, undefined>;
  /** Gives the reader a value; false when it is too far behind (or has gone) and the value was not taken. */
  push(value: Value): boolean;
  /** True when the next value would not be taken. */
  readonly full: boolean;
  /** Ends the stream after the values that wait and, where given, a last one, which is taken however many wait. */
  end(last?: Value): void;
  /** Ends the stream at once: what waits is dropped, the last value is not. */
  cut(last: Value): void;
}

export interface PushStreamOptions {
  /** Most values that wait. */
  limit: number;
  /** Called once when the reader leaves before the end. */
  onReturn: () => void;
  /** Called when a full stream has room again. */
  onRoom?: () => void;
}

type Answer<Value> = (result: IteratorResult<Value, undefined>) => void;

/** An empty stream. */
export function createPushStream<Value>({ limit, onReturn, onRoom }: PushStreamOptions): PushStream<Value> {
  const queue: Value[] = [];
  const readers: Answer<Value>[] = [];
  let ended = false;

  const releaseReaders = (): void => {
    for (const answer of readers.splice(0)) answer({ value: undefined, done: true });
  };
  const leave = (): void => {
    const early = !ended;
    ended = true;
    queue.length = 0;
    releaseReaders();
    if (early) onReturn();
  };

  const values: AsyncIterableIterator<Value, undefined> = {
    [Symbol.asyncIterator]: () => values,
    next: () =>
      new Promise((answer) => {
        if (queue.length > 0) {
          const wasFull = queue.length >= limit;
          answer({ value: queue.shift()!, done: false });
          if (wasFull) onRoom?.();
        } else if (ended) answer({ value: undefined, done: true });
        else readers.push(answer);
      }),
    return: () => {
      leave();
      return Promise.resolve({ value: undefined, done: true });
    },
    throw: (error: Error) => {
      leave();
      return Promise.reject(error);
    },
  };
  const give = (value: Value): boolean => {
    const answer = readers.shift();
    answer?.({ value, done: false });
    return answer !== undefined;
  };

  const end = (last?: Value): void => {
    if (ended) return;
    if (last !== undefined && !give(last)) queue.push(last);
    ended = true;
    releaseReaders();
  };

  return {
    values,
    get full() {
      return queue.length >= limit;
    },
    push: (value) => {
      if (ended) return false;
      if (give(value)) return true;
      if (queue.length >= limit) return false;
      queue.push(value);
      return true;
    },
    end,
    cut: (last) => {
      if (ended) return;
      queue.length = 0;
      end(last);
    },
  };
}
