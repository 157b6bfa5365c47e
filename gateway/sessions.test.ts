import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '../platform/clock.ts';
import { createEventTail, type EventTail } from '../platform/event-tail.ts';
import { appendEvents } from '../platform/event-log.ts';
import { newId, type SessionId, type UserId } from '../platform/ids.ts';
import { createLog } from '../platform/log.ts';
import { createLocalWakeUp } from '../platform/wake-up.ts';
import { createTestDatabase, type TestDatabase } from '../tests/database.ts';
import { until } from '../tests/until.ts';
import { followSessions, type Sessions } from './sessions.ts';

const log = createLog('silent');
let database: TestDatabase;
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  for (const close of closing.reverse()) await close();
  await database.drop();
});

/** What a gateway has: its own role, which may read the log and nothing else. */
async function startGateway(): Promise<{ sessions: Sessions; tail: EventTail }> {
  const pool = database.pool('dwaybank_gateway');
  const wakeUp = createLocalWakeUp(log);
  const tail = await createEventTail({ pool, wakeUp, log, pollMs: 20 });
  const sessions = await followSessions({ pool, tail, clock: systemClock });
  closing.push(
    () => wakeUp.close(),
    () => tail.close(),
    () => sessions.close(),
  );
  return { sessions, tail };
}

/** Ends a session as user does, in its role. */
async function endSession(sessionId: SessionId): Promise<void> {
  const payload = { sessionId, userId: newId<UserId>(), reason: 'LOGOUT' as const };
  await appendEvents(database.pool('dwaybank_user', { max: 1 }), [{ type: 'SessionEnded', key: sessionId, payload }]);
}

describe('ended sessions', () => {
  test('are known to a gateway that starts later, unless all their tokens have expired', async () => {
    const [recent, old, running] = [newId<SessionId>(), newId<SessionId>(), newId<SessionId>()];
    await endSession(recent);
    await database.pool('postgres').query(
      `INSERT INTO platform.event (type, version, key, payload, at)
       VALUES ('SessionEnded', 1, $1, jsonb_build_object('sessionId', $1::text), now() - interval '17 minutes')`,
      [old],
    );
    const { sessions } = await startGateway();
    expect([recent, old, running].map(sessions.hasEnded)).toEqual([true, false, false]);
  });

  test('are known to every running gateway, which tells who waits for it, once', async () => {
    const sessionId = newId<SessionId>();
    const [one, two] = [await startGateway(), await startGateway()];
    let told = 0;
    let toldWhoLeft = 0;
    one.sessions.onEnd(sessionId, () => told++);
    one.sessions.onEnd(sessionId, () => toldWhoLeft++)();
    await endSession(sessionId);
    await until('both know', () => [one, two].every(({ sessions }) => sessions.hasEnded(sessionId)), 1000);
    await endSession(sessionId);
    await one.sessions.caughtUp(AbortSignal.timeout(5000));
    expect([told, toldWhoLeft]).toEqual([1, 0]);
    // Who comes too late is told at once.
    two.sessions.onEnd(sessionId, () => told++);
    expect(told).toBe(2);
  });

  test('are known when the gateway says it has caught up', async () => {
    const { sessions } = await startGateway();
    for (let round = 0; round < 5; round++) {
      const sessionId = newId<SessionId>();
      await endSession(sessionId);
      await sessions.caughtUp(AbortSignal.timeout(5000));
      expect(sessions.hasEnded(sessionId)).toBe(true);
    }
  });
});
