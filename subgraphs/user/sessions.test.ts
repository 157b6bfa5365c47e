import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from 'jose';
import { ACCESS_TOKEN_ALGORITHMS, ACCESS_TOKEN_AUDIENCE, ACCESS_TOKEN_ISSUER } from '../../platform/access-token.ts';
import { deriveSecrets } from '../../platform/secrets.ts';
import { createTestDatabase, type TestDatabase } from '../../tests/database.ts';
import {
  ADA,
  claimsOf,
  sha256,
  startUserWorld,
  viewerOfToken,
  type AuthAnswer,
  type UserWorld,
} from '../../tests/user-world.ts';
import { REFRESH_TOKEN_LIFETIME_MS } from './domain.ts';
import { removeExpiredSessions } from './remove-expired-sessions.ts';
import { createUserStore } from './store.ts';

const MINUTE_MS = 60_000;
let world: UserWorld;
beforeAll(async () => {
  world = await startUserWorld();
});
afterAll(() => world.close());

const codes = ({ userErrors }: AuthAnswer) => userErrors.map(({ code }) => code);
const sql = async (text: string, ...values: unknown[]) =>
  (await world.database.pool('postgres').query<Record<string, unknown>>(text, values)).rows;
const endsOf = async (sessionId: string) =>
  (await world.events('SessionEnded')).filter((event) => event.sessionId === sessionId);
const keysOf = async (from: UserWorld) => (await from.subgraph.answers['signing-keys']!({})) as JSONWebKeySet;

function verify(accessToken: string, keys: JSONWebKeySet, at = world.clock.nowMs) {
  return jwtVerify(accessToken, createLocalJWKSet(keys), {
    issuer: ACCESS_TOKEN_ISSUER,
    audience: ACCESS_TOKEN_AUDIENCE,
    algorithms: [...ACCESS_TOKEN_ALGORITHMS],
    currentDate: new Date(at),
  });
}

describe('an access token', () => {
  test('holds who, in which session and as what, for fifteen minutes', async () => {
    const { user, tokens } = await world.register();
    const { payload } = await verify(tokens.accessToken, await keysOf(world));
    const issuedAt = Math.floor(world.clock.nowMs / 1000);
    expect(payload).toEqual({
      iss: 'dwaybank',
      aud: 'dwaybank',
      sub: user.id,
      sid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      roles: ['CUSTOMER'],
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      iat: issuedAt,
      exp: issuedAt + 900,
    });
    expect(Date.parse(tokens.accessTokenExpiresAt)).toBe((issuedAt + 900) * 1000);
    await expect(verify(tokens.accessToken, await keysOf(world), world.clock.nowMs + 15 * MINUTE_MS)).rejects.toThrow(
      'exp',
    );
  });

  test('is signed by a published key whose private half is nowhere in clear', async () => {
    const { tokens } = await world.register();
    const { keys } = await keysOf(world);
    expect(keys).toEqual([
      { kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig', kid: expect.any(String), x: expect.any(String) },
    ]);
    expect(decodeProtectedHeader(tokens.accessToken)).toMatchObject({ alg: 'EdDSA', kid: keys[0]!.kid });
    const [row] = await sql('SELECT private_key FROM "user".signing_key');
    // The fixed beginning of every Ed25519 key in PKCS#8.
    expect((row!['private_key'] as Buffer).includes(Buffer.from('302e020100300506032b6570', 'hex'))).toBe(false);
  });
});

describe('signing keys', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  test('are made once by processes that start together, and outlive them', async () => {
    const starting = await Promise.all(Array.from({ length: 4 }, () => startUserWorld(database)));
    const published = await Promise.all(starting.map(keysOf));
    expect(published[0]!.keys).toHaveLength(1);
    expect(published).toEqual(Array(4).fill(published[0]));
    const { tokens } = await starting[0]!.register({ email: 'restart@example.com' });
    await Promise.all(starting.map((process) => process.close()));

    const restarted = await startUserWorld(database);
    expect(await keysOf(restarted)).toEqual(published[0]);
    await expect(verify(tokens.accessToken, await keysOf(restarted), starting[0]!.clock.nowMs)).resolves.toBeDefined();
    expect(codes(await restarted.refresh(tokens.refreshToken))).toEqual([]);
    await restarted.close();
  });

  test('do not open under another secret, and no other key is made in their place', async () => {
    const stranger = await startUserWorld(database, {
      secrets: deriveSecrets('another secret of more than 32 characters'),
    });
    await expect(keysOf(stranger)).rejects.toThrow('DWAYBANK_SECRET');
    await stranger.close();
    const { rows } = await database.pool('postgres').query('SELECT kid FROM "user".signing_key');
    expect(rows).toHaveLength(1);
  });

  test('sign with the newest, and older ones still verify', async () => {
    const process = await startUserWorld(database);
    const old = await process.register({ email: 'old-key@example.com' });
    await process.close();
    const admin = database.pool('postgres');
    await admin.query(`UPDATE "user".signing_key SET created_at = created_at - interval '1 day'`);
    // Taken away and put back, so that the next process makes a younger one.
    const { rows } = await admin.query<{ private_key: Buffer }>('DELETE FROM "user".signing_key RETURNING *');
    const second = await startUserWorld(database);
    const young = await second.register({ email: 'new-key@example.com' });
    await admin.query(
      'INSERT INTO "user".signing_key SELECT * FROM json_populate_record(NULL::"user".signing_key, $1)',
      [JSON.stringify({ ...rows[0], private_key: `\\x${rows[0]!.private_key.toString('hex')}` })],
    );
    const { keys } = await keysOf(second);
    await second.close();
    expect(keys.map(({ kid }) => kid)).toEqual([
      decodeProtectedHeader(young.tokens.accessToken).kid,
      decodeProtectedHeader(old.tokens.accessToken).kid,
    ]);
    await expect(verify(old.tokens.accessToken, { keys }, process.clock.nowMs)).resolves.toBeDefined();
    await expect(verify(young.tokens.accessToken, { keys }, second.clock.nowMs)).resolves.toBeDefined();

    const third = await startUserWorld(database);
    const newest = await third.register({ email: 'newest-key@example.com' });
    await third.close();
    expect(decodeProtectedHeader(newest.tokens.accessToken).kid).toBe(keys[0]!.kid);
  });
});

describe('refreshSession', () => {
  test('gives new tokens of the same session, and stores nothing but hashes', async () => {
    const { user, tokens } = await world.register();
    world.clock.nowMs += MINUTE_MS;
    const payload = await world.refresh(tokens.refreshToken);
    expect(payload).toMatchObject({ user: { id: user.id, email: user.email }, userErrors: [] });
    expect(payload.tokens.refreshToken).not.toBe(tokens.refreshToken);
    const [before, after] = [claimsOf(tokens.accessToken), claimsOf(payload.tokens.accessToken)];
    expect(after).toMatchObject({ sub: before.sub, sid: before.sid, exp: before.exp + 60 });
    expect(after.jti).not.toBe(before.jti);
    const rows = await sql(
      'SELECT hash FROM "user".refresh_token WHERE session_id = $1 ORDER BY created_at',
      before.sid,
    );
    expect(rows.map(({ hash }) => hash)).toEqual([sha256(tokens.refreshToken), sha256(payload.tokens.refreshToken)]);
  });

  test('ends the whole session when an older token is used, for the newest token too', async () => {
    const { user, tokens } = await world.register();
    const sessionId = claimsOf(tokens.accessToken).sid;
    const second = await world.refresh(tokens.refreshToken);
    const third = await world.refresh(second.tokens.refreshToken);
    const reused = await world.refresh(tokens.refreshToken);
    expect(reused).toMatchObject({
      user: null,
      tokens: null,
      userErrors: [{ code: 'REFRESH_TOKEN_REUSED', field: ['refreshToken'] }],
    });
    expect(codes(await world.refresh(third.tokens.refreshToken))).toEqual(['INVALID_REFRESH_TOKEN']);
    expect(await endsOf(sessionId)).toEqual([{ sessionId, userId: user.id, reason: 'REFRESH_TOKEN_REUSED' }]);
    // Again: it has ended already, and is not told twice.
    expect(codes(await world.refresh(tokens.refreshToken))).toEqual(['INVALID_REFRESH_TOKEN']);
    expect(await endsOf(sessionId)).toHaveLength(1);
  });

  test('leaves the other sessions of that person alone', async () => {
    const { user, tokens } = await world.register();
    const elsewhere = await world.login({ email: user.email, password: ADA.password });
    await world.refresh(tokens.refreshToken);
    expect(codes(await world.refresh(tokens.refreshToken))).toEqual(['REFRESH_TOKEN_REUSED']);
    expect(codes(await world.refresh(elsewhere.tokens.refreshToken))).toEqual([]);
  });

  test('of ten uses of one token at once lets one win, and the others end the session', async () => {
    const { tokens } = await world.register();
    const sessionId = claimsOf(tokens.accessToken).sid;
    const payloads = await Promise.all(Array.from({ length: 10 }, () => world.refresh(tokens.refreshToken)));
    const winners = payloads.filter((payload) => payload.tokens !== null);
    expect(winners).toHaveLength(1);
    const losers = payloads.filter((payload) => payload.tokens === null).flatMap((payload) => codes(payload));
    expect(losers.filter((code) => code === 'REFRESH_TOKEN_REUSED')).toHaveLength(1);
    expect(losers.filter((code) => code === 'INVALID_REFRESH_TOKEN')).toHaveLength(8);
    expect(await endsOf(sessionId)).toHaveLength(1);
    expect(codes(await world.refresh(winners[0]!.tokens.refreshToken))).toEqual(['INVALID_REFRESH_TOKEN']);
    expect(await sql('SELECT hash FROM "user".refresh_token WHERE session_id = $1', sessionId)).toHaveLength(2);
  });

  test.each(['', 'no token', 'x'.repeat(43), 'x'.repeat(100_000), '\u0000'])(
    'refuses what was never given',
    async (token) => {
      expect(codes(await world.refresh(token))).toEqual(['INVALID_REFRESH_TOKEN']);
    },
  );

  test('is possible for thirty days after the last time', async () => {
    const { tokens } = await world.register();
    world.clock.nowMs += REFRESH_TOKEN_LIFETIME_MS - 1;
    const second = await world.refresh(tokens.refreshToken);
    expect(codes(second)).toEqual([]);
    world.clock.nowMs += REFRESH_TOKEN_LIFETIME_MS;
    expect(codes(await world.refresh(second.tokens.refreshToken))).toEqual(['INVALID_REFRESH_TOKEN']);
    expect(await endsOf(claimsOf(tokens.accessToken).sid)).toEqual([]);
  });
});

describe('logout', () => {
  const logout = 'mutation { logout { loggedOut userErrors { code } } }';

  test('ends the session once, however often it is asked', async () => {
    const { user, tokens } = await world.register();
    const viewer = viewerOfToken(tokens.accessToken);
    const { sessionId } = viewer;
    for (let time = 0; time < 2; time++) {
      const { data } = await world.execute<{ logout: unknown }>(logout, { viewer });
      expect(data.logout).toEqual({ loggedOut: true, userErrors: [] });
    }
    expect(await endsOf(sessionId)).toEqual([{ sessionId, userId: user.id, reason: 'LOGOUT' }]);
    expect(codes(await world.refresh(tokens.refreshToken))).toEqual(['INVALID_REFRESH_TOKEN']);
    expect(await endsOf(sessionId)).toHaveLength(1);
  });

  test('ends nobody else’s session', async () => {
    const [mine, other] = [await world.register(), await world.register()];
    const mixed = { ...viewerOfToken(mine.tokens.accessToken), sessionId: claimsOf(other.tokens.accessToken).sid };
    await world.execute<unknown>(logout, { viewer: mixed });
    expect(await endsOf(mixed.sessionId)).toEqual([]);
    expect(codes(await world.refresh(other.tokens.refreshToken))).toEqual([]);
  });

  test('is for who is logged in', async () => {
    expect(await world.execute<unknown>(logout)).toMatchObject({ data: null, errors: [{ code: 'UNAUTHENTICATED' }] });
  });
});

test('expired sessions and tokens are removed in bounded steps, living ones stay', async () => {
  const expired = await Promise.all(Array.from({ length: 5 }, () => world.register()));
  world.clock.nowMs += REFRESH_TOKEN_LIFETIME_MS;
  const living = await world.register();
  const store = createUserStore(world.database.pool('dwaybank_user'));
  const now = new Date(world.clock.nowMs);
  expect(await store.deleteExpired(now, 2)).toBeLessThanOrEqual(4);
  await removeExpiredSessions(store, now, 2);
  await store.close();
  const left = await sql('SELECT id FROM "user".session');
  expect(left).toEqual([{ id: claimsOf(living.tokens.accessToken).sid }]);
  expect(await sql('SELECT hash FROM "user".refresh_token')).toEqual([{ hash: sha256(living.tokens.refreshToken) }]);
  expect(codes(await world.refresh(expired[0]!.tokens.refreshToken))).toEqual(['INVALID_REFRESH_TOKEN']);
});
