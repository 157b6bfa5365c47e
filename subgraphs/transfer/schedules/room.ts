import { unauthenticated } from '../../../platform/graph-errors.ts';
import { parseAmount, toGraphMoney } from '../../../platform/money.ts';
import { answerRefusals, Refusal } from '../../../platform/refusal.ts';
import type { Viewer } from '../../../platform/viewer.ts';
import type { CreateTransferDeps } from '../call.ts';
import type { EndInput } from '../domain.ts';
import { refuse } from '../refusals.ts';
import type { Room } from '../room.ts';
import {
  cancelStandingOrder,
  pauseStandingOrder,
  resumeStandingOrder,
  updateStandingOrder,
} from './change-standing-order.ts';
import { claimDueOrders, RUN_OCCURRENCE } from './claim-due-orders.ts';
import { createStandingOrder, type StandingOrderAnswer } from './create-standing-order.ts';
import type { StandingOrderParent } from './graph-types.ts';
import { listOccurrencesOf, listStandingOrders, visibleOrder } from './list-standing-orders.ts';
import { REFUSED } from './refusals.ts';
import { createRunOccurrence } from './run-occurrence.ts';

const CLAIM_EVERY_MS = 1_000;

/** Standing orders and scheduled transfers. */
export function createSchedulesRoom(deps: CreateTransferDeps): Room {
  const { pool } = deps;
  return {
    tasks: { [RUN_OCCURRENCE]: createRunOccurrence(deps) },
    periodic: [{ name: 'transfer.due-standing-orders', everyMs: CLAIM_EVERY_MS, run: () => claimDueOrders(deps) }],
    resolvers: {
      Query: { standingOrder: (_root, { id }, { viewer }) => visibleOrder(pool, viewer, id) },
      User: { standingOrders: ({ id }, args, { viewer }) => listStandingOrders(pool, viewer, id, args) },
      Mutation: {
        createStandingOrder: (_root, { input }, { viewer, origin, signal }) =>
          answer(viewer, (who) =>
            createStandingOrder(deps, { viewer: who, origin, signal }, 'createStandingOrder', input),
          ),
        scheduleTransfer: (_root, { input: { on, ...input } }, { viewer, origin, signal }) =>
          answer(viewer, (who) =>
            createStandingOrder(deps, { viewer: who, origin, signal }, 'scheduleTransfer', {
              ...input,
              frequency: 'ONCE',
              firstOn: on,
            }),
          ),
        updateStandingOrder: (_root, { input: { id, amount, endsOn } }, { viewer, origin, signal }) =>
          changed(viewer, (who) =>
            updateStandingOrder(deps, { viewer: who, origin, signal }, id, (order) => ({
              amountMinor: amount ? newAmount(order, amount) : undefined,
              endsOn,
            })),
          ),
        pauseStandingOrder: (_root, { id }, { viewer }) => changed(viewer, (who) => pauseStandingOrder(pool, who, id)),
        resumeStandingOrder: (_root, { id }, { viewer, origin, signal }) =>
          changed(viewer, (who) => resumeStandingOrder(deps, { viewer: who, origin, signal }, id)),
        cancelStandingOrder: (_root, { id }, { viewer }) =>
          changed(viewer, (who) => cancelStandingOrder(pool, who, id)),
      },
      StandingOrder: {
        source: ({ source }) => toEnd(source),
        destination: ({ destination }) => toEnd(destination),
        amount: ({ amount }) => toGraphMoney(amount),
        nextRunAt: ({ nextDueAt }) => nextDueAt,
        occurrences: (order, args) => listOccurrencesOf(pool, order, args),
      },
      StandingOrderOccurrence: {
        transfer: ({ transferId }, _args, { loaders }) => transferId && loaders.transfer.load(transferId),
        nextAttemptAt: ({ status, attempt, runAfter }) => (status === 'DUE' && attempt > 1 ? runAfter : null),
      },
    },
  };
}

function answer(
  viewer: Viewer | null,
  operation: (viewer: Viewer) => Promise<StandingOrderAnswer>,
): Promise<StandingOrderAnswer> {
  if (!viewer) throw unauthenticated();
  return answerRefusals(
    REFUSED,
    () => operation(viewer),
    (userErrors) => ({ standingOrder: null, replayed: false, userErrors }),
  );
}

function changed(
  viewer: Viewer | null,
  change: (viewer: Viewer) => Promise<StandingOrderParent>,
): Promise<StandingOrderAnswer> {
  return answer(viewer, async (who) => ({ standingOrder: await change(who), replayed: false, userErrors: [] }));
}

/** Another amount of an order, in the currency that it has. */
function newAmount(order: StandingOrderParent, { amount, currency }: { amount: string; currency: string }): bigint {
  try {
    const amountMinor = parseAmount(amount, currency);
    if (currency !== order.amount.currency) throw refuse('CURRENCY_MISMATCH', ['currency']);
    return amountMinor;
  } catch (error) {
    if (error instanceof Refusal) throw new Refusal(error.code, ['amount', ...(error.field ?? [])]);
    throw error;
  }
}

function toEnd({ accountId, paymentMethodId, email, iban, payeeName }: EndInput) {
  return {
    accountId: accountId ?? null,
    paymentMethodId: paymentMethodId ?? null,
    email: email ?? null,
    iban: iban ?? null,
    payeeName: payeeName ?? null,
  };
}
