import { randomUUID, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import {
  ACCESS_TOKEN_ALGORITHM,
  ACCESS_TOKEN_AUDIENCE,
  ACCESS_TOKEN_ISSUER,
  ACCESS_TOKEN_LIFETIME_SECONDS,
} from '../../platform/access-token.ts';
import type { SessionId, UserId } from '../../platform/ids.ts';
import type { Role } from '../../platform/viewer.ts';

export interface AccessToken {
  token: string;
  expiresAt: Date;
}

/** The access token of a session, as platform/access-token.ts describes it. */
export async function signAccessToken(
  key: { kid: string; privateKey: KeyObject },
  holder: { userId: UserId; sessionId: SessionId; roles: Role[] },
  now: Date,
): Promise<AccessToken> {
  const issuedAt = Math.floor(now.getTime() / 1000);
  const expiresAt = issuedAt + ACCESS_TOKEN_LIFETIME_SECONDS;
  const token = await new SignJWT({ sid: holder.sessionId, roles: holder.roles })
    .setProtectedHeader({ alg: ACCESS_TOKEN_ALGORITHM, kid: key.kid, typ: 'at+jwt' })
    .setIssuer(ACCESS_TOKEN_ISSUER)
    .setAudience(ACCESS_TOKEN_AUDIENCE)
    .setSubject(holder.userId)
    .setJti(randomUUID())
    .setIssuedAt(issuedAt)
    .setExpirationTime(expiresAt)
    .sign(key.privateKey);
  return { token, expiresAt: new Date(expiresAt * 1000) };
}
