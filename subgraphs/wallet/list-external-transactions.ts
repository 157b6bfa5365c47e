import { isDay } from '../../platform/days.ts';
import { parseId, type ExternalTransactionId, type PaymentMethodId } from '../../platform/ids.ts';
import { parsePage, toConnection, type Connection } from '../../platform/pagination.ts';
import type { ExternalTransactionParent } from './graph-types.ts';
import type { PaymentMethodLoaders } from './payment-method-loaders.ts';

/**
 * A page of a payment method's lines, newest first. Its place is the day and the line's id, so that lines imported meanwhile
 * neither shift nor repeat what follows.
 */
export async function listExternalTransactions(
  { externalTransactionsPage }: Pick<PaymentMethodLoaders, 'externalTransactionsPage'>,
  paymentMethodId: PaymentMethodId,
  args: { first?: number | null; after?: string | null },
): Promise<Connection<ExternalTransactionParent>> {
  const page = parsePage(args, `paymentMethod.externalTransactions:${paymentMethodId}`, {}, isPosition);
  const [bookedOn, id] = page.after ?? [];
  const lines = await externalTransactionsPage.load({
    paymentMethodId,
    // The form of the position has just been checked.
    before: bookedOn === undefined ? null : { bookedOn, id: id as ExternalTransactionId },
    limit: page.limit + 1,
  });
  return toConnection(
    lines,
    page,
    (line) => [line.bookedOn, line.id],
    (line) => line,
  );
}

function isPosition([bookedOn, id, ...more]: readonly string[]): boolean {
  return more.length === 0 && isDay(bookedOn ?? '') && parseId(id ?? '') !== null;
}
