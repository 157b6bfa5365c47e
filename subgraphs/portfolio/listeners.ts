import type { Listener } from '../../platform/event-listeners.ts';
import type { EventPayloads, EventType, StoredEvent } from '../../platform/events.ts';
import { recordAccounts, recordBalances, recordLinks, recordOutside } from './store.ts';

/** The names by which live portfolios wait for what they show to be caught up. */
export const BALANCES_LISTENER = 'portfolio.balances';
export const OUTSIDE_LISTENER = 'portfolio.outside';

/** Keeps what everybody has and has had. */
export const balances: Listener<'AccountOpened' | 'EntryPosted'> = {
  name: BALANCES_LISTENER,
  types: ['AccountOpened', 'EntryPosted'],
  async handle(events, tx) {
    await recordAccounts(tx, payloadsOf(events, 'AccountOpened'));
    await recordBalances(
      tx,
      payloadsOf(events, 'EntryPosted').flatMap(({ changes }) => changes),
    );
  },
};

/** Keeps what everybody has elsewhere. */
export const outside: Listener<'PaymentMethodConnected' | 'PaymentMethodSynced' | 'PaymentMethodDisconnected'> = {
  name: OUTSIDE_LISTENER,
  types: ['PaymentMethodConnected', 'PaymentMethodSynced', 'PaymentMethodDisconnected'],
  async handle(events, tx) {
    await recordOutside(tx, payloadsOf(events, 'PaymentMethodSynced'));
    const links = events.flatMap(({ type, payload: { paymentMethodId, ownerId, at } }) =>
      type === 'PaymentMethodSynced'
        ? []
        : [{ paymentMethodId, ownerId, at, linked: type === 'PaymentMethodConnected' }],
    );
    await recordLinks(tx, links);
  },
};

function payloadsOf<Type extends EventType>(events: readonly StoredEvent[], type: Type): EventPayloads[Type][] {
  // An event's payload has the shape of its type; the compiler cannot follow that through a type that is a variable.
  return events.filter((event) => event.type === type).map(({ payload }) => payload as EventPayloads[Type]);
}
