import { appendEvents } from '../../../platform/event-log.ts';
import type { PaymentMethodId, UserId } from '../../../platform/ids.ts';
import type { SubgraphDeps } from '../../../platform/subgraph-deps.ts';
import { formatPayoutReference } from '../../../providers/payout-reference.ts';
import type { ProviderRegistry } from '../../../providers/registry.ts';
import { linkPaymentMethod, synced } from '../link-payment-method.ts';
import { hashIdentity } from '../source-identity.ts';
import type { WalletStore } from '../store.ts';
import { parsePayoutToken, type PayoutMethodProvider, type PayoutMethodType } from './parse-payout-token.ts';

export interface ConnectPayoutMethodDeps extends Pick<SubgraphDeps, 'clock' | 'secrets' | 'wakeUp'> {
  store: WalletStore;
  payouts: ProviderRegistry | null;
}

/**
 * Links a place that money can be paid out to: an account at a bank, or a mobile money number. Nobody is asked whether it exists:
 * whether it can be paid to is found out by paying.
 */
export async function connectPayoutMethod(
  deps: ConnectPayoutMethodDeps,
  ownerId: UserId,
  request: { type: PayoutMethodType; provider: PayoutMethodProvider; label: string | null; token: string },
): Promise<PaymentMethodId> {
  const { type, provider, label, token } = request;
  const { destination, label: madeLabel } = parsePayoutToken(type, provider, token);
  const reference = formatPayoutReference(destination);
  const now = deps.clock.now();
  const source = {
    ownerId,
    type,
    provider,
    identity: hashIdentity(deps.secrets, [reference]),
    reference,
    currency: null,
    label,
    madeLabel,
    lastSync: now,
  };
  const { method, linked } = await deps.store.transaction(async (tx) => {
    const link = await linkPaymentMethod(tx, source, now);
    await appendEvents(tx, link.linked ? [...link.events, synced(link.method)] : []);
    return link;
  });
  if (linked) deps.wakeUp.signal();
  return method.id;
}
