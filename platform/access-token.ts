import type { SessionId, UserId } from './ids.ts';
import type { Role } from './viewer.ts';

/**
 * What an access token is, agreed between user (which signs) and the gateway (which verifies): a JWT whose header names
 * the key by `kid`. A verifier must pin issuer, audience and algorithm; "none" and every symmetric algorithm are out.
 */
export const ACCESS_TOKEN_ISSUER = 'dwaybank';
export const ACCESS_TOKEN_AUDIENCE = 'dwaybank';
/** Ed25519 (RFC 8037). */
export const ACCESS_TOKEN_ALGORITHM = 'EdDSA';
/** All a verifier accepts. */
export const ACCESS_TOKEN_ALGORITHMS: readonly string[] = [ACCESS_TOKEN_ALGORITHM];
/** Short, because a token is believed until it ends or until its session is known to have ended. */
export const ACCESS_TOKEN_LIFETIME_SECONDS = 15 * 60;

/** The claims; times in seconds since 1970. */
export interface AccessTokenClaims {
  iss: typeof ACCESS_TOKEN_ISSUER;
  aud: typeof ACCESS_TOKEN_AUDIENCE;
  sub: UserId;
  /** The session; its end voids the token. */
  sid: SessionId;
  roles: Role[];
  jti: string;
  iat: number;
  exp: number;
}
