import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openWorld, type Person, type World } from '../world.ts';

/** As an app asks: under its own names, with fragments and conditions, over five subgraphs. */
const LIVE = `
  subscription Live($id: ID!, $after: Int, $withRisk: Boolean! = true) {
    live: balanceUpdated(accountId: $id, afterVersion: $after) {
      kind
      account { id owner { ...Who } }
      now: balance { version available { ...M } posted { ...M } }
      why: cause { amount { ...M } counterparty transfer { status mine: source { account { id } label } riskAssessment @include(if: $withRisk) { decision } } }
    }
  }
  fragment M on Money { amount currency }
  fragment Who on User { displayName riskProfile @include(if: $withRisk) { level } }`;

interface Live {
  live: {
    kind: string;
    account: { id: string; owner: { displayName: string; riskProfile?: { level: string } | null } };
    now: { version: number; available: { amount: string; currency: string }; posted: { amount: string } };
    why: { amount: { amount: string }; counterparty: string; transfer: Record<string, unknown> | null } | null;
  };
}

let world: World;
let ada: Person;
let bob: Person;
let from: string;
let to: string;

beforeAll(async () => {
  world = await openWorld();
  [ada, bob] = [await world.register('Ada Lovelace'), await world.register('Bob')];
  from = await world.openAccount(ada, 'USD', '100.00');
  to = await world.openAccount(bob, 'USD');
});
afterAll(() => world.close());

describe('from registration to live balances', () => {
  test('both parties see SNAPSHOT at v and then CHANGE v+1 …, each with what is theirs of it', async () => {
    const adas = world.follow<Live>(LIVE, { id: from }, { as: ada });
    const bobs = world.follow<Live>(LIVE, { id: to }, { as: bob });
    const [adaNow, bobNow] = [(await adas.result(0)).data!, (await bobs.result(0)).data!];
    expect([adaNow.live.kind, bobNow.live.kind]).toEqual(['SNAPSHOT', 'SNAPSHOT']);
    expect(adaNow.live).toMatchObject({
      now: { version: 1, available: { amount: '100.00', currency: 'USD' } },
      why: null,
    });
    expect(bobNow.live).toMatchObject({ now: { version: 0, available: { amount: '0.00' } }, why: null });

    const done = await world.transfer(ada, {
      source: { accountId: from },
      destination: { email: bob.email },
      amount: { amount: '12.5', currency: 'USD' },
      description: 'Lunch',
    });
    expect(done).toMatchObject({ transfer: { status: 'COMPLETED' }, replayed: false, userErrors: [] });

    const adaThen = (await adas.result(1)).data!;
    expect(adaThen.live).toEqual({
      kind: 'CHANGE',
      account: { id: from, owner: { displayName: 'Ada Lovelace', riskProfile: { level: expect.any(String) } } },
      now: {
        version: 2,
        available: { amount: '87.50', currency: 'USD' },
        posted: { amount: '87.50', currency: 'USD' },
      },
      why: {
        amount: { amount: '-12.50', currency: 'USD' },
        counterparty: 'Bob',
        transfer: {
          status: 'COMPLETED',
          mine: { account: { id: from }, label: 'Ada Lovelace' },
          // Recorded in the posting transaction, so that the first live update has it.
          riskAssessment: { decision: 'ALLOW' },
        },
      },
    });
    const bobThen = (await bobs.result(1)).data!;
    expect(bobThen.live).toMatchObject({
      kind: 'CHANGE',
      account: { id: to, owner: { displayName: 'Bob' } },
      now: { version: 1, available: { amount: '12.50' } },
      why: {
        amount: { amount: '12.50' },
        counterparty: 'Ada Lovelace',
        transfer: { status: 'COMPLETED', mine: { account: null, label: 'Ada Lovelace' }, riskAssessment: null },
      },
    });
    for (const { errors } of [...adas.results, ...bobs.results]) expect(errors).toBeUndefined();
    await adas.leave();
    await bobs.leave();
    expect([adas.results.length, bobs.results.length]).toEqual([2, 2]);
  });

  test('the home screen shows the transfer from both sides, through every subgraph at once', async () => {
    const HOME = `{ me { id displayName email
      accounts { edges { node { id balance { posted { amount } version } transactions { edges { node { amount { amount } balanceAfter { amount } description counterparty transfer { id status description } } } } } } }
      transfers { edges { node { id amount { amount currency } source { label account { id name } } destination { label account { id name } } timeline { status } } } }
    } }`;
    const [adas, bobs] = await Promise.all(
      [ada, bob].map((as) => world.ask<{ me: Record<string, unknown> }>(HOME, {}, { as })),
    );
    const id = expect.any(String);
    expect(adas!.me).toMatchObject({
      email: ada.email,
      accounts: { edges: [{ node: { id: from, balance: { posted: { amount: '87.50' }, version: 2 }, transactions: { edges: [
        { node: { amount: { amount: '-12.50' }, balanceAfter: { amount: '87.50' }, description: 'Lunch', counterparty: 'Bob', transfer: { id, status: 'COMPLETED', description: 'Lunch' } } },
        { node: { amount: { amount: '100.00' }, balanceAfter: { amount: '100.00' }, transfer: null } },
      ] } } }] },
      transfers: { edges: [{ node: { amount: { amount: '12.50', currency: 'USD' }, source: { label: 'Ada Lovelace', account: { id: from, name: 'Everyday' } }, destination: { label: 'Bob', account: null }, timeline: [{ status: 'INITIATED' }, { status: 'COMPLETED' }] } }] },
    }); // prettier-ignore
    expect(bobs!.me).toMatchObject({
      accounts: { edges: [{ node: { id: to, balance: { posted: { amount: '12.50' }, version: 1 } } }] },
      transfers: { edges: [{ node: { source: { label: 'Ada Lovelace', account: null }, destination: { label: 'Bob', account: { id: to, name: 'Everyday' } } } }] },
    }); // prettier-ignore
  });

  test('an email works at once after registering, and reaches the account opened a moment ago', async () => {
    const eve = await world.register('Eve');
    const account = await world.openAccount(eve);
    const done = await world.transfer(ada, {
      source: { accountId: from },
      destination: { email: eve.email.toUpperCase() },
      amount: { amount: '1', currency: 'USD' },
    });
    expect(done.userErrors).toEqual([]);
    expect(await world.booked(account)).toEqual({ posted: '100', version: 1 });
  });

  test('transferUpdated gives the transfer to both ends and stays open', async () => {
    const { transfer } = await world.transfer(ada, {
      source: { accountId: from },
      destination: { accountId: to },
      amount: { amount: '1', currency: 'USD' },
    });
    const FOLLOW =
      'subscription ($id: ID!) { transferUpdated(transferId: $id) { id status source { account { name } label } } }';
    for (const [as, account] of [
      [ada, { name: 'Everyday' }],
      [bob, null],
    ] as const) {
      const follower = world.follow(FOLLOW, { id: transfer!.id }, { as });
      expect(await follower.result(0)).toEqual({
        data: {
          transferUpdated: { id: transfer!.id, status: 'COMPLETED', source: { account, label: 'Ada Lovelace' } },
        },
      });
      await follower.leave();
      expect(follower.results).toHaveLength(1);
    }
  });
});

describe("what is another's", () => {
  test('is answered as what does not exist, in queries, mutations and streams', async () => {
    const eve = await world.register('Eve');
    const evesAccount = await world.openAccount(eve, 'USD', '5.00');
    const { transfer } = await world.transfer(ada, {
      source: { accountId: from },
      destination: { accountId: to },
      amount: { amount: '1', currency: 'USD' },
    });
    const before = await world.booked(from);
    const missing = '01890a5d-ac96-774b-bcce-b302099a8057';
    for (const id of [from, missing, 'no id']) {
      expect(
        await world.ask('query ($id: ID!) { account(id: $id) { id } transfer(id: $id) { id } }', { id }, { as: eve }),
      ).toEqual({
        account: null,
        transfer: null,
      });
      const refused = await world.transfer(eve, {
        source: { accountId: id },
        destination: { accountId: evesAccount },
        amount: { amount: '1', currency: 'USD' },
      });
      expect(refused).toMatchObject({
        transfer: null,
        userErrors: [{ code: 'ACCOUNT_NOT_FOUND', field: ['source', 'accountId'] }],
      });
      const follower = world.follow(
        'subscription ($id: ID!) { balanceUpdated(accountId: $id) { kind } }',
        { id },
        { as: eve },
      );
      expect(await follower.ended).toMatchObject({ codes: ['NOT_FOUND'] });
      expect(follower.results).toEqual([]);
      await follower.leave();
    }
    expect(await world.ask('query ($id: ID!) { transfer(id: $id) { id } }', { id: transfer!.id }, { as: eve })).toEqual(
      { transfer: null },
    );
    const follower = world.follow(
      'subscription ($id: ID!) { transferUpdated(transferId: $id) { id } }',
      { id: transfer!.id },
      { as: eve },
    );
    expect(await follower.ended).toMatchObject({ codes: ['NOT_FOUND'] });
    await follower.leave();
    expect(await world.booked(from)).toEqual(before);
  });
});
