import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Follower } from '../follower.ts';
import { until } from '../until.ts';
import { openWorld, type Person, type World } from '../world.ts';

const LIVE = `subscription ($id: ID!, $after: Int) {
  balanceUpdated(accountId: $id, afterVersion: $after) { kind balance { version } cause { transfer { status } } } }`;

interface Live {
  balanceUpdated: { kind: string; balance: { version: number } };
}

let world: World;
let ada: Person;
let bob: Person;
let from: string;
let to: string;

beforeAll(async () => {
  world = await openWorld();
});
beforeEach(async () => {
  [ada, bob] = [await world.register('Ada'), await world.register('Bob')];
  from = await world.openAccount(ada, 'USD', '100.00');
  to = await world.openAccount(bob);
});
afterAll(() => world.close());

const pay = () =>
  world.transfer(ada, {
    source: { accountId: from },
    destination: { accountId: to },
    amount: { amount: '1', currency: 'USD' },
  });

function seen({ results }: Follower<Live>): string[] {
  return results.map(({ data }) => `${data!.balanceUpdated.kind} ${data!.balanceUpdated.balance.version}`);
}

const toVersion = (follower: Follower<Live>, version: number) =>
  until(`version ${version} on the stream`, () => seen(follower).at(-1)?.endsWith(` ${version}`));

describe('a stream that was cut', () => {
  test('is taken up after the last version seen, without a gap, a repetition or a snapshot', async () => {
    const first = world.follow<Live>(LIVE, { id: from }, { as: ada });
    await first.result(0);
    await pay();
    await toVersion(first, 2);
    first.cut();
    await first.ended;
    for (let n = 0; n < 5; n++) await pay();
    const second = world.follow<Live>(LIVE, { id: from, after: 2 }, { as: ada });
    await toVersion(second, 7);
    await pay();
    await toVersion(second, 8);
    expect([...seen(first), ...seen(second)]).toEqual([
      'SNAPSHOT 1',
      ...[2, 3, 4, 5, 6, 7, 8].map((version) => `CHANGE ${version}`),
    ]);
    expect((await world.booked(from)).version).toBe(8);
    await second.leave();
  });

  test('cannot be taken up from a version that has not been', async () => {
    const follower = world.follow<Live>(LIVE, { id: from, after: 2 }, { as: ada });
    expect(await follower.ended).toMatchObject({ codes: ['VERSION_AHEAD'] });
    await follower.leave();
  });
});

describe('a stream whose viewer is no longer one', () => {
  const LOGOUT = 'mutation { logout { loggedOut } }';

  test('ends within a second of logging out, tells why, and brings nothing of what comes later', async () => {
    const followers = [
      world.follow<Live>(LIVE, { id: from }, { as: ada }),
      world.follow<Live>(LIVE, { id: from }, { as: ada }),
    ];
    for (const follower of followers) await follower.result(0);
    // A second session of the same person goes on.
    const { login } = await world.ask<{ login: { tokens: { accessToken: string } } }>(
      'mutation ($input: LoginInput!) { login(input: $input) { tokens { accessToken } } }',
      { input: { email: ada.email, password: 'correct horse battery staple' } },
    );
    const other = world.follow<Live>(LIVE, { id: from }, { as: login.tokens });
    await other.result(0);

    const beganMs = performance.now();
    await world.ask(LOGOUT, {}, { as: ada });
    for (const follower of followers) {
      const { codes, atMs } = await follower.ended;
      expect(codes).toEqual(['UNAUTHENTICATED']);
      // A second, and what a busy machine adds.
      expect(atMs - beganMs).toBeLessThan(5_000);
    }
    const answer = await world.send('{ me { id } }', {}, { as: ada });
    expect(answer.errors?.[0]?.extensions.code).toBe('UNAUTHENTICATED');

    const bobs = await world.openAccount(bob, 'USD', '1.00');
    await world.transfer(bob, {
      source: { accountId: bobs },
      destination: { accountId: from },
      amount: { amount: '1', currency: 'USD' },
    });
    await toVersion(other, 2);
    for (const follower of followers) expect(seen(follower)).toEqual(['SNAPSHOT 1']);
    await other.leave();
  });

  test('ends within a second of its token expiring', async () => {
    // A session that began so long ago that its token has ten seconds left.
    const LEFT_MS = 10_000;
    world.clock.offsetMs = -(15 * 60_000 - LEFT_MS);
    const { login } = await world.ask<{ login: { tokens: { accessToken: string; accessTokenExpiresAt: string } } }>(
      'mutation ($input: LoginInput!) { login(input: $input) { tokens { accessToken accessTokenExpiresAt } } }',
      { input: { email: ada.email, password: 'correct horse battery staple' } },
    ).finally(() => (world.clock.offsetMs = 0)); // prettier-ignore
    const { accessToken, accessTokenExpiresAt } = login.tokens;
    const follower = world.follow<Live>(LIVE, { id: from }, { as: { accessToken } });
    await follower.result(0);
    const { codes } = await follower.ended;
    expect(codes).toEqual(['UNAUTHENTICATED']);
    const lateMs = Date.now() - Date.parse(accessTokenExpiresAt);
    expect(lateMs).toBeGreaterThan(-1_000);
    expect(lateMs).toBeLessThan(5_000);
    expect(seen(follower)).toEqual(['SNAPSHOT 1']);
  });

  test('does not begin without a token, or with a wrong one', async () => {
    for (const as of [null, { accessToken: 'no token' }, { accessToken: `${ada.accessToken.slice(0, -2)}xx` }]) {
      const follower = world.follow<Live>(LIVE, { id: from }, { as });
      const { codes, closeCode } = await follower.ended;
      // The socket itself is refused; what is followed without one is refused with a code.
      expect(closeCode ?? codes[0]).toEqual(closeCode === null ? 'UNAUTHENTICATED' : 4403);
      expect(follower.results).toEqual([]);
      await follower.leave();
    }
  });
});
