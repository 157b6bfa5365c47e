import type { Pool } from 'pg';
import { withTransaction, type Queryable } from '../../../platform/db.ts';
import { parseId, type ScheduleId } from '../../../platform/ids.ts';
import { POLICY } from '../../../platform/policy.ts';
import { Refusal } from '../../../platform/refusal.ts';
import type { Viewer } from '../../../platform/viewer.ts';
import type { CreateTransferCall, CreateTransferDeps } from '../call.ts';
import { parseCommand } from '../domain.ts';
import { planAhead } from '../quotes/plan-ahead.ts';
import type { StandingOrderParent } from './graph-types.ts';
import { between, firstAfter, lastOn, occurrence, type Occurrence } from './occurrences.ts';
import { hasDueOccurrence, skipOccurrences, skipWaitingOccurrences } from './occurrence-store.ts';
import { transferInputOf } from './ordered-transfer.ts';
import { refuseSchedule } from './refusals.ts';
import { changeOrder, databaseNow, findOrder, lockOrder } from './standing-order-store.ts';

/** Changes one of the viewer's orders under its lock, so that it is found due before or after, and never in between. */
export function changeStandingOrder(
  pool: Pool,
  viewer: Viewer,
  id: string,
  change: (tx: Queryable, order: StandingOrderParent) => Promise<StandingOrderParent>,
): Promise<StandingOrderParent> {
  return withTransaction(pool, async (tx) => {
    const orderId = parseId<ScheduleId>(id);
    const order = orderId && (await lockOrder(tx, orderId));
    if (order?.userId !== viewer.userId) throw refuseSchedule('STANDING_ORDER_NOT_FOUND', ['id']);
    return change(tx, order);
  });
}

/**
 * Refuses to let an order go on that could not be made as it is now: outside the order's lock, because planning may wait for others, and again at
 * each run. One that is not there, or has ended, is left to whoever locks it, and one without an amount to be planned stays as it is.
 */
async function planOrder(
  deps: CreateTransferDeps,
  call: CreateTransferCall,
  { id, amountOf }: { id: string; amountOf: (order: StandingOrderParent) => bigint | undefined },
): Promise<void> {
  const orderId = parseId<ScheduleId>(id);
  const order = orderId && (await findOrder(deps.pool, orderId));
  if (order?.userId !== call.viewer.userId || order.status === 'CANCELLED' || order.status === 'ENDED') return;
  const amountMinor = amountOf(order);
  if (amountMinor === undefined) return;
  const command = parseCommand(transferInputOf({ ...order, amount: { ...order.amount, amountMinor } }, 'an order'));
  if ('faults' in command) throw new Error(`the order ${order.id} means nothing`, { cause: command.faults[0] });
  try {
    await planAhead(deps, call, command);
  } catch (error) {
    // Its ends are no part of what is asked for here, but the order's.
    if (error instanceof Refusal && error.field?.[0] !== 'amount') throw new Refusal(error.code, ['id']);
    throw error;
  }
}

/** Nothing runs until it is resumed: neither what will be due, nor what is and has not begun. Again: the same. */
export function pauseStandingOrder(pool: Pool, viewer: Viewer, id: string): Promise<StandingOrderParent> {
  return changeStandingOrder(pool, viewer, id, async (tx, order) => {
    if (order.status === 'PAUSED') return order;
    if (order.status !== 'ACTIVE') throw refuseSchedule('STANDING_ORDER_ENDED', ['id']);
    await skipWaitingOccurrences(tx, order.id, 'PAUSED');
    return changeOrder(tx, order, { status: 'PAUSED', nextDueAt: null });
  });
}

/**
 * Ends it for good. Again: the same. One that has ended is cancelled while its last occurrence has no verdict: what is under way would
 * otherwise not know that no attempt may follow it.
 */
export function cancelStandingOrder(pool: Pool, viewer: Viewer, id: string): Promise<StandingOrderParent> {
  return changeStandingOrder(pool, viewer, id, async (tx, order) => {
    const isOver = order.status === 'ENDED' && !(await hasDueOccurrence(tx, order.id));
    await skipWaitingOccurrences(tx, order.id, 'CANCELLED');
    return isOver ? order : changeOrder(tx, order, { status: 'CANCELLED', nextDueAt: null });
  });
}

/** Goes on with the first occurrence that is not due yet; what was due meanwhile was skipped. Again: the same. */
export async function resumeStandingOrder(
  deps: CreateTransferDeps,
  call: CreateTransferCall,
  id: string,
): Promise<StandingOrderParent> {
  const { viewer, origin } = call;
  await planOrder(deps, call, {
    id,
    amountOf: ({ status, amount }) => (status === 'PAUSED' ? amount.amountMinor : undefined),
  });
  return changeStandingOrder(deps.pool, viewer, id, async (tx, order) => {
    if (order.status === 'ACTIVE') return order;
    if (order.status !== 'PAUSED') throw refuseSchedule('STANDING_ORDER_ENDED', ['id']);
    const next = firstAfter(order, await databaseNow(tx));
    const waited = occurrence(order, order.nextNumber);
    // Its rules may have changed since (time zones do): what it waited for before the pause is not made a second time.
    const number = Math.max(next?.number ?? lastNumber(order) + 1, order.nextNumber);
    if (waited) {
      const skipped = between(order, waited, number, POLICY.schedules.mostMissedKept);
      await skipOccurrences(tx, { orderId: order.id, skipped, code: 'PAUSED' });
    }
    return changeOrder(tx, order, { ...waitFor(order, number), origin });
  });
}

/** What a customer may change; undefined: as it is. */
export interface Update {
  amountMinor: bigint | undefined;
  endsOn: string | null | undefined;
}

/** From the next occurrence on; one that has begun keeps its amount. Another amount is planned as a new order's is. */
export async function updateStandingOrder(
  deps: CreateTransferDeps,
  call: CreateTransferCall,
  id: string,
  update: (order: StandingOrderParent) => Update,
): Promise<StandingOrderParent> {
  const { viewer, origin } = call;
  await planOrder(deps, call, { id, amountOf: (order) => update(order).amountMinor });
  return changeStandingOrder(deps.pool, viewer, id, async (tx, order) => {
    if (order.status !== 'ACTIVE' && order.status !== 'PAUSED') throw refuseSchedule('STANDING_ORDER_ENDED', ['id']);
    const { amountMinor = order.amount.amountMinor, endsOn = order.endsOn } = update(order);
    const changed = { ...order, endsOn };
    // An order without a future is one to cancel.
    if (!occurrence(changed, order.nextNumber)) throw refuseSchedule('INVALID_LAST_DAY', ['endsOn']);
    return changeOrder(tx, order, { amountMinor, endsOn, origin });
  });
}

/** The change of an order to one that waits for this occurrence next, or has ended. */
export function waitFor(
  order: StandingOrderParent,
  number: number,
  next: Occurrence | null = occurrence(order, number),
): { status: 'ACTIVE' | 'ENDED'; nextNumber: number; nextDueAt: Date | null } {
  return { status: next ? 'ACTIVE' : 'ENDED', nextNumber: number, nextDueAt: next?.dueAt ?? null };
}

/** The number of the last occurrence of an order that has an end. */
function lastNumber(order: StandingOrderParent): number {
  return lastOn(order, order.endsOn ?? order.firstOn);
}
