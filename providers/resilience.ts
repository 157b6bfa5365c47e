import {
  BrokenCircuitError,
  bulkhead,
  BulkheadRejectedError,
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  ExponentialBackoff,
  handleWhen,
  retry,
  type IBackoff,
} from 'cockatiel';
import { POLICY } from '../platform/policy.ts';
import { ProviderOutcomeUnknownError } from './card-provider.ts';
import { createHealth } from './health.ts';
import {
  ProviderNotCertainYetError,
  ProviderUnreachableError,
  type Payout,
  type PayoutProvider,
} from './payout-provider.ts';
import type { ProviderState } from './registry.ts';

/*
 * A provider with patience around it. From the outside in:
 *   retry      up to 3 more times, 1 s apart and growing to 10 s, with jitter, and ONLY where nothing can be done twice: questions,
 *              and a send that certainly did not arrive. A send whose outcome is unknown is never repeated here: whoever has it
 *              on record asks `find` first.
 *   bulkhead   so many calls at a time, so many waiting; more are turned away before anything is sent
 *   breaker    5 faults in a row and nobody is sent there for 60 s; then one call tries. Faults are: unreachable, unknown, out of
 *              time. A payout that the provider declines, or a "not certain yet", is a good answer.
 *   timeout    each call has a time of its own, within the caller's
 */

export interface ResilienceOptions {
  callTimeoutMs: number;
  atOnce: number;
  mostWaiting: number;
  retries: { most: number; firstDelayMs: number; longestDelayMs: number };
  breaker: { faults: number; openMs: number };
  /** Milliseconds since 1970, for health. The breaker goes by Date.now(), which is cockatiel's own. */
  now(): number;
}

/** A provider that keeps its callers from harm, and says how it is. */
export interface ResilientProvider extends PayoutProvider {
  state(): ProviderState;
}

const DEFAULTS: ResilienceOptions = { ...POLICY.providers, now: () => Date.now() };

/** Nobody calls further: the breaker is open, or too many wait. Nothing was sent, and trying again at once is no use. */
class ProviderClosedError extends ProviderUnreachableError {}

/** Puts patience around a provider. */
export function makeResilient(provider: PayoutProvider, given: Partial<ResilienceOptions> = {}): ResilientProvider {
  const options = { ...DEFAULTS, ...given };
  const health = createHealth(options.now);
  const breaker = createBreaker(options);
  const places = bulkhead(options.atOnce, options.mostWaiting);
  let checkedAt: Date | null = null;

  /** One call through bulkhead, breaker and timeout. */
  const callOnce = async <Answer>(
    call: (signal: AbortSignal) => Promise<Answer>,
    signal: AbortSignal,
    probe: boolean,
  ) => {
    const noted = async () => {
      // It may have waited, for its place or for somebody else's try, until nobody wants it any more: then it must not be sent.
      if (signal.aborted) throw new ProviderClosedError(`there was no time left to ask ${provider.name}`);
      return noteHealth(health, () => withTimeout(call, signal, options.callTimeoutMs));
    };
    try {
      return await places.execute(() => {
        // Before the breaker: who has gone must not be its one call that tries.
        if (signal.aborted) return noted();
        return breaker.execute(noted, probe);
      });
    } catch (error) {
      throw closedOf(error, provider);
    }
  };

  const execute = <Answer>(
    call: (signal: AbortSignal) => Promise<Answer>,
    signal: AbortSignal,
    { probe, again }: { probe: boolean; again: (error: unknown) => boolean },
  ) => retried(options, again, signal, () => callOnce(call, signal, probe));

  return {
    name: provider.name,
    types: provider.types,
    offer: (payout) => provider.offer(payout),
    send: (request, signal) =>
      execute<Payout>((limited) => provider.send(request, limited), signal, { probe: false, again: didNotArrive }),
    // What became of a payout may be asked at any time: money waits for the answer.
    find: (payout, signal) =>
      execute((limited) => provider.find(payout, limited), signal, { probe: true, again: isFault }),
    async checkHealth(signal) {
      checkedAt = new Date(options.now());
      await execute((limited) => provider.checkHealth(limited), signal, { probe: false, again: isFault });
    },
    state: () => ({
      name: provider.name,
      types: provider.types,
      health: breaker.state() === 'OPEN' ? 0 : health.score(),
      breaker: breaker.state(),
      checkedAt,
    }),
    async close() {
      await provider.close?.();
    },
  };
}

/** Nothing was sent, and it is worth another try. */
function didNotArrive(error: unknown): boolean {
  return error instanceof ProviderUnreachableError && !(error instanceof ProviderClosedError);
}

/** The provider is to blame: everything it throws but "not certain yet". */
function isFault(error: unknown): boolean {
  return !(error instanceof ProviderNotCertainYetError) && !(error instanceof ProviderClosedError);
}

async function noteHealth<Answer>(
  health: ReturnType<typeof createHealth>,
  call: () => Promise<Answer>,
): Promise<Answer> {
  try {
    const answer = await call();
    health.note(true);
    return answer;
  } catch (error) {
    health.note(!isFault(error));
    throw error;
  }
}

interface Breaker {
  /** `probe` goes through an open breaker, as the one call that tries. */
  execute<Answer>(call: () => Promise<Answer>, probe: boolean): Promise<Answer>;
  state(): ProviderState['breaker'];
}

function createBreaker({ breaker: { faults, openMs } }: ResilienceOptions): Breaker {
  let probing = false;
  // Read by cockatiel in the moment of a call, before it waits for anything: 0 lets this one call try at once.
  const pause: IBackoff<unknown> = {
    get duration() {
      return probing ? 0 : openMs;
    },
    next: () => pause,
  };
  const policy = circuitBreaker(handleWhen(isFault), { halfOpenAfter: pause, breaker: new ConsecutiveBreaker(faults) });
  return {
    async execute(call, probe) {
      probing = probe;
      const answered = policy.execute(call);
      probing = false;
      if (!probe) return answered;
      // Somebody else's try failed while this one waited for it: a question is asked all the same.
      return answered.catch((error: unknown) => {
        if (error instanceof BrokenCircuitError) return call();
        throw error;
      });
    },
    state() {
      if (policy.state === CircuitState.Closed) return 'CLOSED';
      return policy.state === CircuitState.HalfOpen ? 'HALF_OPEN' : 'OPEN';
    },
  };
}

/** Ends a call when its time is up, also where the provider's adapter does not: then it is not known what came of it. */
async function withTimeout<Answer>(
  call: (signal: AbortSignal) => Promise<Answer>,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<Answer> {
  const ending = new AbortController();
  const end = () => ending.abort();
  const timer = setTimeout(end, timeoutMs);
  signal.addEventListener('abort', end, { once: true });
  try {
    return await new Promise<Answer>((resolve, reject) => {
      ending.signal.addEventListener('abort', () => {
        // The adapter gets the moment it takes to say better what became of it.
        setImmediate(() => reject(new ProviderOutcomeUnknownError('the provider did not answer in time')));
      });
      call(ending.signal).then(resolve, reject);
    });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
}

/** Tries again while `again` says so. A caller that gives up during a pause gets the last error at once. */
async function retried<Answer>(
  { retries: { most, firstDelayMs, longestDelayMs } }: ResilienceOptions,
  again: (error: unknown) => boolean,
  signal: AbortSignal,
  call: () => Promise<Answer>,
): Promise<Answer> {
  const backoff = new ExponentialBackoff({ initialDelay: firstDelayMs, maxDelay: longestDelayMs });
  // A pause alone keeps no process alive.
  const policy = retry(handleWhen(again), { maxAttempts: most, backoff }).dangerouslyUnref();
  let pausing: { error: unknown } | null = null;
  return new Promise<Answer>((resolve, reject) => {
    const giveUp = () => {
      // A call under way ends by the same signal and says itself what came of it.
      if (pausing) reject(pausing.error instanceof Error ? pausing.error : new Error('retrying ended'));
    };
    signal.addEventListener('abort', giveUp, { once: true });
    policy
      .execute(async () => {
        // Rejected already; cockatiel sleeps on without the signal.
        if (signal.aborted && pausing) throw pausing.error;
        pausing = null;
        try {
          return await call();
        } catch (error) {
          pausing = { error };
          throw error;
        }
      }, signal)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', giveUp));
  });
}

function closedOf(error: unknown, { name }: PayoutProvider): unknown {
  if (error instanceof BrokenCircuitError) return new ProviderClosedError(`${name} fails too often to be asked now`);
  if (error instanceof BulkheadRejectedError) return new ProviderClosedError(`too many wait for ${name}`);
  return error;
}
