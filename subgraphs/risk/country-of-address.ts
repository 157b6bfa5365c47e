import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { BlockList, isIP } from 'node:net';
import { Reader, type CountryResponse } from 'maxmind';

/** Who has been given which addresses, by the registries' and networks' own records (CC0). */
const DATABASE = '@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb';

/** Read once per process, at the first question: 8 MB that all share. */
let database: Reader<CountryResponse & { country_code?: string }> | undefined;

/**
 * The country (ISO 3166-1, two letters) in which an address is used; null for one that is not known, is no address, or is
 * nobody's in particular: loopback, private and other special ones, of which the records say something all the same.
 */
export function countryOfAddress(ip: string | null): string | null {
  if (ip === null) return null;
  // An IPv4 client on a socket of both families.
  const address = ip.replace(/^::ffff:(?=\d+\.)/i, '');
  const family = isIP(address);
  if (family === 0 || SPECIAL.check(address, family === 4 ? 'ipv4' : 'ipv6')) return null;
  database ??= new Reader(readFileSync(createRequire(import.meta.url).resolve(DATABASE)));
  return database.get(address)?.country_code ?? null;
}

/** IANA's special-purpose registries (RFC 6890 and what follows it), multicast and reserved. */
const SPECIAL = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8], ['10.0.0.0', 8], ['100.64.0.0', 10], ['127.0.0.0', 8], ['169.254.0.0', 16], ['172.16.0.0', 12], ['192.0.0.0', 24],
  ['192.0.2.0', 24], ['192.168.0.0', 16], ['198.18.0.0', 15], ['198.51.100.0', 24], ['203.0.113.0', 24], ['224.0.0.0', 3],
] as const) SPECIAL.addSubnet(network, bits, 'ipv4'); // prettier-ignore
for (const [network, bits] of [
  ['::', 128], ['::1', 128], ['64:ff9b::', 96], ['64:ff9b:1::', 48], ['100::', 64], ['2001::', 23], ['2001:db8::', 32], ['2002::', 16],
  ['3fff::', 20], ['fc00::', 7], ['fe80::', 10], ['ff00::', 8],
] as const) SPECIAL.addSubnet(network, bits, 'ipv6'); // prettier-ignore
