import type { Pool } from 'pg';
import type { Clock } from './clock.ts';
import type { EventTail } from './event-tail.ts';
import type { Logger } from './log.ts';
import type { RateLimits } from './rate-limits.ts';
import type { Secrets } from './secrets.ts';
import type { SubgraphName } from './subgraph.ts';
import type { WakeUp } from './wake-up.ts';

/** What every subgraph is wired with. */
export interface SubgraphDeps {
  /** Connects as the subgraph's own role to its own schema. */
  pool: Pool;
  secrets: Secrets;
  /** Signalled after every commit that appended events. */
  wakeUp: WakeUp;
  tail: EventTail;
  clock: Clock;
  log: Logger;
  limits: RateLimits;
  /** Asks another subgraph one of its questions (platform/questions/). */
  ask(subgraph: SubgraphName, question: string, body: unknown, signal: AbortSignal): Promise<unknown>;
  /** Resolves when a listener has seen every event that was in the log at the time of the call. */
  listenersCaughtUp(listenerName: string, signal: AbortSignal): Promise<void>;
}
