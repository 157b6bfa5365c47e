import { describe, expect, test } from '@jest/globals';
import { ForbiddenAddressError, isPublicAddress, lookupPublic, parseOutsideUrl } from './outside-address.ts';

describe('an IP address', () => {
  test.each(['8.8.8.8', '1.1.1.1', '172.15.255.255', '172.32.0.1', '2606:4700:4700::1111', '::ffff:8.8.8.8'])(
    '%s is public',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  test.each([
    ...['127.0.0.1', '127.255.255.254', '0.0.0.0', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
    ...['169.254.169.254', '100.64.0.1', '224.0.0.1', '255.255.255.255', '198.18.0.1'],
    ...['::', '::1', 'fe80::1', 'fc00::1', 'fd12::1', 'ff02::1', '64:ff9b::a00:1', '2001:db8::1'],
    ...['::ffff:127.0.0.1', '::ffff:10.0.0.1', '::FFFF:169.254.169.254', '::ffff:7f00:1', '::127.0.0.1'],
    ...['localhost', '', '1.2.3', '1.2.3.4.5', '0x7f000001'],
  ])('%j is not', (address) => expect(isPublicAddress(address)).toBe(false));
});

describe('an address to call', () => {
  test.each([
    'https://example.com/hook',
    'https://example.com:8443/a?b=c',
    'https://8.8.8.8/x',
    'https://[2606:4700::1]/',
  ])('can be %s', (text) => expect(parseOutsideUrl(text, 'PUBLIC')?.href).toBe(text));

  test.each([
    ...[
      'http://example.com',
      'ftp://example.com',
      'https://',
      'example.com',
      '',
      'javascript:alert(1)',
      'file:///etc/passwd',
    ],
    ...['https://user:pw@example.com', 'https://example.com/#x', 'https://localhost/', 'https://intranet/'],
    ...[
      'https://127.0.0.1/',
      'https://[::1]/',
      'https://[::ffff:10.0.0.1]/',
      'https://169.254.169.254/latest/meta-data',
    ],
    // What browsers and URL read as 127.0.0.1.
    ...['https://2130706433/', 'https://0x7f.1/', 'https://127.1/', 'https://0177.0.0.1/'],
  ])('cannot be %j', (text) => expect(parseOutsideUrl(text, 'PUBLIC')).toBeNull());

  test('may be this machine only where anything may', () => {
    expect(parseOutsideUrl('http://127.0.0.1:8080/', 'ANY')?.port).toBe('8080');
    expect(parseOutsideUrl('gopher://127.0.0.1/', 'ANY')).toBeNull();
  });

  test('that is a name is judged by what it resolves to', async () => {
    const error = await new Promise((resolve) => lookupPublic('localhost', {}, resolve));
    expect(error).toBeInstanceOf(ForbiddenAddressError);
  });
});
