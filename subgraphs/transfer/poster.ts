import { setTimeout as sleep } from 'node:timers/promises';
import { GraphQLError } from 'graphql';
import { isPostingStopped } from '../../ledger/posting-gate.ts';
import { sqlState, withRetry, type Queryable } from '../../platform/db.ts';
import type { Logger } from '../../platform/log.ts';
import { Refusal } from '../../platform/refusal.ts';
import { createPostingQueue, type Waiting } from './posting-queue.ts';
import {
  createTransfersStatement,
  toVerdicts,
  type OutcomeRow,
  type PlannedTransfer,
  type Verdict,
} from './transfer-batch.ts';

export type { PlannedEnd, PlannedTransfer, Verdict } from './transfer-batch.ts';

/*
 * The poster turns single transfers into batches. One call of the database costs its round trip, its locks and its fsync
 * whether it carries one transfer or a hundred, so whatever arrives while all posting connections are busy waits and goes
 * together when one comes free. Nobody waits for company: with a free connection a transfer leaves at once, and no timer runs.
 * What shares a row with a call under way is passed over for a while (posting-queue.ts).
 *
 * An attempt goes   waiting -> under way -> verdict
 *                   waiting -> POSTER_BUSY               when it could not be sent in time: nothing was done
 *                   under way -> under way               when Postgres chose the call as a victim (40P01, 40001), or the
 *                                                        connection broke: then its COMMIT may have happened or not, and
 *                                                        the same call again tells, because its keys remember
 *                   under way -> waiting, alone          when the call failed on some item of it (unexpected SQL error):
 *                                                        it has rolled back, and each item is tried by itself
 *                   under way -> error                   when it failed alone, or its outcome could not be learned in time
 */

/** Why the poster did not begin. Nothing was done; the same key may be used again. */
export type PosterRefusal = 'POSTER_BUSY' | 'POSTER_STOPPED' | 'BANK_READ_ONLY';

/** The database went away and did not come back in time: the transfer may have been made or not. The same key tells. */
export class OutcomeUnknownError extends GraphQLError {
  override readonly name = 'OutcomeUnknownError';

  constructor(cause: unknown) {
    super('It is not known yet what became of this transfer. Ask again with the same idempotency key.', {
      extensions: { code: 'OUTCOME_UNKNOWN' },
    });
    this.cause = cause;
  }
}

/** Posts transfers in batches. */
export interface Poster {
  /**
   * Posts one transfer and says what became of it. Throws Refusal POSTER_BUSY when too many wait already and POSTER_STOPPED
   * after `stop`, BANK_READ_ONLY while posting is stopped (ledger/posting-gate.ts); any other throw is a fault, and the same key tells later what it did.
   */
  post(planned: PlannedTransfer): Promise<Verdict>;
  /** Takes no more, and resolves when everything taken has its verdict. */
  stop(): Promise<void>;
}

/** What the poster is wired with. */
export interface PosterDeps {
  /** The poster's own pool (role dwaybank_transfer), with at least `connections` connections. */
  pool: Queryable;
  /** Told after every commit. */
  wakeUp: { signal(): void };
  log: Logger;
}

/** The poster's bounds. */
export interface PosterLimits {
  /** Calls under way at once: one works while the other's commit reaches the disk. */
  connections: number;
  /** Transfers in one call. */
  maxBatch: number;
  /** Transfers that may wait. */
  maxWaiting: number;
  /** How long one may wait, and how long an unknown outcome is asked for. */
  deadlineMs: number;
  /** How long one call may take; above the connections' statement timeout, so that normally the server is the one to end it. */
  callTimeoutMs: number;
}

const LIMITS: PosterLimits = {
  connections: 2,
  maxBatch: 128,
  maxWaiting: 2_000,
  deadlineMs: 30_000,
  callTimeoutMs: 20_000,
};
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;

interface Attempt extends Waiting {
  resolve(verdict: Verdict): void;
  reject(error: unknown): void;
}

/** The one way by which this process moves money between customers. */
export function createPoster(deps: PosterDeps, overrides: Partial<PosterLimits> = {}): Poster {
  const limits = { ...LIMITS, ...overrides };
  const queue = createPostingQueue<Attempt>({
    maxBatch: limits.maxBatch,
    onTooLate: (attempt) => attempt.reject(new Refusal<PosterRefusal>('POSTER_BUSY')),
  });
  let underWay = 0;
  let sendScheduled = false;
  let stopping: Promise<void> | null = null;
  let drained = () => {};

  function send(): void {
    sendScheduled = false;
    while (underWay < limits.connections) {
      const batch = queue.take();
      if (batch.length === 0) break;
      underWay++;
      void decide(deps, limits, batch).then((again) => {
        underWay--;
        queue.ended(batch);
        queue.putBack(again);
        scheduleSend();
      });
    }
    if (underWay === 0 && queue.size === 0) drained();
  }

  // At the end of this turn of the event loop, so that what arrives in one turn goes in one call.
  function scheduleSend(): void {
    if (sendScheduled) return;
    sendScheduled = true;
    setImmediate(send);
  }

  return {
    async post(planned) {
      if (stopping) throw new Refusal<PosterRefusal>('POSTER_STOPPED');
      if (queue.size >= limits.maxWaiting) throw new Refusal<PosterRefusal>('POSTER_BUSY');
      return new Promise<Verdict>((resolve, reject) => {
        queue.push({ planned, deadlineMs: performance.now() + limits.deadlineMs, alone: false, resolve, reject });
        scheduleSend();
      });
    },
    stop() {
      stopping ??= new Promise((resolve) => {
        drained = resolve;
        scheduleSend();
      });
      return stopping;
    },
  };
}

/** SQLSTATE of a lock_timeout. */
const LOCK_NOT_AVAILABLE = '55P03';

/** Sends one batch and tells each of it its verdict. Never throws; returns those that have to be tried by themselves. */
async function decide(deps: PosterDeps, limits: PosterLimits, batch: readonly Attempt[]): Promise<Attempt[]> {
  try {
    const verdicts = await callUntilKnown(deps, limits, batch);
    if (verdicts.some(({ outcome }) => outcome === 'DONE')) deps.wakeUp.signal();
    for (const [index, attempt] of batch.entries()) attempt.resolve(verdicts[index]!);
    return [];
  } catch (error) {
    if (batch.length > 1 && !(error instanceof OutcomeUnknownError) && !isPostingStopped(error)) {
      deps.log.warn({ err: error, transfers: batch.length }, 'a batch of transfers failed; trying each by itself');
      return batch.map((attempt) => ({ ...attempt, alone: true }));
    }
    for (const attempt of batch) attempt.reject(answerTo(error));
    return [];
  }
}

/** What is told of a call that failed. In both refusals nothing was done, and the same key may have better luck. */
function answerTo(error: unknown): unknown {
  if (isPostingStopped(error)) return new Refusal<PosterRefusal>('BANK_READ_ONLY');
  // Somebody held a lock for too long.
  return sqlState(error) === LOCK_NOT_AVAILABLE ? new Refusal<PosterRefusal>('POSTER_BUSY') : error;
}

/** Runs the call until Postgres has said what became of it, over broken connections too. */
async function callUntilKnown(
  { pool, log }: PosterDeps,
  { callTimeoutMs, deadlineMs }: PosterLimits,
  batch: readonly Attempt[],
): Promise<Verdict[]> {
  const planned = batch.map((attempt) => attempt.planned);
  const statement = createTransfersStatement(planned, callTimeoutMs);
  const giveUpMs = performance.now() + deadlineMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const answer = await withRetry(() => pool.query<OutcomeRow>(statement)).catch((error: unknown) => {
      if (hasRolledBack(error)) throw error;
      if (performance.now() + pauseMs > giveUpMs) {
        throw new OutcomeUnknownError(error);
      }
      log.warn({ err: error, transfers: batch.length }, 'connection lost while posting; asking again by key');
      return null;
    });
    if (answer) return toVerdicts(planned, answer.rows);
    await sleep(pauseMs);
  }
}

/**
 * True when an error proves that nothing was done: Postgres reported it for this statement, and the connection lives.
 * A server that is going away proves nothing, and neither does a socket that broke.
 */
function hasRolledBack(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && !NO_ANSWER.test(state);
}

/** The server goes away (57P), the connection failed (08), or there was none to be had (53300): worth asking again. */
const NO_ANSWER = /^(57P..|08...|53300)$/;
