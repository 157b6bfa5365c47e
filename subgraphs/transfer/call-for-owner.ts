import type { SessionId, UserId } from '../../platform/ids.ts';
import type { ClientOrigin } from '../../platform/viewer.ts';
import type { CreateTransferCall } from './call.ts';

/** Stands where a session would: nobody is logged in. It has the form of an id and is none that is ever given out. */
const NO_SESSION = '00000000-0000-0000-0000-000000000000' as SessionId;

/**
 * A call of createTransfer that the bank makes for a customer who need not be there: what they asked for earlier runs as theirs, whatever
 * became of the session of then. `origin`: where they asked, as long as risk has not seen what came of it; null is unknown, and so drops
 * out of risk's score.
 */
export function callForOwner(userId: UserId, origin: ClientOrigin | null, signal: AbortSignal): CreateTransferCall {
  return {
    viewer: { userId, sessionId: NO_SESSION, roles: ['CUSTOMER'], expiresAtMs: Number.MAX_SAFE_INTEGER },
    origin: origin ?? { ip: null, deviceId: null },
    signal,
  };
}
