import { createHmac, timingSafeEqual, createHash } from 'node:crypto';
import type { SessionId, UserId } from './ids.ts';

/** What a person or client may act as; the graph's enum Role. */
export type Role = 'CUSTOMER' | 'SUPPORT' | 'COMPLIANCE' | 'ADMIN' | 'PARTNER';

/** Who asks, as the gateway has proved it from the access token. */
export interface Viewer {
  userId: UserId;
  sessionId: SessionId;
  roles: readonly Role[];
  /** When the access token ends, in milliseconds since 1970. */
  expiresAtMs: number;
}

/** Where a request comes from. What is unknown is null, never a made-up constant. */
export interface ClientOrigin {
  /** The client's address, as far as the gateway's trusted-proxy setting lets it be known. */
  ip: string | null;
  /** The `x-device-id` header. */
  deviceId: string | null;
}

/** What the gateway tells a subgraph about a request beside the operation itself. */
export interface Caller {
  viewer: Viewer | null;
  origin: ClientOrigin;
  requestId: string;
}

/** True for those who help customers or run the bank. */
export function isStaff(viewer: Viewer): boolean {
  return viewer.roles.some((role) => role === 'SUPPORT' || role === 'COMPLIANCE' || role === 'ADMIN');
}

/**
 * Calls between processes carry the caller in a header and a signature over everything that decides the answer: time,
 * subgraph, path, caller and body. Without the key nobody can act as somebody, and a call that was overheard cannot be altered.
 */
export const CALLER_HEADER = 'x-dwaybank-caller';
export const SIGNATURE_HEADER = 'x-dwaybank-signature';

/** What the key of these signatures is derived for (Secrets.key). */
export const CALLER_KEY = 'caller-signature';

/** A signature older or newer than this is refused. */
const SIGNATURE_TOLERANCE_MS = 30_000;

export interface SignedCall {
  subgraph: string;
  path: string;
  body: string;
}

/** The two headers for a call to a subgraph in another process. */
export function signCall(key: Buffer, call: SignedCall, caller: Caller, nowMs: number): Record<string, string> {
  const header = Buffer.from(JSON.stringify(caller)).toString('base64url');
  return {
    [CALLER_HEADER]: header,
    [SIGNATURE_HEADER]: `t=${nowMs},v1=${signature(key, call, header, nowMs).toString('hex')}`,
  };
}

/** The caller of a signed call, or null when the signature is missing, wrong, or not of this half minute. */
export function verifyCall(
  key: Buffer,
  call: SignedCall,
  headers: Record<string, string | string[] | undefined>,
  nowMs: number,
): Caller | null {
  const header = headers[CALLER_HEADER];
  const match = /^t=(\d{1,15}),v1=([0-9a-f]{64})$/.exec(String(headers[SIGNATURE_HEADER] ?? ''));
  if (typeof header !== 'string' || !match) return null;
  const time = Number(match[1]);
  if (Math.abs(nowMs - time) > SIGNATURE_TOLERANCE_MS) return null;
  const given = Buffer.from(match[2]!, 'hex');
  if (!timingSafeEqual(given, signature(key, call, header, time))) return null;
  // The gateway wrote this header and the signature proves it unaltered.
  return JSON.parse(Buffer.from(header, 'base64url').toString('utf8')) as Caller;
}

function signature(key: Buffer, call: SignedCall, header: string, time: number): Buffer {
  const body = createHash('sha256').update(call.body).digest('hex');
  return createHmac('sha256', key).update([time, call.subgraph, call.path, header, body].join('\n')).digest();
}
