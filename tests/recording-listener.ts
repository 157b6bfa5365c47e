import type { Listener } from '../platform/event-listeners.ts';
import type { Queryable } from '../platform/db.ts';
import type { StoredEvent } from '../platform/events.ts';

/** A listener whose effect is one row for each new user. `then` runs after the rows are written, before the commit. */
export function recordNames(
  name: Listener['name'],
  then: (events: StoredEvent<'UserRegistered'>[], tx: Queryable) => Promise<void> = async () => {},
): Listener<'UserRegistered'> {
  return {
    name,
    types: ['UserRegistered'],
    async handle(events, tx) {
      await tx.query({
        text: 'INSERT INTO transfer.effect (name) SELECT * FROM unnest($1::text[])',
        values: [events.map(({ payload }) => payload.displayName)],
      });
      await then(events, tx);
    },
  };
}
