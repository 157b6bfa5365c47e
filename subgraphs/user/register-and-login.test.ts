import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type UserId } from '../../platform/ids.ts';
import { emailHash } from '../../platform/email-hash.ts';
import { RATE_LIMITS } from '../../platform/rate-limits.ts';
import { Refusal } from '../../platform/refusal.ts';
import { viewerFor } from '../../tests/one-subgraph.ts';
import { ADA, startUserWorld, viewerOfToken, type AuthAnswer, type UserWorld } from '../../tests/user-world.ts';

let world: UserWorld;
beforeAll(async () => {
  world = await startUserWorld();
});
afterAll(() => world.close());

const codes = ({ userErrors }: AuthAnswer) => userErrors.map(({ code }) => code);
const people = async (email: string) =>
  (
    await world.database
      .pool('postgres')
      .query<{ id: string; password_hash: string }>('SELECT * FROM "user".person WHERE email = $1', [email])
  ).rows;

describe('register', () => {
  test('makes a customer with a session and tells the log, without the email', async () => {
    const payload = await world.register({ ...ADA, email: ' Ada@Example.com ' });
    expect(codes(payload)).toEqual([]);
    expect(payload.user).toMatchObject({
      displayName: ADA.displayName,
      email: ADA.email,
      kycStatus: 'PENDING',
      roles: ['CUSTOMER'],
    });
    expect(payload.tokens.refreshToken).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const events = await world.events('UserRegistered');
    const event = events.find(({ userId }) => userId === payload.user.id);
    expect(event).toEqual({
      userId: payload.user.id,
      displayName: ADA.displayName,
      emailHash: emailHash(world.deps.secrets, ADA.email),
    });
    expect(JSON.stringify(events).toLowerCase()).not.toContain('example.com');
    const [person] = await people(ADA.email);
    expect(person?.password_hash).toMatch(/^\$argon2id\$/);
    expect(JSON.stringify(person)).not.toContain(ADA.password);
  });

  test('refuses an email that is taken, in whatever spelling, and keeps who has it', async () => {
    await world.register({ email: 'taken@example.com', displayName: 'First' });
    const before = await world.events('UserRegistered');
    const payload = await world.register({ email: 'TAKEN@Example.com', displayName: 'Second' });
    expect(codes(payload)).toEqual(['EMAIL_TAKEN']);
    expect(payload).toMatchObject({ user: null, tokens: null });
    expect(await people('taken@example.com')).toMatchObject([{ display_name: 'First' }]);
    expect(await world.events('UserRegistered')).toEqual(before);
  });

  test('of ten registrations of one email at once makes one customer', async () => {
    const payloads = await Promise.all(
      Array.from({ length: 10 }, (_, n) => world.register({ email: 'race@example.com', displayName: `Number ${n}` })),
    );
    const winners = payloads.filter(({ user }) => user !== null);
    expect(winners).toHaveLength(1);
    expect(payloads.filter((payload) => payload.user === null).map(codes)).toEqual(Array(9).fill(['EMAIL_TAKEN']));
    expect(await people('race@example.com')).toMatchObject([{ id: winners[0]!.user.id }]);
    const events = await world.events('UserRegistered');
    expect(events.filter(({ displayName }) => displayName.startsWith('Number '))).toHaveLength(1);
  });

  test.each([
    [{ email: 'nobody' }, 'INVALID_EMAIL', ['email']],
    [{ password: 'too short' }, 'PASSWORD_TOO_SHORT', ['password']],
    [{ password: 'x'.repeat(1025) }, 'PASSWORD_TOO_LONG', ['password']],
    [{ displayName: ' ' }, 'INVALID_DISPLAY_NAME', ['displayName']],
    [{ displayName: 'A\u0000B' }, 'INVALID_DISPLAY_NAME', ['displayName']],
  ])('refuses %j with %s, names the field and stores nothing', async (input, code, field) => {
    const runs = world.argon2Runs();
    const payload = await world.register({ email: 'refused@example.com', ...input });
    expect(payload).toMatchObject({ user: null, tokens: null, userErrors: [{ code, field, retryable: false }] });
    expect(await people('refused@example.com')).toEqual([]);
    expect(world.argon2Runs()).toBe(runs);
  });

  test('serves demo logins without a session, and says when there is one already', async () => {
    const demo = { email: 'demo@example.com', password: 'a demo password', displayName: 'Demo' };
    const userId = await world.subgraph.registerCustomer(demo);
    await expect(world.subgraph.registerCustomer(demo)).rejects.toEqual(new Refusal('EMAIL_TAKEN', ['email']));
    const { user } = await world.login({ email: demo.email, password: demo.password });
    expect(user.id).toBe(userId);
  });
});

describe('login', () => {
  const email = 'login@example.com';
  beforeAll(async () => {
    await world.register({ email });
  });

  test('begins a session of its own under the name of the device', async () => {
    const first = await world.login({ email: 'LOGIN@example.com ', password: ADA.password, deviceName: ' Pixel 9 ' });
    const second = await world.login({ email, password: ADA.password });
    expect(codes(first)).toEqual([]);
    const { sessionId } = viewerOfToken(first.tokens.accessToken);
    expect(viewerOfToken(second.tokens.accessToken).sessionId).not.toBe(sessionId);
    const { rows } = await world.database
      .pool('postgres')
      .query('SELECT * FROM "user".session WHERE id = $1', [sessionId]);
    expect(rows).toMatchObject([{ person_id: first.user.id, device_name: 'Pixel 9', ended_at: null }]);
  });

  test.each([
    ['a wrong password', { email, password: 'wrong horse battery' }],
    ['an unknown email', { email: 'unknown@example.com', password: ADA.password }],
    ['a malformed email', { email: 'no email\u0000', password: ADA.password }],
    ['a password nobody can have', { email, password: 'x'.repeat(2000) }],
    ['an empty password', { email, password: '' }],
  ])('answers %s as all others, after one run of argon2', async (_what, input) => {
    const runs = world.argon2Runs();
    const payload = await world.login(input);
    expect(payload).toEqual({
      user: null,
      tokens: null,
      challenge: null,
      errors: [],
      userErrors: [
        { code: 'INVALID_CREDENTIALS', message: 'Email or password is wrong.', field: null, retryable: false },
      ],
    });
    expect(world.argon2Runs()).toBe(runs + 1);
  });

  test('takes a password typed on a keyboard that composes letters otherwise', async () => {
    await world.register({ email: 'accent@example.com', password: 'mot de passe ren\u00e9' });
    const payload = await world.login({ email: 'accent@example.com', password: 'mot de passe rene\u0301' });
    expect(codes(payload)).toEqual([]);
  });

  test('refuses a device name that is too long before anything else', async () => {
    const runs = world.argon2Runs();
    const payload = await world.login({ email, password: ADA.password, deviceName: 'x'.repeat(81) });
    expect(codes(payload)).toEqual(['INVALID_DEVICE_NAME']);
    expect(world.argon2Runs()).toBe(runs);
  });

  test('lets nobody guess on, not even with all guesses sent at once, and nobody else pay for it', async () => {
    const { points } = RATE_LIMITS['login-failure'];
    await world.register({ email: 'guessed@example.com' });
    const thief = { origin: { ip: '203.0.113.7', deviceId: null } };
    const guesses = await Promise.all(
      Array.from({ length: points + 10 }, (_, n) =>
        world.login({ email: 'guessed@example.com', password: `guess number ${n}` }, thief),
      ),
    );
    const answered = guesses.filter(({ errors }) => errors.length === 0);
    expect(answered.map(codes)).toEqual(Array(points).fill(['INVALID_CREDENTIALS']));
    expect(guesses.flatMap(({ errors }) => errors)).toEqual(Array(10).fill('RATE_LIMITED'));

    const runs = world.argon2Runs();
    const right = await world.login({ email: 'guessed@example.com', password: ADA.password }, thief);
    expect(right.errors).toEqual(['RATE_LIMITED']);
    expect(world.argon2Runs()).toBe(runs);
    // The owner sits elsewhere and is not shut out.
    const owner = await world.login(
      { email: 'guessed@example.com', password: ADA.password },
      { origin: { ip: '198.51.100.1', deviceId: null } },
    );
    expect(codes(owner)).toEqual([]);
  });
});

describe('a user', () => {
  const fields = 'id displayName email kycStatus roles';
  const me = `{ me { ${fields} } }`;
  const entities = `query ($ids: [_Any!]!) { _entities(representations: $ids) { ... on User { ${fields} } } }`;
  interface Entities {
    _entities: ({ id: string } | null)[];
  }
  const representations = (...ids: string[]) => ({ ids: ids.map((id) => ({ __typename: 'User', id })) });

  test('is the viewer, and nobody without one', async () => {
    const { user, tokens } = await world.register({ displayName: 'Me' });
    const { data } = await world.execute<{ me: unknown }>(me, { viewer: viewerOfToken(tokens.accessToken) });
    expect(data.me).toEqual({
      id: user.id,
      displayName: 'Me',
      email: user.email,
      kycStatus: 'PENDING',
      roles: ['CUSTOMER'],
    });
    const anonymous = await world.execute<unknown>(me);
    expect(anonymous).toMatchObject({ data: { me: null }, errors: [{ code: 'UNAUTHENTICATED' }] });
  });

  test('shows only a name to others, and everything to staff', async () => {
    const { user } = await world.register({ displayName: 'Seen' });
    const asOther = await world.execute<Entities>(entities, {
      viewer: viewerFor(),
      variables: representations(user.id),
    });
    expect(asOther).toEqual({
      data: { _entities: [{ id: user.id, displayName: 'Seen', email: null, kycStatus: null, roles: null }] },
      errors: [],
    });
    const nobody = await world.execute<Entities>(entities, { variables: representations(user.id) });
    expect(nobody.data._entities).toMatchObject([{ displayName: 'Seen', email: null }]);
    const staff = viewerFor(newId<UserId>(), ['SUPPORT']);
    const asStaff = await world.execute<Entities>(entities, { viewer: staff, variables: representations(user.id) });
    expect(asStaff.data._entities).toMatchObject([{ email: user.email, kycStatus: 'PENDING', roles: ['CUSTOMER'] }]);
  });

  test('is null for an id nobody has or can have, and fifty are read in one statement', async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, async () => (await world.register()).user.id));
    const fifty = [...Array.from({ length: 45 }, () => newId<UserId>()), ...ids];
    const before = world.statements();
    const { data, errors } = await world.execute<Entities>(entities, { variables: representations('no id', ...fifty) });
    expect(errors).toEqual([]);
    expect(world.statements() - before).toBe(1);
    expect(data._entities.slice(0, 46)).toEqual(Array(46).fill(null));
    expect(data._entities.slice(46).map((entity) => entity?.id)).toEqual(ids);
  });
});
