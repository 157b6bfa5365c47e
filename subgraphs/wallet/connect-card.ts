import { appendEvents } from '../../platform/event-log.ts';
import type { PaymentMethodId, UserId } from '../../platform/ids.ts';
import { Refusal } from '../../platform/refusal.ts';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import type { CardProvider, SavedCard } from '../../providers/card-provider.ts';
import { askCardProvider } from './ask-card-provider.ts';
import { forgetCard } from './forget-card.ts';
import { linkPaymentMethod, synced } from './link-payment-method.ts';
import { findByIdentity } from './payment-method-store.ts';
import type { WalletRefusal } from './refusals.ts';
import { hashIdentity } from './source-identity.ts';
import type { WalletStore } from './store.ts';

export interface ConnectCardDeps extends Pick<
  SubgraphDeps,
  'clock' | 'limits' | 'log' | 'pool' | 'secrets' | 'wakeUp'
> {
  store: WalletStore;
  cards: CardProvider | null;
}

/** Tokens are short and have no blanks; what has another form is known to nobody. */
const TOKEN = /^[\x21-\x7e]{1,255}$/;

/**
 * Links the card behind a token that the customer's app got from the provider. The provider is asked outside any transaction; of two
 * links of one token at the same moment one is kept, and a card that was saved in vain is forgotten again.
 */
export async function connectCard(
  deps: ConnectCardDeps,
  ownerId: UserId,
  { label, token }: { label: string | null; token: string },
  signal: AbortSignal,
): Promise<PaymentMethodId> {
  const { cards } = deps;
  if (!cards) throw new Refusal<WalletRefusal>('FEATURE_UNAVAILABLE', ['provider']);
  if (!TOKEN.test(token)) throw new Refusal<WalletRefusal>('CARD_TOKEN_REFUSED', ['token']);
  const identity = hashIdentity(deps.secrets, [token]);
  const existing = await findByIdentity(deps.pool, { ownerId, provider: cards.name, identity });
  if (existing?.isActive) return existing.id;

  const card = await saveCard(deps, cards, { token, ownerId }, signal);
  const now = deps.clock.now();
  const source = {
    ownerId,
    type: 'CARD',
    provider: cards.name,
    identity,
    reference: card.reference,
    currency: null,
    label,
    madeLabel: labelOf(card),
    lastSync: now,
  } as const;
  try {
    const { method, linked } = await deps.store.transaction(async (tx) => {
      const link = await linkPaymentMethod(tx, source, now);
      await appendEvents(tx, link.linked ? [...link.events, synced(link.method)] : []);
      return link;
    });
    if (linked) deps.wakeUp.signal();
    // Another link of this token was first, and its card is the one that is kept.
    else if (method.reference !== card.reference) await forgetCard(deps, card.reference, signal);
    return method.id;
  } catch (error) {
    // After a refusal nothing was written for sure; after any other error the card may be linked.
    if (error instanceof Refusal) await forgetCard(deps, card.reference, signal);
    throw error;
  }
}

/** Has the provider keep the card. What it refuses is counted: nobody is to try out cards here. */
async function saveCard(
  deps: ConnectCardDeps,
  cards: CardProvider,
  { token, ownerId }: { token: string; ownerId: UserId },
  signal: AbortSignal,
): Promise<SavedCard> {
  await deps.limits.check('card-link-failure', ownerId);
  try {
    return await askCardProvider(deps, (time) => cards.saveCard(token, ownerId, time), signal);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'CARD_TOKEN_REFUSED') {
      await deps.limits.penalize('card-link-failure', ownerId);
    }
    throw error;
  }
}

/** For example "Visa ... 4242". */
export function labelOf({ brand, last4 }: SavedCard): string {
  return `${brand.charAt(0).toUpperCase()}${brand.slice(1)} ... ${last4}`;
}
