import type { Queryable } from '../../platform/db.ts';
import type { NewEvent } from '../../platform/event-log.ts';
import { newId, type PaymentMethodId } from '../../platform/ids.ts';
import { Refusal } from '../../platform/refusal.ts';
import {
  insertPaymentMethod,
  lockByIdentity,
  lockHolder,
  updatePaymentMethod,
  type StoredPaymentMethod,
} from './payment-method-store.ts';
import type { WalletRefusal } from './refusals.ts';

/** So many payment methods one customer may link, ended ones included: each new one costs a provider or a file. */
export const MAX_PAYMENT_METHODS = 100;

/** An outside source as it is to be linked. */
export interface SourceToLink extends Pick<
  StoredPaymentMethod,
  'ownerId' | 'type' | 'provider' | 'identity' | 'reference' | 'currency'
> {
  /** As the customer calls it; null: `madeLabel`. */
  label: string | null;
  madeLabel: string;
  /** When it was seen just now; null when that is for its caller to say. */
  lastSync: Date | null;
}

/** What linking came to. */
export interface Link {
  /** Locked until the transaction ends. */
  method: StoredPaymentMethod;
  /** False when it was linked already: then nothing has changed. */
  linked: boolean;
  /** To be appended in the same transaction. */
  events: NewEvent[];
}

/**
 * Links a source within a transaction: a new one is added, a disconnected one is linked again, and one that is linked stays as it
 * is. Links of one customer meet at the holder's lock, so that two at the same moment are one.
 */
export async function linkPaymentMethod(tx: Queryable, source: SourceToLink, now: Date): Promise<Link> {
  const count = await lockHolder(tx, source.ownerId);
  const existing = await lockByIdentity(tx, source);
  if (existing?.isActive) return { method: existing, linked: false, events: [] };
  if (!existing && count >= MAX_PAYMENT_METHODS) throw new Refusal<WalletRefusal>('TOO_MANY_PAYMENT_METHODS');
  const { label, madeLabel, ...rest } = source;
  const method = existing
    ? await updatePaymentMethod(tx, {
        ...existing,
        label: label ?? (existing.labelIsMade ? madeLabel : existing.label),
        labelIsMade: label === null && existing.labelIsMade,
        reference: source.reference,
        lastSync: source.lastSync ?? existing.lastSync,
        isActive: true,
      })
    : await insertPaymentMethod(tx, {
        ...rest,
        id: newId<PaymentMethodId>(now.getTime()),
        label: label ?? madeLabel,
        labelIsMade: label === null,
        balanceMinor: null,
        balanceAsOf: null,
        seenAsOf: null,
        lines: 0,
        isActive: true,
        createdAt: now,
      });
  return { method, linked: true, events: [connected(method)] };
}

/** The source can be used from now on, under this label. */
export function connected(method: StoredPaymentMethod): NewEvent {
  const { id, ownerId, type, provider, label, reference, changedAt } = method;
  const payload = { paymentMethodId: id, ownerId, type, provider, label, reference, at: changedAt.toISOString() };
  return { type: 'PaymentMethodConnected', key: id, payload };
}

/** The source has been seen: what it holds, as far as it says. */
export function synced(method: StoredPaymentMethod): NewEvent {
  const { id, ownerId, balanceMinor, balanceAsOf, currency, changedAt } = method;
  const payload = {
    paymentMethodId: id,
    ownerId,
    balanceMinor: balanceMinor === null ? null : String(balanceMinor),
    currency,
    balanceAsOf: balanceAsOf?.toISOString() ?? null,
    at: changedAt.toISOString(),
  };
  return { type: 'PaymentMethodSynced', key: id, payload };
}
