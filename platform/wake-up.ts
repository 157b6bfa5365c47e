import type { Logger } from './log.ts';
import { connectRedis } from './redis.ts';

/**
 * Tells readers of the event log that there may be something new. It carries nothing and may lose any number of signals:
 * every reader also polls. It only makes them quick.
 */
export interface WakeUp {
  /** Call after a commit that appended events; many calls in a row make one signal. */
  signal(): void;
  /** Runs `react` on every signal of any process that shares this wake-up. Returns how to stop that. */
  onSignal(react: () => void): () => void;
  close(): Promise<void>;
}

/** A wake-up within this process. */
export function createLocalWakeUp(log: Logger): WakeUp {
  const reactions = new Set<() => void>();
  let pending = false;

  function fire(): void {
    pending = false;
    for (const react of reactions) {
      try {
        react();
      } catch (error) {
        log.error({ err: error }, 'a reaction to a wake-up failed');
      }
    }
  }

  return {
    signal() {
      if (pending) return;
      pending = true;
      setImmediate(fire);
    },
    onSignal(react) {
      // Wrapped, so that the same function registered twice is two registrations.
      const reaction = () => react();
      reactions.add(reaction);
      return () => reactions.delete(reaction);
    },
    async close() {
      reactions.clear();
    },
  };
}

const CHANNEL = 'dwaybank:wake-up';
/** At most one message per this many milliseconds and process: a reader that is awake reads everything there is anyway. */
const PUBLISH_PAUSE_MS = 5;

/**
 * A wake-up across processes through Redis. Readers of this process are woken directly, so Redis adds no delay for them
 * and, when it is away, takes nothing from them.
 */
export function createRedisWakeUp({ url, log }: { url: string; log: Logger }): WakeUp {
  const local = createLocalWakeUp(log);
  const whileAway = 'events of other processes are found by polling';
  const publisher = connectRedis({ url, part: 'wake-up publisher', whileAway, log });
  const subscriber = connectRedis({ url, part: 'wake-up subscriber', whileAway, log });
  let publishing = false;
  let again = false;
  let closed = false;

  function publish(): void {
    if (publishing) {
      again = true;
      return;
    }
    // While Redis is away there is nobody to tell; a queue of old signals would be worth nothing when it is back.
    if (closed || publisher.status !== 'ready') return;
    publishing = true;
    // A signal that is lost with the connection is made up for by the readers' polling.
    publisher
      .publish(CHANNEL, '')
      .catch(() => {})
      .finally(() => setTimeout(published, PUBLISH_PAUSE_MS));
  }

  function published(): void {
    publishing = false;
    if (!again) return;
    again = false;
    publish();
  }

  subscriber.on('ready', () => {
    // Signals sent while this connection was down are gone, so every (re)connection counts as one.
    subscriber.subscribe(CHANNEL).then(
      () => local.signal(),
      () => {},
    );
  });
  subscriber.on('message', () => local.signal());

  return {
    signal() {
      local.signal();
      publish();
    },
    onSignal: (react) => local.onSignal(react),
    async close() {
      closed = true;
      publisher.disconnect();
      subscriber.disconnect();
      await local.close();
    },
  };
}

/** Through Redis where there is one, else within this process. */
export function createWakeUp({ redisUrl, log }: { redisUrl: string | null; log: Logger }): WakeUp {
  return redisUrl === null ? createLocalWakeUp(log) : createRedisWakeUp({ url: redisUrl, log });
}
