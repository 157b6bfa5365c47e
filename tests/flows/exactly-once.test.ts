import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { noRedisReason, skippedWithoutRedis, startRedis, type TestRedis } from '../redis.ts';
import { openWorld, type Person, type TransferPayload, type World } from '../world.ts';

let redis: TestRedis | null;
let world: World;
let ada: Person;
let bob: Person;
let from: string;
let to: string;

beforeAll(async () => {
  redis = await startRedis();
  // Two gateways that share nothing but Postgres, and Redis where there is one.
  world = await openWorld({ gateways: 2, redisUrl: redis?.url ?? null });
  ada = await world.register('Ada');
  bob = await world.register('Bob');
});
beforeEach(async () => {
  from = await world.openAccount(ada, 'USD', '100.00');
  to = await world.openAccount(bob);
});
afterAll(async () => {
  await world.close();
  await redis?.stop();
});

const input = (change: Record<string, unknown> = {}) => ({
  source: { accountId: from },
  destination: { accountId: to },
  amount: { amount: '100.00', currency: 'USD' },
  ...change,
});

/** What was posted between the two accounts. */
async function entries(): Promise<number> {
  const { rows } = await world.admin.query<{ count: number }>(
    `SELECT count(DISTINCT entry_id)::int AS count FROM ledger.posting WHERE account_id = $1`,
    [to],
  );
  return rows[0]!.count;
}

const codes = (answers: TransferPayload[]) => answers.flatMap(({ userErrors }) => userErrors.map(({ code }) => code));

/** 20 at once: over the first gateway, or over both in turn. */
const twenty = (change: Record<string, unknown>, gateways: number) =>
  Promise.all(Array.from({ length: 20 }, (_, n) => world.transfer(ada, input(change), n % gateways)));

describe.each([
  ['one gateway', 1],
  ['two gateways', 2],
])('over %s', (_which, gateways) => {
  test('20 times the whole balance goes once, as the first transfer of its account', async () => {
    const answers = await twenty({}, gateways);
    expect(answers.filter(({ transfer }) => transfer?.status === 'COMPLETED')).toHaveLength(1);
    expect(answers.filter(({ transfer }) => transfer === null)).toHaveLength(19);
    expect(codes(answers)).toEqual(Array(19).fill('INSUFFICIENT_FUNDS'));
    expect([await world.booked(from), await world.booked(to)]).toEqual([
      { posted: '0', version: 2 },
      { posted: '10000', version: 1 },
    ]);
  });

  test('20 times one key is one transfer', async () => {
    const answers = await twenty(
      { idempotencyKey: `once ${gateways}`, amount: { amount: '1', currency: 'USD' } },
      gateways,
    );
    expect(answers.filter(({ replayed }) => replayed)).toHaveLength(19);
    expect(new Set(answers.map(({ transfer }) => transfer?.id)).size).toBe(1);
    expect(codes(answers)).toEqual([]);
    expect(await entries()).toBe(1);
  });

  test('one key with another amount is IDEMPOTENCY_KEY_REUSED, whoever comes first', async () => {
    const idempotencyKey = `two bodies ${gateways}`;
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        world.transfer(
          ada,
          input({ idempotencyKey, amount: { amount: String(1 + (n % 2)), currency: 'USD' } }),
          (n >> 1) % gateways,
        ),
      ),
    );
    expect(codes(answers)).toEqual(Array(10).fill('IDEMPOTENCY_KEY_REUSED'));
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(11);
    expect(await entries()).toBe(1);
  });
});

const withRedis = noRedisReason ? test.skip : test;

describe('the first verdict', () => {
  test('stays after a restart and a top-up', () => staysAfter(() => world.restart(0)));

  withRedis(`stays after FLUSHALL, a restart and a top-up${skippedWithoutRedis}`, () =>
    staysAfter(async () => {
      await redis!.flush();
      await world.restart(0);
    }),
  );

  async function staysAfter(disturb: () => Promise<void>): Promise<void> {
    const refusedInput = input({ idempotencyKey: `too early ${from}`, amount: { amount: '100.01', currency: 'USD' } });
    const doneInput = input({ idempotencyKey: `in time ${from}`, amount: { amount: '1', currency: 'USD' } });
    const refused = await world.transfer(ada, refusedInput);
    const done = await world.transfer(ada, doneInput);
    expect(codes([refused])).toEqual(['INSUFFICIENT_FUNDS']);

    await disturb();
    await world.fund(from, '1000.00');

    const before = await world.booked(from);
    for (const gateway of [0, 1]) {
      expect(await world.transfer(ada, refusedInput, gateway)).toEqual({ ...refused, replayed: true });
      expect(await world.transfer(ada, doneInput, gateway)).toEqual({ ...done, replayed: true });
    }
    expect(await world.booked(from)).toEqual(before);
  }
});
