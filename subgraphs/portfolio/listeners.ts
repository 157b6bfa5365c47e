import type { Listener } from '../../platform/event-listeners.ts';
import type { StoredEvent } from '../../platform/events.ts';
import { recordAccounts, recordBalances } from './store.ts';

/** The name by which live portfolios wait for the balances to be caught up. */
export const BALANCES_LISTENER = 'portfolio.balances';

/** Keeps what everybody has and has had. */
export const balances: Listener<'AccountOpened' | 'EntryPosted'> = {
  name: BALANCES_LISTENER,
  types: ['AccountOpened', 'EntryPosted'],
  async handle(events, tx) {
    await recordAccounts(
      tx,
      events.filter(isOpening).map(({ payload }) => payload),
    );
    await recordBalances(
      tx,
      events.filter(isPosting).flatMap(({ payload }) => payload.changes),
    );
  },
};

function isOpening(event: StoredEvent): event is StoredEvent<'AccountOpened'> {
  return event.type === 'AccountOpened';
}

function isPosting(event: StoredEvent): event is StoredEvent<'EntryPosted'> {
  return event.type === 'EntryPosted';
}
