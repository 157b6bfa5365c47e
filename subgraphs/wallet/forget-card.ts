import type { PaymentMethodId } from '../../platform/ids.ts';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import type { CardProvider } from '../../providers/card-provider.ts';
import { askCardProvider } from './ask-card-provider.ts';
import { clearReference, disconnectedReferences, isToBeForgotten } from './payment-method-store.ts';

export interface ForgetCardDeps extends Pick<SubgraphDeps, 'log' | 'pool'> {
  cards: CardProvider | null;
}

/** So many are forgotten in one go; what is left waits for the next start. */
const MAX_CARDS = 100;

/**
 * Has the provider forget a card that can no longer be charged here. True when it has. A provider that does not answer is no
 * reason to refuse the customer: the card stays on record as to be forgotten, and is tried again by the next start.
 */
export async function forgetCard(
  { cards, log }: Omit<ForgetCardDeps, 'pool'>,
  reference: string,
  signal: AbortSignal,
): Promise<boolean> {
  if (!cards) return false;
  try {
    await askCardProvider({ log }, (time) => cards.removeCard(reference, time), signal);
    return true;
  } catch (error) {
    log.warn({ err: error }, 'a disconnected card is not forgotten yet');
    return false;
  }
}

/**
 * Forgets the card of a disconnected payment method, unless it has been linked again: asked right before the provider is, because
 * a provider may know a card linked again by the same reference. A link that is committed between this look and the provider's
 * deed can still lose its card: no lock is held while a provider is asked. Its charges then fail with the provider's code, the next
 * sync finds the card gone and disconnects it, and the customer links it once more.
 */
export async function forgetDisconnectedCard(
  deps: ForgetCardDeps,
  id: PaymentMethodId,
  reference: string,
  signal: AbortSignal,
): Promise<void> {
  if (!(await isToBeForgotten(deps.pool, id, reference))) return;
  if (await forgetCard(deps, reference, signal)) await clearReference(deps.pool, id, reference);
}

/** Forgets the cards whose provider was away when they were disconnected. */
export async function forgetDisconnectedCards(deps: ForgetCardDeps, signal: AbortSignal): Promise<void> {
  if (!deps.cards) return;
  for (const { id, reference } of await disconnectedReferences(deps.pool, deps.cards.name, MAX_CARDS)) {
    if (signal.aborted) return;
    await forgetDisconnectedCard(deps, id, reference, signal);
  }
}
