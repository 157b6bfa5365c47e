import type { Listener } from '../../platform/event-listeners.ts';
import { recordPayees } from './store.ts';

/** The name by which others wait for the payees to be caught up. */
export const PAYEES_LISTENER = 'transfer.payees';

/** Keeps whom an email means and what the other side of a transfer is called. */
export const payees: Listener<'UserRegistered'> = {
  name: PAYEES_LISTENER,
  types: ['UserRegistered'],
  handle: (events, tx) =>
    recordPayees(
      tx,
      // A user twice in one statement would be an error of ON CONFLICT; the later event counts.
      [...new Map(events.map(({ payload }) => [payload.userId, payload])).values()],
    ),
};
