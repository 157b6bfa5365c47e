import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { AccountId, PaymentMethodId } from '../../platform/ids.ts';
import { hurry, jobGone, jobWaits } from '../deposit-jobs.ts';
import { until } from '../until.ts';
import { openWorld, type Person, type TransferPayload, type World } from '../world.ts';

/*
 * Deposits from a card through the public door, charged by the real adapter at the simulator of Stripe. Two banks share the
 * database, so that every job here may be done by either.
 */

const SHOWN = 'status failureCode timeline { status }';
const PAYMENT_INTENTS = 'POST /v1/payment_intents';

interface Shown {
  status: string;
  failureCode: string | null;
  timeline: { status: string }[];
}

let world: World;
let ada: Person;
let account: AccountId;
let card: PaymentMethodId;

beforeAll(async () => {
  world = await openWorld({ gateways: 2, cards: true });
  ada = await world.register('Ada');
  card = await world.linkCard(ada);
});
beforeEach(async () => {
  account = await world.openAccount(ada);
});
afterAll(() => world.close());

function deposit(change: Record<string, unknown> = {}, gateway = 0): Promise<TransferPayload> {
  const input = {
    source: { paymentMethodId: card },
    destination: { accountId: account },
    amount: { amount: '40.00', currency: 'USD' },
    ...change,
  };
  return world.transfer(ada, input, gateway);
}

async function started(change: Record<string, unknown> = {}): Promise<string> {
  const { transfer, userErrors } = await deposit(change);
  expect(userErrors).toEqual([]);
  expect(transfer!.status).toBe('INITIATED');
  return transfer!.id;
}

async function read(id: string, as = ada): Promise<Shown | null> {
  const { transfer } = await world.ask<{ transfer: Shown | null }>(
    `query ($id: ID!) { transfer(id: $id) { ${SHOWN} } }`,
    { id },
    { as },
  );
  return transfer;
}

/** Waits for a status; every attempt follows the one before at once. */
async function reaches(id: string, status: string): Promise<Shown> {
  const shown = await until(`the deposit is ${status}`, async () => {
    if (await jobWaits(world.admin, id)) await hurry(world.admin, id);
    const now = (await read(id))!;
    return now.status === status ? now : null;
  });
  return shown!;
}

const steps = ({ timeline }: Shown) => timeline.map(({ status }) => status).join(' ');
const chargesOf = (id: string) =>
  world
    .stripe()
    .charges()
    .filter(({ transferId }) => transferId === id)
    .map(({ status, amount, currency }) => ({ status, amount, currency }));

describe('a deposit from a card', () => {
  test('arrives on the account, with every step and the new balance live', async () => {
    const balances = world.follow<{ balanceUpdated: { kind: string; balance: { available: { amount: string } } } }>(
      'subscription ($id: ID!) { balanceUpdated(accountId: $id) { kind balance { available { amount } } } }',
      { id: account },
      { as: ada },
    );
    await balances.result(0);
    const id = await started();
    const live = world.follow<{ transferUpdated: Shown }>(
      `subscription ($id: ID!) { transferUpdated(transferId: $id) { ${SHOWN} } }`,
      { id },
      { as: ada, gateway: 1 },
    );
    await until('the last step is shown', () => live.results.at(-1)?.data?.transferUpdated.status === 'COMPLETED');
    // Whatever the first one showed, from there on each came by itself.
    const counts = live.results.map(({ data }) => data!.transferUpdated.timeline.length);
    expect(counts).toEqual(Array.from({ length: 4 - counts[0]! }, (_, index) => counts[0]! + index));
    expect(steps(live.results.at(-1)!.data!.transferUpdated)).toBe('INITIATED SENT_TO_PROVIDER COMPLETED');
    expect((await balances.result(1)).data!.balanceUpdated).toMatchObject({
      balance: { available: { amount: '40.00' } },
    });
    expect(chargesOf(id)).toEqual([{ status: 'succeeded', amount: 4000, currency: 'usd' }]);
    await live.leave();
    await balances.leave();
  });

  test.each([
    ['pm_card_chargeDeclinedInsufficientFunds', 'insufficient_funds'],
    ['pm_card_chargeDeclined', 'card_declined'],
  ])('FAILS for %s with %s, and the account stays as it was', async (token, code) => {
    const id = await started({ source: { paymentMethodId: await world.linkCard(ada, token) } });
    const failed = await reaches(id, 'FAILED');
    expect(failed.failureCode).toBe(code);
    expect(steps(failed)).toBe('INITIATED SENT_TO_PROVIDER FAILED');
    await jobGone(world.admin, id);
    expect(chargesOf(id).map(({ status }) => status)).toEqual(['failed']);
    expect(await world.booked(account)).toEqual({ posted: '0', version: 0 });
  });

  test.each([
    // Stripe's SDK asks once more by itself when a connection breaks, so it has to break twice.
    ['DROP_AFTER', 2],
    ['DROP_BEFORE', 2],
    ['UNAVAILABLE', 1],
  ] as const)(
    'whose answer is lost (%s) is PROVIDER_CONFIRMING, then COMPLETED by one charge',
    async (effect, times) => {
      world.stripe().disturb({ effect, on: PAYMENT_INTENTS, times });
      const id = await started();
      await until('it is confirming', async () => (await read(id))!.status === 'PROVIDER_CONFIRMING');
      expect(await world.booked(account)).toEqual({ posted: '0', version: 0 });
      const done = await reaches(id, 'COMPLETED');
      expect(steps(done)).toBe('INITIATED SENT_TO_PROVIDER PROVIDER_CONFIRMING COMPLETED');
      expect(chargesOf(id)).toEqual([{ status: 'succeeded', amount: 4000, currency: 'usd' }]);
      expect((await world.booked(account)).posted).toBe('4000');
    },
  );

  test('waits for a provider that is down, and for an issuer that takes its time', async () => {
    world.stripe().disturb({ effect: 'UNAVAILABLE' });
    const id = await started();
    for (let attempts = 0; attempts < 3; attempts++) {
      await until('the attempt has failed', () => jobWaits(world.admin, id));
      await hurry(world.admin, id);
    }
    await until('the attempt has failed', () => jobWaits(world.admin, id));
    expect((await read(id))!.status).toBe('PROVIDER_CONFIRMING');
    world.stripe().calm();
    world.stripe().disturb({ effect: 'PROCESSING', on: PAYMENT_INTENTS, times: 1 });
    await hurry(world.admin, id);
    const [pending] = await until('the charge is pending', () => {
      const found = world
        .stripe()
        .charges()
        .filter(({ transferId }) => transferId === id);
      return found.length > 0 ? found : null;
    }).then((found) => found!);
    expect(pending!.status).toBe('pending');
    await until('the attempt has ended', () => jobWaits(world.admin, id));
    expect(await world.booked(account)).toEqual({ posted: '0', version: 0 });
    expect(await world.stripe().settle(pending!.paymentIntent, true)).toBe(true);
    expect(steps(await reaches(id, 'COMPLETED'))).toBe('INITIATED SENT_TO_PROVIDER PROVIDER_CONFIRMING COMPLETED');
    expect(chargesOf(id)).toHaveLength(1);
  });

  test('goes on after its bank was restarted in the middle of it', async () => {
    world.stripe().disturb({ effect: 'WAIT_AFTER', on: PAYMENT_INTENTS, times: 1 });
    const id = await started();
    await until('the charge is made and nobody has heard of it', () => world.stripe().waiting() === 1);
    // Either bank may have the job; both end in order, one after the other.
    await world.restart(0);
    await world.restart(1);
    world.stripe().calm();
    await reaches(id, 'COMPLETED');
    expect(chargesOf(id)).toHaveLength(1);
  });

  test('is charged once each, whichever of two banks does the job', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => deposit({}, n % 2)));
    const ids = answers.map(({ transfer }) => transfer!.id);
    for (const id of ids) await reaches(id, 'COMPLETED');
    for (const id of ids) expect(chargesOf(id)).toHaveLength(1);
    expect(await world.booked(account)).toEqual({ posted: '80000', version: 20 });
  });

  test('under one key sent to both banks at once is one deposit', async () => {
    const idempotencyKey = 'twice';
    const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => deposit({ idempotencyKey }, n % 2)));
    const ids = new Set(answers.map(({ transfer }) => transfer?.id));
    expect(ids.size).toBe(1);
    const [id] = [...ids];
    await reaches(id!, 'COMPLETED');
    expect(chargesOf(id!)).toHaveLength(1);
    expect((await world.booked(account)).posted).toBe('4000');
  });
});

describe('another customer', () => {
  test('can neither charge a card nor see its deposits by any id', async () => {
    const eve = await world.register('Eve');
    const id = await started();
    const theirs = await world.openAccount(eve);
    const input = {
      source: { paymentMethodId: card },
      destination: { accountId: theirs },
      amount: { amount: '1.00', currency: 'USD' },
    };
    expect(await world.transfer(eve, input)).toMatchObject({
      transfer: null,
      userErrors: [{ code: 'PAYMENT_METHOD_NOT_FOUND', field: ['source', 'paymentMethodId'] }],
    });
    expect(await read(id, eve)).toBeNull();
    // Nor does a card pay onto somebody else's account.
    expect(await deposit({ destination: { accountId: theirs } })).toMatchObject({
      transfer: null,
      userErrors: [{ code: 'ACCOUNT_NOT_FOUND' }],
    });
    await reaches(id, 'COMPLETED');
    expect(await world.booked(theirs)).toEqual({ posted: '0', version: 0 });
  });

  test('of a card that was unlinked is nobody: it cannot be charged any more', async () => {
    const other = await world.linkCard(ada);
    await world.ask(
      'mutation ($id: ID!) { disconnectPaymentMethod(id: $id) { userErrors { code } } }',
      { id: other },
      { as: ada },
    );
    const answer = await until('transfer has heard of it', async () => {
      const now = await deposit({ source: { paymentMethodId: other } });
      return now.transfer ? null : now;
    });
    expect(answer!.userErrors).toMatchObject([{ code: 'PAYMENT_METHOD_NOT_FOUND' }]);
  });
});
