import { until } from './until.ts';

/**
 * The signal of a caller whose time is up at a moment of the test's choosing: as soon as `condition` holds, for example when its request has
 * arrived, however long that takes here.
 */
export function timeUpWhen(what: string, condition: () => boolean): AbortSignal {
  const caller = new AbortController();
  const end = (): void => caller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'));
  // Where it never comes to that the call ends as well, and what the test expects of it tells why.
  void until(what, condition).then(end, end);
  return caller.signal;
}
