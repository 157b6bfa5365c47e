import { Redis } from 'ioredis';
import type { Logger } from './log.ts';

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
const RECONNECT_MAX_MS = 1_000;

/**
 * A wake-up across processes through Redis. Readers of this process are woken directly, so Redis adds no delay for them
 * and, when it is away, takes nothing from them.
 */
export function createRedisWakeUp({ url, log }: { url: string; log: Logger }): WakeUp {
  const local = createLocalWakeUp(log);
  const publisher = connect(url, 'publisher', log);
  const subscriber = connect(url, 'subscriber', log);
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
    onSignal: local.onSignal,
    async close() {
      closed = true;
      publisher.disconnect();
      subscriber.disconnect();
      await local.close();
    },
  };
}

function connect(url: string, part: string, log: Logger): Redis {
  const redis = new Redis(url, {
    connectionName: `dwaybank-wake-up-${part}`,
    // Commands fail at once while Redis is away instead of piling up in memory.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    // This file subscribes again itself, to know when it is done.
    autoResubscribe: false,
    retryStrategy: (attempt) => Math.min(50 * attempt, RECONNECT_MAX_MS),
  });
  let away = false;
  // Without a handler an error event would end the process. One line per outage is enough.
  redis.on('error', (error: Error) => {
    if (!away) log.warn({ err: error, part }, 'Redis is away: events are found by polling until it is back');
    away = true;
  });
  redis.on('ready', () => {
    if (away) log.info({ part }, 'Redis is back');
    away = false;
  });
  return redis;
}
