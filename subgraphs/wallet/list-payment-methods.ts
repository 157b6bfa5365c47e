import { parseId, type PaymentMethodId, type UserId } from '../../platform/ids.ts';
import { parsePage, toConnection, type Connection } from '../../platform/pagination.ts';
import type { PaymentMethodParent } from './graph-types.ts';
import type { PaymentMethodLoaders } from './payment-method-loaders.ts';

const DEFAULT_SIZE = 50;

/** A page of a person's payment methods, oldest first; whether the caller may see them is for the caller's side to say. */
export async function listPaymentMethods(
  { paymentMethodsPage }: Pick<PaymentMethodLoaders, 'paymentMethodsPage'>,
  ownerId: UserId,
  args: { first?: number | null; after?: string | null },
): Promise<Connection<PaymentMethodParent>> {
  const page = parsePage(
    args,
    `user.paymentMethods:${ownerId}`,
    {},
    ([id, ...more]) => more.length === 0 && parseId(id ?? '') !== null,
    DEFAULT_SIZE,
  );
  // The form of the position has just been checked.
  const after = (page.after?.[0] as PaymentMethodId | undefined) ?? null;
  const methods = await paymentMethodsPage.load({ ownerId, after, limit: page.limit + 1 });
  return toConnection(
    methods,
    page,
    ({ id }) => [id],
    (method) => method,
  );
}
