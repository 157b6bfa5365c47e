import { appendEvents, type NewEvent } from '../../platform/event-log.ts';
import { parseId, type PaymentMethodId, type UserId } from '../../platform/ids.ts';
import { Refusal } from '../../platform/refusal.ts';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import { forgetDisconnectedCard, type ForgetCardDeps } from './forget-card.ts';
import { lockPaymentMethod, updatePaymentMethod, type StoredPaymentMethod } from './payment-method-store.ts';
import { isPayoutMethodProvider } from './payout-methods/parse-payout-token.ts';
import type { WalletRefusal } from './refusals.ts';
import type { WalletStore } from './store.ts';

export interface DisconnectPaymentMethodDeps extends ForgetCardDeps, Pick<SubgraphDeps, 'wakeUp'> {
  store: WalletStore;
}

/**
 * Ends a link; twice is as good as once. First nothing can be charged through it any more, then its provider is asked to forget
 * the card: in that order a provider that is away cannot keep a card in use. The number of an account that was paid out to is known to
 * nobody but us, and forgotten at once.
 */
export async function disconnectPaymentMethod(
  deps: DisconnectPaymentMethodDeps,
  ownerId: UserId,
  givenId: string,
  signal: AbortSignal,
): Promise<PaymentMethodId> {
  const id = parseId<PaymentMethodId>(givenId);
  const method = await deps.store.transaction(async (tx) => {
    const locked = id && (await lockPaymentMethod(tx, ownerId, id));
    if (!locked) throw new Refusal<WalletRefusal>('PAYMENT_METHOD_NOT_FOUND', ['id']);
    if (locked.isActive) {
      const reference = isPayoutMethodProvider(locked.provider) ? null : locked.reference;
      const after = await updatePaymentMethod(tx, { ...locked, isActive: false, reference });
      await appendEvents(tx, [disconnected(after)]);
    }
    return locked;
  });
  if (method.isActive) deps.wakeUp.signal();
  const { reference, provider } = method;
  if (reference !== null && !isPayoutMethodProvider(provider))
    await forgetDisconnectedCard(deps, method.id, reference, signal);
  return method.id;
}

/** The link has ended. */
export function disconnected({ id, ownerId, changedAt }: StoredPaymentMethod): NewEvent {
  const payload = { paymentMethodId: id, ownerId, at: changedAt.toISOString() };
  return { type: 'PaymentMethodDisconnected', key: id, payload };
}
