import type { Listener } from '../../platform/event-listeners.ts';
import type { EventPayloads, EventType, StoredEvent } from '../../platform/events.ts';
import { externalLinesOf, movementsOf } from './domain.ts';
import {
  recordAccounts,
  recordBalances,
  recordExternalLines,
  recordLink,
  recordMovements,
  recordSeenBalance,
} from './line-store.ts';

/** Keeps every statement line with its category, what is available on accounts, and which currency is whose. */
export const movements: Listener<'AccountOpened' | 'EntryPosted'> = {
  name: 'insights.movements',
  types: ['AccountOpened', 'EntryPosted'],
  async handle(events, tx) {
    const entries = payloadsOf(events, 'EntryPosted').map(({ changes }) => changes);
    await recordAccounts(tx, payloadsOf(events, 'AccountOpened'));
    await recordBalances(tx, entries.flat());
    await recordMovements(tx, entries.flatMap(movementsOf));
  },
};

/** Keeps every line of outside accounts with its category, and which of the accounts are connected. */
export const externalLines: Listener<
  'ExternalTransactionsImported' | 'PaymentMethodConnected' | 'PaymentMethodSynced' | 'PaymentMethodDisconnected'
> = {
  name: 'insights.external-lines',
  types: ['ExternalTransactionsImported', 'PaymentMethodConnected', 'PaymentMethodSynced', 'PaymentMethodDisconnected'],
  async handle(events, tx) {
    await recordExternalLines(tx, payloadsOf(events, 'ExternalTransactionsImported').flatMap(externalLinesOf));
    for (const event of events) {
      if (event.type === 'PaymentMethodConnected') await recordLink(tx, { ...event.payload, isActive: true });
      if (event.type === 'PaymentMethodDisconnected') await recordLink(tx, { ...event.payload, isActive: false });
      if (event.type === 'PaymentMethodSynced') await recordSeenBalance(tx, event.payload);
    }
  },
};

function payloadsOf<Type extends EventType>(events: readonly StoredEvent[], type: Type): EventPayloads[Type][] {
  // The cast: type and payload belong together; the type system cannot follow that through a type parameter.
  return events.flatMap((event) => (event.type === type ? [event.payload as EventPayloads[Type]] : []));
}
