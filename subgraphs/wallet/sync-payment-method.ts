import { appendEvents, type NewEvent } from '../../platform/event-log.ts';
import type { Queryable } from '../../platform/db.ts';
import { parseId, type PaymentMethodId, type UserId } from '../../platform/ids.ts';
import { Refusal } from '../../platform/refusal.ts';
import { askCardProvider } from './ask-card-provider.ts';
import { labelOf, type ConnectCardDeps } from './connect-card.ts';
import { STATEMENT_PROVIDER, statementIdentity } from './connect-statement.ts';
import { disconnected } from './disconnect-payment-method.ts';
import { importStatement } from './import-statement.ts';
import { connected, synced } from './link-payment-method.ts';
import {
  lockPaymentMethod,
  paymentMethodsByIds,
  updatePaymentMethod,
  type StoredPaymentMethod,
} from './payment-method-store.ts';
import { isPayoutMethodProvider } from './payout-methods/parse-payout-token.ts';
import type { WalletRefusal } from './refusals.ts';
import { readStatement } from './statements/read-statement.ts';
import { refuseStatement } from './statements/statement.ts';

/**
 * Looks at a source again: reads a card once more at its provider, or imports a newer statement file. A source that is known by files
 * alone, or only paid out to, has nothing to be asked and stays as it is; a card that its provider does not know any more is disconnected.
 */
export async function syncPaymentMethod(
  deps: ConnectCardDeps,
  ownerId: UserId,
  { id: givenId, statement }: { id: string; statement?: string | null },
  signal: AbortSignal,
): Promise<PaymentMethodId> {
  const id = parseId<PaymentMethodId>(givenId);
  const method = id && (await paymentMethodsByIds(deps.pool, [id])).get(id);
  if (!method || method.ownerId !== ownerId) throw new Refusal<WalletRefusal>('PAYMENT_METHOD_NOT_FOUND', ['id']);
  requireActive(method);
  if (method.provider === STATEMENT_PROVIDER) {
    if (typeof statement === 'string') await syncStatement(deps, method, statement);
  } else {
    if (typeof statement === 'string') throw new Refusal<WalletRefusal>('EXACTLY_ONE_SOURCE', ['statement']);
    if (isPayoutMethodProvider(method.provider)) await syncPayoutMethod(deps, method);
    else await syncCard(deps, method, signal);
  }
  return method.id;
}

async function syncStatement(deps: ConnectCardDeps, method: StoredPaymentMethod, file: string): Promise<void> {
  const now = deps.clock.now();
  const statement = await readStatement(file, now);
  if (!statementIdentity(deps, statement).equals(method.identity)) {
    const { label, line } = statement.account;
    const reason = `the file is of another account than this payment method (${label}, ${statement.currency})`;
    throw refuseStatement('STATEMENT_WRONG_ACCOUNT', line, reason);
  }
  await change(deps, method, (tx, locked) => importStatement(tx, { method: locked, statement, announce: false, now }));
}

async function syncCard(deps: ConnectCardDeps, method: StoredPaymentMethod, signal: AbortSignal): Promise<void> {
  const { cards } = deps;
  if (!cards) throw new Refusal<WalletRefusal>('FEATURE_UNAVAILABLE', ['id']);
  const { reference } = method;
  if (reference === null) throw new Error(`payment method ${method.id} is active and has no reference`);
  const card = await askCardProvider(deps, (time) => cards.findCard(reference, time), signal);
  const now = deps.clock.now();
  await change(deps, method, async (tx, locked) => {
    // Linked anew meanwhile: what was found out is of the card before.
    if (locked.reference !== reference) return [];
    if (!card) {
      return [disconnected(await updatePaymentMethod(tx, { ...locked, isActive: false, reference: null }))];
    }
    const label = locked.labelIsMade ? labelOf(card) : locked.label;
    const after = await updatePaymentMethod(tx, { ...locked, label, lastSync: now });
    return [...(label === locked.label ? [] : [connected(after)]), synced(after)];
  });
}

/** A place that money is paid out to tells nothing by itself: there is no news, as of now. */
async function syncPayoutMethod(deps: ConnectCardDeps, method: StoredPaymentMethod): Promise<void> {
  const now = deps.clock.now();
  await change(deps, method, async (tx, locked) => [
    synced(await updatePaymentMethod(tx, { ...locked, lastSync: now })),
  ]);
}

/** Changes an active payment method under its lock, and appends what that makes true. */
async function change(
  { store, wakeUp }: ConnectCardDeps,
  { id, ownerId }: StoredPaymentMethod,
  work: (tx: Queryable, locked: StoredPaymentMethod) => Promise<NewEvent[]>,
): Promise<void> {
  const events = await store.transaction(async (tx) => {
    const locked = await lockPaymentMethod(tx, ownerId, id);
    if (!locked) throw new Error(`payment method ${id} is gone`);
    requireActive(locked);
    const appended = await work(tx, locked);
    await appendEvents(tx, appended);
    return appended;
  });
  if (events.length > 0) wakeUp.signal();
}

function requireActive({ isActive }: StoredPaymentMethod): void {
  if (!isActive) throw new Refusal<WalletRefusal>('PAYMENT_METHOD_DISCONNECTED', ['id']);
}
