import { lookup as lookupAddress, type LookupAddress, type LookupOptions } from 'node:dns';
import { BlockList, isIP } from 'node:net';

/*
 * Where the bank calls an address that somebody else has chosen, that address must not be the bank's own house: not this machine, not
 * the network around it, not a cloud's metadata. A name is judged by what it resolves to at the moment of the call, because a
 * name can be made to point elsewhere after it was checked.
 */

/** PUBLIC: only what the whole world can reach. ANY: also this machine, for a bank that plays with simulated providers. */
export type OutsideAddresses = 'PUBLIC' | 'ANY';

/** Addresses that are nobody's on the internet: the registries of IANA for special purposes (RFC 6890 and its successors). */
const SPECIAL = new BlockList();
for (const [net, prefix] of [
  ['0.0.0.0', 8], ['10.0.0.0', 8], ['100.64.0.0', 10], ['127.0.0.0', 8], ['169.254.0.0', 16], ['172.16.0.0', 12],
  ['192.0.0.0', 24], ['192.0.2.0', 24], ['192.88.99.0', 24], ['192.168.0.0', 16], ['198.18.0.0', 15], ['198.51.100.0', 24],
  ['203.0.113.0', 24], ['224.0.0.0', 4], ['240.0.0.0', 4],
] as const) SPECIAL.addSubnet(net, prefix, 'ipv4'); // prettier-ignore
for (const [net, prefix] of [
  ['::', 96], ['64:ff9b::', 96], ['64:ff9b:1::', 48], ['100::', 64], ['2001::', 23], ['2001:db8::', 32], ['2002::', 16],
  ['3fff::', 20], ['5f00::', 16], ['fc00::', 7], ['fe80::', 10], ['fec0::', 10], ['ff00::', 8],
] as const) SPECIAL.addSubnet(net, prefix, 'ipv6'); // prettier-ignore

/** True for an IP address that anybody on the internet could reach. */
export function isPublicAddress(address: string): boolean {
  // ::ffff:10.0.0.1 is 10.0.0.1.
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return isPublicAddress(mapped[1]!);
  const family = isIP(address);
  if (family === 0 || (family === 6 && /^::ffff:/i.test(address))) return false;
  return !SPECIAL.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/** The name points to an address that must not be called. */
export class ForbiddenAddressError extends Error {
  override readonly name = 'ForbiddenAddressError';
}

type Callback = (error: Error | null, address?: string | LookupAddress[], family?: number) => void;

/** A `lookup` for connections (net.connect) that finds public addresses only: with one that is not, the name counts as not to be called. */
export function lookupPublic(hostname: string, options: LookupOptions, callback: Callback): void {
  lookupAddress(hostname, { ...options, all: true }, (error, found) => {
    if (error) return callback(error);
    if (found.length === 0 || found.some(({ address }) => !isPublicAddress(address))) {
      return callback(new ForbiddenAddressError(`${hostname} is not an address on the internet`));
    }
    if (options.all) return callback(null, found);
    callback(null, found[0]!.address, found[0]!.family);
  });
}

/** The URL when it may be called by its form alone (what its name resolves to is judged at the call), else null. */
export function parseOutsideUrl(text: string, allowed: OutsideAddresses): URL | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  if (url.username || url.password || url.hash) return null;
  if (allowed === 'ANY') return url.protocol === 'https:' || url.protocol === 'http:' ? url : null;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isName = isIP(host) === 0;
  if (url.protocol !== 'https:' || (isName ? !host.includes('.') : !isPublicAddress(host))) return null;
  return url;
}
