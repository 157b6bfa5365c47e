import type { UserId } from '../../platform/ids.ts';
import { parsePage, toConnection, type Connection } from '../../platform/pagination.ts';
import type { PaymentMethodParent } from './graph-types.ts';

/** A page of a person's payment methods. There are none yet; what is wrong with the page is said all the same. */
export function listPaymentMethods(
  ownerId: UserId,
  args: { first?: number | null; after?: string | null },
): Connection<PaymentMethodParent> {
  const page = parsePage(args, `user.paymentMethods:${ownerId}`, {}, () => false, 50);
  return toConnection<PaymentMethodParent, PaymentMethodParent>(
    [],
    page,
    () => [],
    (method) => method,
  );
}
