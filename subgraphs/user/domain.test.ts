import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { emailHash, normaliseEmail } from '../../platform/email-hash.ts';
import { parseLabel } from '../../platform/label.ts';
import { Refusal } from '../../platform/refusal.ts';
import { deriveSecrets } from '../../platform/secrets.ts';
import { judgeRefresh, parseDeviceName, parseEmail, parseNewCustomer } from './domain.ts';

const good = { email: 'ada@example.com', password: 'correct horse', displayName: 'Ada' };

function refusalOf(operation: () => unknown): string | undefined {
  try {
    operation();
    return undefined;
  } catch (error) {
    return error instanceof Refusal ? String(error.code) : String(error);
  }
}

describe('an email', () => {
  test.each([
    [' Ada.Lovelace@Example.COM ', 'ada.lovelace@example.com'],
    ['ada+bank@sub.example.co.uk', 'ada+bank@sub.example.co.uk'],
    ["o'neil@example.ie", "o'neil@example.ie"],
    ['rene\u0301@example.fr', 'ren\u00e9@example.fr'],
    ['用户@例子.广告', '用户@例子.广告'],
  ])('%j is %j', (given, stored) => {
    expect(parseEmail(given)).toBe(stored);
  });

  test.each([
    '', ' ', 'ada', 'ada@', '@example.com', 'ada@example', 'ada@@example.com', 'ada@example..com', '.ada@example.com', 'ada.@example.com',
    'a da@example.com', 'ada@exa mple.com', 'ada@-example.com', 'ada@example.com\u0000', 'ada\u0000@example.com', 'ada\n@example.com',
    '<ada@example.com>', 'ada@example.com,bo@example.com', `${'a'.repeat(250)}@example.com`, 'a'.repeat(1_000_000),
  ])('%j is none', (given) => {
    expect(parseEmail(given)).toBeNull();
  }); // prettier-ignore

  test('is in its final form after normalising once, whatever it was', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        (text) => normaliseEmail(normaliseEmail(text)) === normaliseEmail(text),
      ),
    );
  });

  test('hashes the same however it is written, and otherwise under another secret', () => {
    const secrets = deriveSecrets('a'.repeat(32));
    expect(emailHash(secrets, ' ADA@example.com')).toBe(emailHash(secrets, 'ada@example.com'));
    expect(emailHash(secrets, 'ada@example.com')).toMatch(/^[0-9a-f]{64}$/);
    expect(emailHash(secrets, 'ada@example.com')).not.toBe(emailHash(deriveSecrets('b'.repeat(32)), 'ada@example.com'));
    expect(emailHash(secrets, 'ada@example.com')).not.toBe(emailHash(secrets, 'bo@example.com'));
  });
});

describe('a registration', () => {
  test('is taken as it is when all is well', () => {
    expect(parseNewCustomer({ ...good, email: 'ADA@example.com', displayName: '  Ada  ' })).toEqual(good);
  });

  test.each([
    [{ email: 'nobody' }, 'INVALID_EMAIL'],
    [{ password: '123456789' }, 'PASSWORD_TOO_SHORT'],
    [{ password: '' }, 'PASSWORD_TOO_SHORT'],
    // Nine characters of two UTF-16 units each.
    [{ password: '🐎'.repeat(9) }, 'PASSWORD_TOO_SHORT'],
    [{ password: '🐎'.repeat(10) }, undefined],
    [{ password: 'x'.repeat(1024) }, undefined],
    [{ password: 'x'.repeat(1025) }, 'PASSWORD_TOO_LONG'],
    [{ password: 'é'.repeat(513) }, 'PASSWORD_TOO_LONG'],
    [{ displayName: '' }, 'INVALID_DISPLAY_NAME'],
    [{ displayName: ' \t ' }, 'INVALID_DISPLAY_NAME'],
    [{ displayName: 'x'.repeat(80) }, undefined],
    [{ displayName: '🐎'.repeat(80) }, undefined],
    [{ displayName: 'x'.repeat(81) }, 'INVALID_DISPLAY_NAME'],
    [{ displayName: 'A\u0000da' }, 'INVALID_DISPLAY_NAME'],
    [{ displayName: 'A\nda' }, 'INVALID_DISPLAY_NAME'],
    [{ displayName: 'A\u202Eda' }, 'INVALID_DISPLAY_NAME'],
    [{ displayName: 'A\uD800da' }, 'INVALID_DISPLAY_NAME'],
  ])('%j: %s', (change, code) => {
    expect(refusalOf(() => parseNewCustomer({ ...good, ...change }))).toBe(code);
  });
});

test('a device name may be missing and has at most 80 characters', () => {
  expect(parseDeviceName(null)).toBeNull();
  expect(parseDeviceName('  ')).toBeNull();
  expect(parseDeviceName(' Pixel 9 ')).toBe('Pixel 9');
  expect(refusalOf(() => parseDeviceName('x'.repeat(81)))).toBe('INVALID_DEVICE_NAME');
});

test('a label of joined emoji is counted by characters and kept', () => {
  expect(parseLabel('👩‍🚀 नमस्ते', 80)).toBe('👩‍🚀 नमस्ते');
});

test.each(['\u200B', '\u2060 \u200D', '\u115F', '\u3164', '\u200E'])(
  'a label of %j shows nothing and is refused',
  (text) => {
    expect(parseLabel(text, 80)).toBeNull();
  },
);

test('a label keeps what is invisible between what is not', () => {
  expect(parseLabel('می\u200Cخواهم', 80)).toBe('می\u200Cخواهم');
});

describe('a refresh token', () => {
  const now = new Date('2026-01-31T12:00:00Z');
  const later = new Date(now.getTime() + 1);
  test.each([
    [null, 'INVALID'],
    [{ sessionEnded: false, replaced: false, expiresAt: later }, 'ROTATE'],
    [{ sessionEnded: false, replaced: false, expiresAt: now }, 'INVALID'],
    [{ sessionEnded: false, replaced: true, expiresAt: later }, 'REUSED'],
    // Old as it is, somebody else holds the family.
    [{ sessionEnded: false, replaced: true, expiresAt: now }, 'REUSED'],
    [{ sessionEnded: true, replaced: false, expiresAt: later }, 'INVALID'],
    [{ sessionEnded: true, replaced: true, expiresAt: later }, 'INVALID'],
  ] as const)('%j: %s', (token, verdict) => {
    expect(judgeRefresh(token, now)).toBe(verdict);
  });
});
