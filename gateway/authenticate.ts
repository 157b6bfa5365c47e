import type { GraphQLError } from 'graphql';
import { jwtVerify, errors, type JWTVerifyGetKey } from 'jose';
import {
  ACCESS_TOKEN_ALGORITHMS,
  ACCESS_TOKEN_AUDIENCE,
  ACCESS_TOKEN_ISSUER,
  type AccessTokenClaims,
} from '../platform/access-token.ts';
import type { Clock } from '../platform/clock.ts';
import { unauthenticated } from '../platform/graph-errors.ts';
import type { SessionId } from '../platform/ids.ts';
import type { Viewer } from '../platform/viewer.ts';

/** The viewer of an authorization header; null without one. Throws UNAUTHENTICATED for every token that is not good now. */
export type Authenticate = (authorization: string | undefined) => Promise<Viewer | null>;

export interface AuthenticateDeps {
  keyFor: JWTVerifyGetKey;
  clock: Clock;
  /** Whether a session is known to have ended; its tokens are void though they have not expired. */
  hasEnded: (sessionId: SessionId) => boolean;
}

/** Longer than any token of ours. */
const MAX_HEADER_LENGTH = 4096;
const MAX_REMEMBERED = 10_000;
/** RFC 9068: a token made for something else, signed by the same key, is not an access token. */
const ACCESS_TOKEN_TYPE = 'at+jwt';

/** One answer for whatever is wrong with a token: telling more would help only who tries them out. */
const refused = (): GraphQLError =>
  unauthenticated('The access token is missing its form, wrong, expired, or its session has ended.');

/** Verifies access tokens. A signature is checked once; expiry and the session's end each time. */
export function createAuthenticate(deps: AuthenticateDeps): Authenticate {
  const verified = new Map<string, Viewer>();
  const verify = async (token: string): Promise<Viewer> => {
    const known = verified.get(token);
    if (known) return known;
    const viewer = await verifyToken(deps, token);
    if (verified.size >= MAX_REMEMBERED) verified.delete(verified.keys().next().value!);
    verified.set(token, viewer);
    return viewer;
  };
  return async (authorization) => {
    if (authorization === undefined) return null;
    const token =
      authorization.length <= MAX_HEADER_LENGTH ? /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization)?.[1] : null;
    if (!token || !token.split('.').every(isCanonical)) throw refused();
    const viewer = await verify(token);
    if (viewer.expiresAtMs <= deps.clock.now().getTime()) {
      verified.delete(token);
      throw refused();
    }
    if (deps.hasEnded(viewer.sessionId)) throw refused();
    return viewer;
  };
}

/**
 * The last character of base64url has bits that mean nothing, and decoders ignore them: without this a token with another
 * last character would be the same token, though not the one we signed.
 */
function isCanonical(part: string): boolean {
  return Buffer.from(part, 'base64url').toString('base64url') === part;
}

async function verifyToken({ keyFor, clock }: AuthenticateDeps, token: string): Promise<Viewer> {
  try {
    const { payload } = await jwtVerify<AccessTokenClaims>(token, keyFor, {
      algorithms: [...ACCESS_TOKEN_ALGORITHMS],
      issuer: ACCESS_TOKEN_ISSUER,
      audience: ACCESS_TOKEN_AUDIENCE,
      typ: ACCESS_TOKEN_TYPE,
      requiredClaims: ['sub', 'sid', 'exp', 'roles'],
      currentDate: clock.now(),
    });
    return {
      userId: payload.sub,
      sessionId: payload.sid,
      roles: payload.roles,
      expiresAtMs: payload.exp * 1000,
    };
  } catch (error) {
    if (error instanceof errors.JOSEError) throw refused();
    throw error;
  }
}
