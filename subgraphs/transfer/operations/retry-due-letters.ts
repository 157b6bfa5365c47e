import type pg from 'pg';
import { withTransaction, type Queryable } from '../../../platform/db.ts';
import { POLICY } from '../../../platform/policy.ts';
import { severitiesThat } from './dead-letter-store.ts';
import { THE_BANK } from './intervention-store.ts';

/** Bounds of what is tried again without a person. */
export interface RetryPolicy {
  most: number;
  firstPauseMs: number;
  factor: number;
  atOnce: number;
}

/**
 * Has letters tried again of a severity that allows it (SEVERITIES) and whose pause is over: the first after firstPauseMs, each later one
 * after `factor` times as long, `most` times in all; then they wait for a person, as all others do from the beginning. What two
 * processes find at once is taken by one of them. Says how many.
 */
export async function retryDueLetters(pool: pg.Pool, policy: RetryPolicy = POLICY.operations.retries): Promise<number> {
  return withTransaction(pool, async (tx) => {
    const { rowCount } = await tx.query({
      name: 'transfer-retry-due-letters',
      text: `WITH due AS MATERIALIZED (
               SELECT id FROM transfer.dead_letter
               WHERE state IN ('OPEN', 'RETRYING') AND class <> 'PERMANENT' AND severity = ANY ($6::text[]) AND retries < $1
                 AND greatest(last_seen_at, last_retried_at) + make_interval(secs => $2 * power($3, retries)) <= clock_timestamp()
               ORDER BY last_seen_at LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED
             )
             SELECT transfer.retry_dead_letter(id, $5) FROM due`,
      values: [
        policy.most,
        policy.firstPauseMs / 1_000,
        policy.factor,
        policy.atOnce,
        THE_BANK,
        severitiesThat('triedByItself'),
      ],
    });
    return rowCount ?? 0;
  });
}

/**
 * Ends letters that were only about trying again (SEVERITIES), that were tried again, and whose transfer has ended since: it did work. Letters
 * of more weight are ended by people, or by whoever works on them. Says how many.
 */
export async function settleRetriedLetters(db: Queryable): Promise<number> {
  const { rowCount } = await db.query({
    name: 'transfer-settle-retried-letters',
    text: `SELECT transfer.settle_dead_letter(letter.transfer_id, letter.kind, 'The transfer has ended: ' || t.status)
           FROM transfer.dead_letter letter JOIN transfer.transfer t ON t.id = letter.transfer_id
           WHERE letter.state = 'RETRYING' AND letter.severity = ANY ($1::text[]) AND letter.class <> 'PERMANENT'
             AND transfer.has_ended(t.status) AND t.updated_at > letter.last_retried_at
           LIMIT 50`,
    values: [severitiesThat('triedByItself')],
  });
  return rowCount ?? 0;
}
