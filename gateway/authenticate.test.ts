import { describe, expect, test } from '@jest/globals';
import { createHmac } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';
import { newId, type SessionId, type UserId } from '../platform/ids.ts';
import { createAuthenticate } from './authenticate.ts';
import { createSigningKeys } from './signing-keys.ts';

const NOW = new Date('2026-11-21T12:00:00Z');
const NOW_SECONDS = NOW.getTime() / 1000;

async function createKey(kid: string) {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true });
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'EdDSA' } as JWK };
}

const [first, second, stranger] = await Promise.all(['first', 'second', 'first'].map(createKey));

/** A gateway's authentication with a clock to turn and keys to change. */
function createWorld() {
  const world = {
    now: NOW,
    asked: 0,
    keys: { keys: [first!.jwk] },
    ended: new Set<SessionId>(),
    userAnswers: true,
  };
  const clock = { now: () => world.now };
  const user = {
    ask: async () => {
      world.asked++;
      if (!world.userAnswers) throw new Error('down');
      return world.keys;
    },
  };
  const { keyFor } = createSigningKeys({ user, clock });
  const authenticate = createAuthenticate({ keyFor, clock, hasEnded: (session) => world.ended.has(session) });
  return { world, authenticate };
}

const userId = newId<UserId>();
const sessionId = newId<SessionId>();
const CLAIMS = {
  iss: 'dwaybank',
  aud: 'dwaybank',
  sub: userId,
  sid: sessionId,
  roles: ['CUSTOMER'],
  exp: NOW_SECONDS + 900,
};

function sign(
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
  key = first!,
): Promise<string> {
  return new SignJWT({ ...CLAIMS, ...claims })
    .setProtectedHeader({ alg: 'EdDSA', kid: key.kid, typ: 'at+jwt', ...header })
    .sign(key.privateKey);
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

const refused = { extensions: { code: 'UNAUTHENTICATED' } };

describe('authentication', () => {
  test('proves the viewer of a good token', async () => {
    const { authenticate } = createWorld();
    expect(await authenticate(`Bearer ${await sign()}`)).toEqual({
      userId,
      sessionId,
      roles: ['CUSTOMER'],
      expiresAtMs: NOW.getTime() + 900_000,
    });
  });

  test('takes nobody for nobody', async () => {
    expect(await createWorld().authenticate(undefined)).toBeNull();
  });

  const tampered = async (): Promise<string> => {
    const [header, , signature] = (await sign()).split('.');
    return `${header}.${encode({ ...CLAIMS, sub: newId<UserId>() })}.${signature}`;
  };
  const symmetric = (): string => {
    // The public key as a shared secret: the classic confusion of algorithms.
    const input = `${encode({ alg: 'HS256', kid: 'first', typ: 'at+jwt' })}.${encode(CLAIMS)}`;
    return `${input}.${createHmac('sha256', JSON.stringify(first!.jwk)).update(input).digest('base64url')}`;
  };

  const otherSpelling = async (): Promise<string> => {
    const token = await sign();
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    // 64 bytes leave four bits of the last character unused, so that its neighbour in the alphabet means the same.
    const respelled = token.slice(0, -1) + alphabet[alphabet.indexOf(token.at(-1)!) + 1]!;
    const signature = (of: string) => Buffer.from(of.split('.')[2]!, 'base64url');
    expect(signature(respelled)).toEqual(signature(token));
    return respelled;
  };

  test.each<[string, () => string | Promise<string>]>([
    ['a token that has expired', () => sign({ exp: NOW_SECONDS - 1 })],
    ['a token that ends this second', () => sign({ exp: NOW_SECONDS })],
    ['a token without an end', () => sign({ exp: undefined })],
    ['changed claims', tampered],
    ['alg none', () => `${encode({ alg: 'none', typ: 'at+jwt' })}.${encode(CLAIMS)}.`],
    [
      'alg none with a signature',
      async () => `${encode({ alg: 'none' })}.${encode(CLAIMS)}.${(await sign()).split('.')[2]}`,
    ],
    ['a symmetric algorithm', symmetric],
    ['a last character that decodes to the same signature', otherSpelling],
    ['another’s key under the same name', () => sign({}, {}, stranger)],
    ['a key nobody knows', () => sign({}, {}, second)],
    ['another issuer', () => sign({ iss: 'another bank' })],
    ['another audience', () => sign({ aud: 'another api' })],
    ['a token of another kind', () => sign({}, { typ: 'JWT' })],
    ['a token without a session', () => sign({ sid: undefined })],
    ['a token without a user', () => sign({ sub: undefined })],
  ])('refuses %s', async (_, token) => {
    await expect(createWorld().authenticate(`Bearer ${await token()}`)).rejects.toMatchObject(refused);
  });

  test.each([
    '',
    'Bearer',
    'Bearer ',
    'Basic dXNlcjpwYXNz',
    'Bearer a.b',
    'Bearer a.b.c',
    `Bearer ${'x'.repeat(9000)}`,
    '\u0000',
  ])('refuses the header %j', async (header) => {
    await expect(createWorld().authenticate(header)).rejects.toMatchObject(refused);
  });

  test('looks at expiry and the session’s end each time, not only at first', async () => {
    const { world, authenticate } = createWorld();
    const header = `Bearer ${await sign()}`;
    await authenticate(header);
    world.now = new Date(NOW.getTime() + 899_999);
    await authenticate(header);
    world.now = new Date(NOW.getTime() + 900_000);
    await expect(authenticate(header)).rejects.toMatchObject(refused);

    world.now = NOW;
    world.ended.add(sessionId);
    await expect(authenticate(header)).rejects.toMatchObject(refused);
  });
});

describe('signing keys', () => {
  test('are asked for once, and again when a token names a new one', async () => {
    const { world, authenticate } = createWorld();
    await authenticate(`Bearer ${await sign()}`);
    await authenticate(`Bearer ${await sign({ jti: 'other' })}`);
    expect(world.asked).toBe(1);

    world.keys = { keys: [second!.jwk, first!.jwk] };
    world.now = new Date(NOW.getTime() + 6000);
    const viewer = await authenticate(`Bearer ${await sign({}, {}, second)}`);
    expect(viewer!.userId).toBe(userId);
    expect(world.asked).toBe(2);
  });

  test('are not asked for at the pace of whoever makes up names', async () => {
    const { world, authenticate } = createWorld();
    await authenticate(`Bearer ${await sign()}`);
    world.now = new Date(NOW.getTime() + 6000);
    for (let attempt = 0; attempt < 20; attempt++) {
      const forged = await sign({}, { kid: `made-up-${attempt}` });
      await expect(authenticate(`Bearer ${forged}`)).rejects.toMatchObject(refused);
    }
    expect(world.asked).toBe(2);
  });

  test('stay good while user does not answer', async () => {
    const { world, authenticate } = createWorld();
    await authenticate(`Bearer ${await sign()}`);
    world.userAnswers = false;
    world.now = new Date(NOW.getTime() + 10 * 60_000);
    expect(await authenticate(`Bearer ${await sign({ jti: 'later' })}`)).not.toBeNull();
    expect(world.asked).toBe(2);
  });
});
