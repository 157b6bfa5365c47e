import type pg from 'pg';
import { appendEvents } from '../platform/event-log.ts';
import { newId, type UserId } from '../platform/ids.ts';
import { createLog } from '../platform/log.ts';
import { createTestDatabase } from './database.ts';

/** A database with the event log and one service that works with it, for tests of the log's readers. */
export interface EventLogWorld {
  /** What a command needs to find this database. */
  adminUrl: string;
  secret: string;
  /** Where transfer's own role connects, password and all. */
  transferUrl: string;
  /** Connects as transfer's own role. */
  pool: pg.Pool;
  /** Connects as the administrator, who may end other sessions and look at everything. */
  admin: pg.Pool;
  connectAs(role: string): pg.Pool;
  /** Appends one event about a new user with this name. */
  register(displayName: string): Promise<UserId>;
  close(): Promise<void>;
}

export const quietLog = createLog('silent');

/** A fresh database. Effects of handlers go into the table `transfer.effect`, once for each time a handler committed. */
export async function openEventLogWorld(): Promise<EventLogWorld> {
  const database = await createTestDatabase();
  const admin = database.pool('postgres', { max: 4 });
  await admin.query('CREATE TABLE transfer.effect (n bigint GENERATED ALWAYS AS IDENTITY, name text NOT NULL)');
  await admin.query('GRANT SELECT, INSERT ON transfer.effect TO dwaybank_transfer');
  const pool = database.pool('dwaybank_transfer', { max: 6 });
  return {
    adminUrl: database.adminUrl,
    secret: database.secret,
    transferUrl: database.urlFor('dwaybank_transfer'),
    pool,
    admin,
    connectAs: (role) => database.pool(role, { max: 6 }),
    async register(displayName) {
      const userId = newId<UserId>();
      await appendEvents(pool, [userRegistered(userId, displayName)]);
      return userId;
    },
    close: () => database.drop(),
  };
}

/** An event whose display name tells it apart. */
export function userRegistered(userId: UserId, displayName: string) {
  return { type: 'UserRegistered' as const, key: userId, payload: { userId, displayName, emailHash: 'hash' } };
}

/** What handlers have done, in order. */
export async function effects(world: EventLogWorld): Promise<string[]> {
  const { rows } = await world.admin.query<{ name: string }>('SELECT name FROM transfer.effect ORDER BY n');
  return rows.map(({ name }) => name);
}
