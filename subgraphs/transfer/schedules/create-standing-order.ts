import { createHash } from 'node:crypto';
import { withTransaction } from '../../../platform/db.ts';
import { newId, type ScheduleId } from '../../../platform/ids.ts';
import { POLICY } from '../../../platform/policy.ts';
import type { Refusal, UserError } from '../../../platform/refusal.ts';
import { userError } from '../../../platform/refusal.ts';
import type { Preference } from '../../../providers/registry.ts';
import type { CreateTransferCall, CreateTransferDeps } from '../call.ts';
import { hashCommand, parseCommand, type EndInput, type TransferCommand } from '../domain.ts';
import type { OnInsufficientFunds } from '../generated/resolvers.ts';
import { planAhead } from '../quotes/plan-ahead.ts';
import { refuse } from '../refusals.ts';
import type { StandingOrderParent } from './graph-types.ts';
import { dayIn, isTimeZone, occurrence, type Schedule } from './occurrences.ts';
import { REFUSED, refuseSchedule } from './refusals.ts';
import { countOrders, databaseNow, findOrderByKey, insertOrder, lockOrdersOf } from './standing-order-store.ts';
import type { NewOrder, OrderMutation } from './standing-order-store.ts';

/** What a client asks for, of both mutations. */
export interface StandingOrderInput {
  idempotencyKey: string;
  source: EndInput;
  destination: EndInput;
  amount: { amount: string; currency: string };
  description?: string | null | undefined;
  preference?: Preference | null | undefined;
  frequency: Schedule['frequency'];
  firstOn: string;
  endsOn?: string | null | undefined;
  dayOfMonth?: number | null | undefined;
  timeZone?: string | null | undefined;
  timeOfDay?: string | null | undefined;
  onInsufficientFunds?: OnInsufficientFunds | null | undefined;
}

/** The order, or why there is none. */
export interface StandingOrderAnswer {
  standingOrder: StandingOrderParent | null;
  replayed: boolean;
  userErrors: UserError[];
}

/**
 * Makes a standing order once per idempotency key. What is wrong with the transfer that it would make is told now, in createTransfer's own
 * codes and by its own rules (planAhead); whether money may move is decided at each run.
 */
export async function createStandingOrder(
  deps: CreateTransferDeps,
  call: CreateTransferCall,
  mutation: OrderMutation,
  input: StandingOrderInput,
): Promise<StandingOrderAnswer> {
  const parsed = parse(input, mutation === 'scheduleTransfer' ? 'on' : 'firstOn');
  if ('faults' in parsed) {
    const userErrors = parsed.faults.map(({ code, field }) => userError(REFUSED, code as keyof typeof REFUSED, field));
    return { standingOrder: null, replayed: false, userErrors };
  }
  const { command, order } = parsed;
  const { viewer, origin } = call;
  const key = { userId: viewer.userId, mutation, idempotencyKey: command.idempotencyKey };
  const bodyHash = hashOrder(command, order);
  const known = await findOrderByKey(deps.pool, key);
  // Before the lock is taken, because it may wait for others; a replay is answered whatever planning would say today.
  if (!known) await planAhead(deps, call, command);
  return withTransaction(deps.pool, async (tx) => {
    await lockOrdersOf(tx, viewer.userId);
    const replay = known ?? (await findOrderByKey(tx, key));
    if (replay) {
      if (!replay.bodyHash.equals(bodyHash)) throw refuse('IDEMPOTENCY_KEY_REUSED', ['idempotencyKey']);
      return { standingOrder: replay.order, replayed: true, userErrors: [] };
    }
    const first = firstOccurrence(order, await databaseNow(tx), parsed.firstField);
    if ((await countOrders(tx, viewer.userId)) >= POLICY.schedules.mostOrders) {
      throw refuseSchedule('TOO_MANY_STANDING_ORDERS');
    }
    const id = newId<ScheduleId>();
    const standingOrder = await insertOrder(tx, {
      order: { ...order, id, userId: viewer.userId },
      key,
      bodyHash,
      origin,
      first,
    });
    return { standingOrder, replayed: false, userErrors: [] };
  });
}

type Terms = Omit<NewOrder, 'id' | 'userId'>;

interface Parsed {
  command: TransferCommand;
  order: Terms;
  /** Where the first day stands in the input. */
  firstField: string;
}

const TIME_OF_DAY = /^([01][0-9]|2[0-3]):[0-5][0-9]$/;

/** What an input means, or all that is wrong with it by itself: the transfer's parts first. */
function parse(input: StandingOrderInput, firstField: string): Parsed | { faults: Refusal[] } {
  const command = parseCommand({ ...input, quoteId: null });
  const faults: Refusal[] = 'faults' in command ? [...command.faults] : [];
  const timeZone = input.timeZone ?? 'UTC';
  const timeOfDay = input.timeOfDay ?? '06:00';
  const { frequency, firstOn } = input;
  const givenDay = input.dayOfMonth ?? null;
  if (!isTimeZone(timeZone)) faults.push(refuseSchedule('INVALID_TIME_ZONE', ['timeZone']));
  if (!TIME_OF_DAY.test(timeOfDay)) faults.push(refuseSchedule('INVALID_TIME_OF_DAY', ['timeOfDay']));
  if (givenDay !== null && (frequency !== 'MONTHLY' || givenDay < 1 || givenDay > 31)) {
    faults.push(refuseSchedule('INVALID_DAY_OF_MONTH', ['dayOfMonth']));
  }
  if ('faults' in command || faults.length > 0) return { faults };
  return {
    command,
    firstField,
    order: {
      source: givenEnd(input.source),
      destination: givenEnd(input.destination),
      amount: command.amount,
      description: command.description,
      preference: command.preference,
      frequency,
      firstOn,
      endsOn: input.endsOn ?? null,
      dayOfMonth: frequency === 'MONTHLY' ? (givenDay ?? Number(firstOn.slice(8))) : null,
      timeZone,
      timeOfDay,
      onInsufficientFunds: input.onInsufficientFunds ?? 'SKIP',
    },
  };
}

/** An end without the fields that are not given; it has exactly one that is. */
function givenEnd(end: EndInput): EndInput {
  return Object.fromEntries(Object.entries(end).filter(([, text]) => text !== null && text !== undefined));
}

/** The first time that an order is due. Today counts, even when its time has passed: then the first run is at once. */
function firstOccurrence(order: Terms, now: Date, firstField: string) {
  const today = dayIn(order.timeZone, now);
  const latest = `${Number(today.slice(0, 4)) + POLICY.schedules.mostYearsAhead}${today.slice(4)}`;
  if (order.firstOn < today || order.firstOn > latest) throw refuseSchedule('INVALID_FIRST_DAY', [firstField]);
  const first = occurrence(order, 1);
  if (!first) throw refuseSchedule('INVALID_LAST_DAY', ['endsOn']);
  return first;
}

/** What a key stands for: equal for inputs that mean the same. */
function hashOrder(command: TransferCommand, order: Terms): Buffer {
  const { frequency, firstOn, endsOn, dayOfMonth, timeZone, timeOfDay, onInsufficientFunds } = order;
  const terms = [frequency, firstOn, endsOn, dayOfMonth, timeZone, timeOfDay, onInsufficientFunds];
  return createHash('sha256')
    .update(JSON.stringify([hashCommand(command).toString('hex'), ...terms]))
    .digest();
}
