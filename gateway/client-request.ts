import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { ClientOrigin } from '../platform/viewer.ts';

/** What a request is known by, in answers and logs. */
export const REQUEST_ID_HEADER = 'x-request-id';
const DEVICE_ID_HEADER = 'x-device-id';

/** What may go into logs and answers as it is. */
const SANE_REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/;
const SANE_DEVICE_ID = /^[\x21-\x7e]{1,128}$/;

/** The client's own request id where it is a sane one, else a new one. */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const given = headers[REQUEST_ID_HEADER];
  return typeof given === 'string' && SANE_REQUEST_ID.test(given) ? given : randomUUID();
}

/**
 * Where a request comes from. Each of our own proxies appends to X-Forwarded-For the address it was called from, so with
 * `trustedProxies` of them the client stands that many entries from the right; what is left of it anybody can make up.
 */
export function originOf(request: IncomingMessage, trustedProxies: number): ClientOrigin {
  const device = request.headers[DEVICE_ID_HEADER];
  return {
    ip: clientAddress(request, trustedProxies),
    deviceId: typeof device === 'string' && SANE_DEVICE_ID.test(device) ? device : null,
  };
}

function clientAddress(request: IncomingMessage, trustedProxies: number): string | null {
  const direct = request.socket.remoteAddress ?? '';
  const forwarded = String(request.headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean);
  const hops = [...forwarded, direct];
  // With fewer entries than proxies the request did not come through all of them: then nothing is known for certain.
  const address = hops.at(-1 - trustedProxies)?.replace(/^::ffff:(?=\d+\.)/, '') ?? '';
  return isIP(address) === 0 ? null : address;
}
