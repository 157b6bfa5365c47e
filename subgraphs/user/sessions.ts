import { createHash, randomBytes } from 'node:crypto';
import type { Queryable } from '../../platform/db.ts';
import { newId, type SessionId } from '../../platform/ids.ts';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import { signAccessToken } from './access-tokens.ts';
import { REFRESH_TOKEN_LIFETIME_MS } from './domain.ts';
import type { UserParent } from './graph-types.ts';
import type { PasswordHasher } from './password-hasher.ts';
import type { SigningKeys } from './signing-keys.ts';
import { insertSession, type NewRefreshToken, type UserStore } from './store.ts';

/** What the operations of this subgraph work with. */
export interface UserDeps extends Pick<SubgraphDeps, 'secrets' | 'wakeUp' | 'clock' | 'limits'> {
  store: UserStore;
  hasher: PasswordHasher;
  signingKeys: SigningKeys;
}

/** The graph's AuthTokens. */
export interface AuthTokens {
  accessToken: string;
  refreshToken: string;
  accessTokenExpiresAt: Date;
}

/** Who has proved to be whom, and the tokens for it. */
export interface Authenticated {
  user: UserParent;
  tokens: AuthTokens;
}

const REFRESH_TOKEN_BYTES = 32;
const REFRESH_TOKEN = /^[A-Za-z0-9_-]{43}$/;

/** A fresh refresh token and what is stored of it. 256 random bits need no slow hash: nobody can try them out. */
export function newRefreshToken(sessionId: SessionId, now: Date): { refreshToken: string; row: NewRefreshToken } {
  const refreshToken = randomBytes(REFRESH_TOKEN_BYTES).toString('base64url');
  const expiresAt = new Date(now.getTime() + REFRESH_TOKEN_LIFETIME_MS);
  return { refreshToken, row: { hash: hashToken(refreshToken), sessionId, createdAt: now, expiresAt } };
}

/** What is stored of a token as a client sends it, or null for a text that cannot be one of ours. */
export function presentedTokenHash(refreshToken: string): Buffer | null {
  return REFRESH_TOKEN.test(refreshToken) ? hashToken(refreshToken) : null;
}

function hashToken(refreshToken: string): Buffer {
  return createHash('sha256').update(refreshToken).digest();
}

/** Begins a session; its rows belong to the caller's transaction. */
export async function startSession(
  deps: UserDeps,
  tx: Queryable,
  user: UserParent,
  deviceName: string | null,
): Promise<Authenticated> {
  const now = deps.clock.now();
  const sessionId = newId<SessionId>(now.getTime());
  const { refreshToken, row } = newRefreshToken(sessionId, now);
  await insertSession(tx, { id: sessionId, userId: user.id, deviceName, createdAt: now }, row);
  return authenticated(deps, user, sessionId, refreshToken);
}

/** Tokens of a session for its user. */
export async function authenticated(
  deps: UserDeps,
  user: UserParent,
  sessionId: SessionId,
  refreshToken: string,
): Promise<Authenticated> {
  const holder = { userId: user.id, sessionId, roles: user.roles };
  const { token, expiresAt } = await signAccessToken(await deps.signingKeys.newest(), holder, deps.clock.now());
  return {
    user: { ...user, isCaller: true },
    tokens: { accessToken: token, refreshToken, accessTokenExpiresAt: expiresAt },
  };
}
