import type pg from 'pg';
import { withRetry, withTransaction, type Queryable } from '../../platform/db.ts';
import { normaliseEmail } from '../../platform/email-hash.ts';
import { appendEvents } from '../../platform/event-log.ts';
import type { SessionId, UserId } from '../../platform/ids.ts';
import type { Role } from '../../platform/viewer.ts';
import { endSessions, lockPerson, setRoles } from './store.ts';

/** What somebody has become; null when there is nobody with that email. */
export interface ChangedRoles {
  userId: UserId;
  roles: Role[];
  /** False when it was so before. */
  changed: boolean;
  /** Sessions that were ended by it. */
  endedSessions: number;
}

/** Gives a role. It is in the next access token: at the latest 15 minutes from now, or at the next login. */
export async function grantRole(pool: pg.Pool, email: string, role: Role): Promise<ChangedRoles | null> {
  return changeRoles(pool, email, (roles) => [...roles.filter((each) => each !== role), role]);
}

/**
 * Takes a role away and ends all sessions of the person in the same commit: gateways refuse tokens of ended sessions within a second, so
 * that no token goes on saying what is no longer true.
 */
export async function revokeRole(pool: pg.Pool, email: string, role: Role): Promise<ChangedRoles | null> {
  return changeRoles(pool, email, (roles) => roles.filter((each) => each !== role));
}

async function changeRoles(
  pool: pg.Pool,
  emailText: string,
  change: (roles: readonly Role[]) => Role[],
): Promise<ChangedRoles | null> {
  return withRetry(() =>
    withTransaction(pool, async (tx) => {
      const person = await lockPerson(tx, normaliseEmail(emailText));
      if (!person) return null;
      const roles = change(person.roles);
      const lost = person.roles.some((role) => !roles.includes(role));
      if (!lost && roles.length === person.roles.length) {
        return { userId: person.id, roles: person.roles, changed: false, endedSessions: 0 };
      }
      await setRoles(tx, person.id, roles);
      const ended = lost ? await endSessions(tx, person.id, 'ROLE_REVOKED') : [];
      await tellEnded(tx, person.id, ended);
      return { userId: person.id, roles, changed: true, endedSessions: ended.length };
    }),
  );
}

async function tellEnded(tx: Queryable, userId: UserId, ended: readonly SessionId[]): Promise<void> {
  if (ended.length === 0) return;
  const reason = 'ROLE_REVOKED';
  await appendEvents(
    tx,
    ended.map((sessionId) => ({
      type: 'SessionEnded' as const,
      key: sessionId,
      payload: { sessionId, userId, reason },
    })),
  );
}
