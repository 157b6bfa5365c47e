import { expect, test } from '@jest/globals';
import { countryOfAddress } from './country-of-address.ts';

test.each([
  ['8.8.8.8', 'US'],
  ['41.58.0.1', 'NG'],
  ['::ffff:41.58.0.1', 'NG'],
  ['2001:4860:4860::8888', 'US'],
])('%s is in %s', (ip, country) => {
  expect(countryOfAddress(ip)).toBe(country);
});

test.each([
  null,
  '',
  'localhost',
  '8.8.8',
  '127.0.0.1',
  '::1',
  '::ffff:127.0.0.1',
  // Of these the records name a country all the same.
  '192.168.1.1',
  '203.0.113.9',
  '198.51.100.1',
  '2001:db8::1',
  '10.1.2.3',
  '172.31.255.255',
  '100.64.0.1',
  '169.254.1.1',
  'fe80::1',
  'fd00::1',
  '255.255.255.255',
])('%p is nowhere in particular', (ip) => {
  expect(countryOfAddress(ip)).toBeNull();
});
