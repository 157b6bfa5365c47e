import type { Listener } from '../../platform/event-listeners.ts';
import type { StoredEvent } from '../../platform/events.ts';
import { movementsOf } from './domain.ts';
import { recordAccounts, recordMovements } from './store.ts';

/** Keeps every statement line, and which currency is whose. */
export const movements: Listener<'AccountOpened' | 'EntryPosted'> = {
  name: 'insights.movements',
  types: ['AccountOpened', 'EntryPosted'],
  async handle(events, tx) {
    await recordAccounts(
      tx,
      events.filter(isOpening).map(({ payload }) => payload),
    );
    await recordMovements(
      tx,
      events.filter(isPosting).flatMap(({ payload }) => movementsOf(payload.changes)),
    );
  },
};

function isOpening(event: StoredEvent): event is StoredEvent<'AccountOpened'> {
  return event.type === 'AccountOpened';
}

function isPosting(event: StoredEvent): event is StoredEvent<'EntryPosted'> {
  return event.type === 'EntryPosted';
}
