import type { Pool } from 'pg';
import { withTransaction } from '../../../platform/db.ts';
import { enqueueJobs } from '../../../platform/jobs.ts';
import type { Logger } from '../../../platform/log.ts';
import { POLICY } from '../../../platform/policy.ts';
import { JOBS_SCHEMA } from '../listeners.ts';
import { waitFor } from './change-standing-order.ts';
import type { StandingOrderParent } from './graph-types.ts';
import { claim, type Claim } from './occurrences.ts';
import { claimOccurrences, occurrencesToLookAt, skipOccurrences, type OccurrenceId } from './occurrence-store.ts';
import { changeOrder, lockDueOrders } from './standing-order-store.ts';

/** The job that makes one occurrence; its payload is OccurrenceId. */
export const RUN_OCCURRENCE = 'run-occurrence';

const AT_ONCE = 50;

export interface ClaimDeps {
  pool: Pool;
  log: Logger;
}

/**
 * Turns what is due by the database's clock into occurrences with a job each, in one transaction: an occurrence is written, its order
 * waits for the next one, and the job is there, or none of it. Any number of processes may do so at once. Of several that are due of one
 * order, as after days without a bank, the newest is made and the others are SKIPPED as MISSED. Returns whether there may be more.
 */
export async function claimDueOrders({ pool, log }: ClaimDeps): Promise<boolean> {
  return withTransaction(pool, async (tx) => {
    const { now, orders } = await lockDueOrders(tx, AT_ONCE);
    const claims = orders.flatMap((order) => {
      const made = claimOf(order, now!, log);
      return made ? [{ order, ...made }] : [];
    });
    for (const { order, missed, due, next } of claims) {
      await skipOccurrences(tx, { orderId: order.id, skipped: missed, code: 'MISSED' });
      await changeOrder(tx, order, waitFor(order, due.number + 1, next));
    }
    if (claims.length > 0) {
      await claimOccurrences(
        tx,
        claims.map(({ order, due }) => ({ orderId: order.id, due })),
      );
    }
    // Retries whose time has come, and what lost its job.
    const waiting = await occurrencesToLookAt(tx, AT_ONCE);
    const ids = [...claims.map(({ order, due }) => ({ orderId: order.id, number: due.number })), ...waiting];
    if (ids.length > 0) {
      await enqueueJobs(tx, {
        schema: JOBS_SCHEMA,
        task: RUN_OCCURRENCE,
        jobs: ids.map((id) => ({ key: keyOf(id), payload: { ...id } })),
      });
    }
    return orders.length === AT_ONCE || waiting.length === AT_ONCE;
  });
}

/** One order that cannot be reckoned with is no reason to leave the others waiting. */
function claimOf(order: StandingOrderParent, now: Date, log: Logger): Claim | null {
  try {
    const waitedFor = { number: order.nextNumber, dueAt: order.nextDueAt! };
    return claim(order, waitedFor, now, POLICY.schedules.mostMissedKept);
  } catch (error) {
    log.error({ err: error, standingOrderId: order.id }, 'it cannot be said when this standing order is due next');
    return null;
  }
}

function keyOf({ orderId, number }: OccurrenceId): string {
  return `occurrence:${orderId}:${number}`;
}
