import { Redis } from 'ioredis';
import type { Logger } from './log.ts';

export interface RedisOptions {
  url: string;
  /** What it is for; stands in the log and in Redis' client list. */
  part: string;
  /** What goes on instead while Redis is away; stands in the log. */
  whileAway: string;
  commandTimeoutMs?: number;
  log: Logger;
}

const RECONNECT_FIRST_MS = 50;
const RECONNECT_MAX_MS = 1_000;

/**
 * A connection to Redis that the bank can do without: commands fail at once while it is away, it reconnects for ever, and
 * no error of it ends the process.
 */
export function connectRedis({ url, part, whileAway, commandTimeoutMs, log }: RedisOptions): Redis {
  const redis = new Redis(url, {
    connectionName: `dwaybank ${part}`.replaceAll(' ', '-'),
    // Nothing piles up in memory while Redis is away.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    // Who subscribes does so again by itself, to know when that is done.
    autoResubscribe: false,
    ...(commandTimeoutMs !== undefined && { commandTimeout: commandTimeoutMs }),
    retryStrategy: (attempt) => Math.min(RECONNECT_FIRST_MS * attempt, RECONNECT_MAX_MS),
  });
  let away = false;
  // Without a handler an error event would end the process. One line per outage is enough.
  redis.on('error', (error: Error) => {
    if (!away) log.warn({ err: error, part }, `Redis is away: ${whileAway} until it is back`);
    away = true;
  });
  redis.on('ready', () => {
    if (away) log.info({ part }, 'Redis is back');
    away = false;
  });
  return redis;
}
