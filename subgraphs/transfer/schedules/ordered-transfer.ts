import { formatAmount } from '../../../platform/money.ts';
import type { TransferInput } from '../domain.ts';
import type { OrderedTransfer } from './graph-types.ts';

/** What createTransfer is asked for, each time that an order is due. */
export function transferInputOf(
  { source, destination, amount: { amountMinor, currency }, description, preference }: OrderedTransfer,
  idempotencyKey: string,
): TransferInput {
  const amount = { amount: formatAmount(amountMinor, currency), currency };
  return { idempotencyKey, source, destination, amount, description, quoteId: null, preference };
}
