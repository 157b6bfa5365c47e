import { appendEvents } from '../../platform/event-log.ts';
import type { Viewer } from '../../platform/viewer.ts';
import type { UserDeps } from './sessions.ts';
import { endSession } from './store.ts';

/** Ends the viewer's session: its tokens and streams are void. A session that has ended before stays as it ended. */
export async function logout(deps: UserDeps, { sessionId, userId }: Viewer): Promise<void> {
  const ended = await deps.store.transaction(async (tx) => {
    const reason = 'LOGOUT';
    if (!(await endSession(tx, { sessionId, userId }, reason, deps.clock.now()))) return false;
    await appendEvents(tx, [{ type: 'SessionEnded', key: sessionId, payload: { sessionId, userId, reason } }]);
    return true;
  });
  if (ended) deps.wakeUp.signal();
}
