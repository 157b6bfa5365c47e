import type { StoredEvent } from './events.ts';

/**
 * Everything an event is about: the ids under which a follower of the tail is told of it. An entry, for example, concerns
 * each account it changed and each of their owners, whatever single key its row carries.
 */
export function eventKeys(event: StoredEvent): Set<string> {
  return new Set([event.key, ...idsIn(event)]);
}

function idsIn(event: StoredEvent): string[] {
  switch (event.type) {
    case 'UserRegistered':
      return [event.payload.userId];
    case 'SessionEnded':
      return [event.payload.sessionId, event.payload.userId];
    case 'AccountOpened':
      return [event.payload.accountId, event.payload.ownerId];
    case 'AccountStatusChanged':
    case 'OverdraftChanged':
      return [event.payload.accountId, event.payload.ownerId];
    case 'HoldChanged':
    case 'EntryPosted':
      return event.payload.changes.flatMap(({ accountId, ownerId }) => [accountId, ownerId]);
    case 'DepositStarted':
    case 'PayoutStarted':
    case 'TransferReversed':
    case 'TransferAdvanced':
    case 'TransferFailed':
      return [event.payload.transferId, event.payload.userId];
    case 'TransferCompleted': {
      const { transferId, senderId, recipientId, sourceAccountId, destinationAccountId } = event.payload;
      return [transferId, senderId, recipientId, destinationAccountId, sourceAccountId].filter((id) => id !== null);
    }
    case 'PaymentMethodConnected':
    case 'PaymentMethodSynced':
    case 'PaymentMethodDisconnected':
    case 'ExternalTransactionsImported':
      return [event.payload.paymentMethodId, event.payload.ownerId];
    case 'DeadLetterRecorded':
    case 'DeadLetterRetried':
      return event.payload.transferId ? [event.payload.transferId] : [];
    case 'ProviderNoticeReceived':
    case 'RatesRecorded':
      return [];
    case 'RiskAlertRaised':
      return [event.payload.alertId, event.payload.userId];
  }
}
