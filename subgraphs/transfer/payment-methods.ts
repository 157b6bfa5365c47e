import type { Pool } from 'pg';
import type { PaymentMethodId } from '../../platform/ids.ts';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import type { Viewer } from '../../platform/viewer.ts';
import { parsePayoutReference } from '../../providers/payout-reference.ts';
import { caughtUp } from './caught-up.ts';
import { findPaymentMethod, type LinkedMethod } from './deposit-store.ts';
import { PAYMENT_METHODS_LISTENER } from './listeners.ts';
import { refuse } from './refusals.ts';

/*
 * The payment methods that a customer may pay in from, from this subgraph's own projection of what wallet links. It lags behind
 * by milliseconds; so none is taken for unknown or ended before the projection has seen every event that was in the log when it
 * was asked. One that was ended a moment ago may still be accepted: its deposit then FAILS before the provider hears of it.
 */

/** A payment method that has something to charge. */
export type ChargeableMethod = LinkedMethod & { reference: string };

/** Longer than the projection is ever behind while it runs. */
const CATCH_UP_MS = 2_000;

type MethodDeps = Pick<SubgraphDeps, 'listenersCaughtUp' | 'log'> & { pool: Pool };

/** Which method is asked for, and where in the input. */
interface WantedMethod {
  id: PaymentMethodId | null;
  signal: AbortSignal;
}

/** One of the viewer's own that can be charged. Another's, an unknown and a disconnected one are all not found. */
export async function findChargeableMethod(
  deps: MethodDeps,
  viewer: Viewer,
  wanted: WantedMethod,
): Promise<ChargeableMethod> {
  const field = ['source', 'paymentMethodId'];
  const method = await findOwnMethod(deps, viewer, { ...wanted, field });
  // Who pays in does so by card: an account at another bank is known well enough to send money there, not to take it.
  if (method.reference === null || parsePayoutReference(method.reference, '').kind !== 'CARD') {
    throw refuse('PAYMENT_METHOD_NOT_CHARGEABLE', field);
  }
  return { ...method, reference: method.reference };
}

/** One of the viewer's own that money can be sent to. */
export async function findPayableMethod(
  deps: MethodDeps,
  viewer: Viewer,
  wanted: WantedMethod,
): Promise<ChargeableMethod> {
  const field = ['destination', 'paymentMethodId'];
  const method = await findOwnMethod(deps, viewer, { ...wanted, field });
  if (method.reference === null) throw refuse('PAYMENT_METHOD_NOT_PAYABLE', field);
  return { ...method, reference: method.reference };
}

async function findOwnMethod(
  deps: MethodDeps,
  viewer: Viewer,
  { id, signal, field }: WantedMethod & { field: string[] },
): Promise<LinkedMethod> {
  let method = id && (await findPaymentMethod(deps.pool, id));
  if (id && !method?.active) {
    const isCaughtUp = await caughtUp(deps, PAYMENT_METHODS_LISTENER, { signal, withinMs: CATCH_UP_MS });
    if (!isCaughtUp) throw refuse('PAYMENT_METHODS_UNAVAILABLE', field);
    method = await findPaymentMethod(deps.pool, id);
  }
  if (method?.ownerId !== viewer.userId || !method.active) throw refuse('PAYMENT_METHOD_NOT_FOUND', field);
  return method;
}
