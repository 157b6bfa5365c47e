import { appendEvents } from '../../platform/event-log.ts';
import { Refusal } from '../../platform/refusal.ts';
import { judgeRefresh } from './domain.ts';
import type { UserRefusal } from './refusals.ts';
import { authenticated, newRefreshToken, presentedTokenHash, type Authenticated, type UserDeps } from './sessions.ts';
import { endSession, lockPresentedToken, replaceRefreshToken } from './store.ts';

/**
 * Continues a session: the newest refresh token is replaced by another. An older one ends the session (domain.ts,
 * judgeRefresh), which must be committed and not rolled back, so that refusal is thrown only after the transaction.
 */
export async function refreshSession(deps: UserDeps, refreshToken: string): Promise<Authenticated> {
  const hash = presentedTokenHash(refreshToken);
  if (!hash) throw new Refusal<UserRefusal>('INVALID_REFRESH_TOKEN', ['refreshToken']);
  const answer = await deps.store.transaction(async (tx) => {
    const now = deps.clock.now();
    const presented = await lockPresentedToken(tx, hash);
    const verdict = judgeRefresh(presented, now);
    if (!presented || verdict === 'INVALID') throw new Refusal<UserRefusal>('INVALID_REFRESH_TOKEN', ['refreshToken']);
    const { sessionId, user } = presented;
    if (verdict === 'REUSED') {
      const reason = 'REFRESH_TOKEN_REUSED';
      await endSession(tx, { sessionId, userId: user.id }, reason, now);
      await appendEvents(tx, [
        { type: 'SessionEnded', key: sessionId, payload: { sessionId, userId: user.id, reason } },
      ]);
      return null;
    }
    const next = newRefreshToken(sessionId, now);
    await replaceRefreshToken(tx, hash, next.row);
    return authenticated(deps, user, sessionId, next.refreshToken);
  });
  if (answer) return answer;
  deps.wakeUp.signal();
  throw new Refusal<UserRefusal>('REFRESH_TOKEN_REUSED', ['refreshToken']);
}
