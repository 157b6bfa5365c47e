/**
 * An async iterator over what `pull` brings, one after the other, so that two calls of next() in a row get two values in order.
 * `close` must let a pull under way end with `done`. It is written by hand because an async generator's `return()` waits for the
 * `next()` under way: on a quiet stream that is for ever, and what feeds it would leak. (platform/push-stream.ts is for
 * values that come by themselves.)
 */
export function createPullStream<Value>(
  pull: () => Promise<IteratorResult<Value, undefined>>,
  close: () => void,
): AsyncIterableIterator<Value, undefined> {
  let last: Promise<unknown> = Promise.resolve();
  const values: AsyncIterableIterator<Value, undefined> = {
    [Symbol.asyncIterator]: () => values,
    next: () => {
      const result = last.then(pull, pull);
      last = result;
      return result;
    },
    return: () => {
      close();
      return Promise.resolve({ value: undefined, done: true });
    },
    throw: (error: Error) => {
      close();
      return Promise.reject(error);
    },
  };
  return values;
}
