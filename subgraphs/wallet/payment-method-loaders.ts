import DataLoader from 'dataloader';
import type { Queryable } from '../../platform/db.ts';
import type { ExternalTransactionId, PaymentMethodId } from '../../platform/ids.ts';
import type { Viewer } from '../../platform/viewer.ts';
import {
  externalTransactionPages,
  externalTransactionsByIds,
  type ExternalTransactionsPage,
  type StoredExternalTransaction,
} from './external-transaction-store.ts';
import {
  paymentMethodPages,
  paymentMethodsByIds,
  type PaymentMethodsPage,
  type StoredPaymentMethod,
} from './payment-method-store.ts';

/** One request's reads of payment methods; each costs one statement however many ids or pages there are. */
export interface PaymentMethodLoaders {
  /** The viewer's own payment method; null for what is another's or nobody's. */
  paymentMethodById: DataLoader<PaymentMethodId, StoredPaymentMethod | null>;
  /** A line of one of the viewer's own payment methods, else null. */
  externalTransactionById: DataLoader<ExternalTransactionId, StoredExternalTransaction | null>;
  /** Pages of a person's payment methods; whether the caller may see them is for the caller's side to say. */
  paymentMethodsPage: DataLoader<PaymentMethodsPage, StoredPaymentMethod[]>;
  /** Pages of payment methods' lines. For payment methods only that another of these has given. */
  externalTransactionsPage: DataLoader<ExternalTransactionsPage, StoredExternalTransaction[]>;
}

/** The loaders of one request of this viewer. Nothing is remembered: a mutation of the same request may change all of it. */
export function createPaymentMethodLoaders(db: Queryable, viewer: Viewer | null): PaymentMethodLoaders {
  const ownOf = <Found extends { ownerId: string }>(found: Found | undefined) =>
    found && viewer?.userId === found.ownerId ? found : null;
  return {
    paymentMethodById: new DataLoader(
      async (ids: readonly PaymentMethodId[]) => {
        const found = await paymentMethodsByIds(db, ids);
        return ids.map((id) => ownOf(found.get(id)));
      },
      { cache: false },
    ),
    externalTransactionById: new DataLoader(
      async (ids: readonly ExternalTransactionId[]) => {
        const found = await externalTransactionsByIds(db, ids);
        return ids.map((id) => ownOf(found.get(id)));
      },
      { cache: false },
    ),
    paymentMethodsPage: new DataLoader((pages: readonly PaymentMethodsPage[]) => paymentMethodPages(db, pages), {
      cache: false,
    }),
    externalTransactionsPage: new DataLoader(
      (pages: readonly ExternalTransactionsPage[]) => externalTransactionPages(db, pages),
      { cache: false },
    ),
  };
}
