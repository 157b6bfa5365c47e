import type { NewEvent } from '../platform/event-log.ts';
import type { ImportedLine } from '../platform/events.ts';
import { newId, type ExternalTransactionId, type PaymentMethodId, type UserId } from '../platform/ids.ts';

/** Outside accounts as wallet tells of them. */

export interface OutsideAccount {
  id: PaymentMethodId;
  ownerId: UserId;
  currency: string;
}

export function outsideAccount(ownerId: UserId, currency = 'USD'): OutsideAccount {
  return { id: newId<PaymentMethodId>(), ownerId, currency };
}

/** A line of a statement; amounts in minor units, negative for what was paid. */
export function statementLine(
  bookedOn: string,
  amountMinor: number,
  description: string,
  more: Partial<ImportedLine> = {},
): ImportedLine {
  return {
    externalTransactionId: newId<ExternalTransactionId>(),
    amountMinor: String(amountMinor),
    description,
    counterparty: null,
    bookedOn,
    merchantCategory: null,
    ...more,
  };
}

export function imported({ id, ownerId, currency }: OutsideAccount, lines: ImportedLine[]): NewEvent {
  return {
    type: 'ExternalTransactionsImported',
    key: id,
    payload: { paymentMethodId: id, ownerId, currency, lines, at: new Date().toISOString() },
  };
}

export function linked({ id, ownerId }: OutsideAccount, at: string): NewEvent {
  const payload = {
    paymentMethodId: id,
    ownerId,
    type: 'BANK_ACCOUNT' as const,
    provider: 'statement',
    label: 'My bank',
    reference: null,
    at,
  };
  return { type: 'PaymentMethodConnected', key: id, payload };
}

/** Seen at a moment, and standing then unless the source says it stood earlier. */
export function synced(
  { id, ownerId, currency }: OutsideAccount,
  balanceMinor: number,
  at: string,
  balanceAsOf: string | null = at,
): NewEvent {
  const payload = { paymentMethodId: id, ownerId, balanceMinor: String(balanceMinor), currency, balanceAsOf, at };
  return { type: 'PaymentMethodSynced', key: id, payload };
}

export function disconnected({ id, ownerId }: OutsideAccount, at: string): NewEvent {
  return { type: 'PaymentMethodDisconnected', key: id, payload: { paymentMethodId: id, ownerId, at } };
}
