import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type TransferId, type UserId } from '../../platform/ids.ts';
import type { Assessment, AssessTransferQuestion } from '../../platform/questions/assess-transfer.ts';
import { openProjectionWorld, ratesRecorded, type ProjectionWorld } from '../../tests/projection-world.ts';
import { hoursAgo, recordAssessments, recordHistory, type PastTransfer } from '../../tests/risk-history.ts';
import { createRiskSubgraph } from './subgraph.ts';

let world: ProjectionWorld;

beforeAll(async () => {
  world = await openProjectionWorld('risk', createRiskSubgraph);
  await world.append([
    ratesRecorded({ date: '2026-11-20', perUsd: { EUR: '0.9', JPY: '150', BTC: '0.00001', KWD: '0.3' } }),
  ]);
});
afterAll(() => world.close());

type Question = Partial<AssessTransferQuestion> & { customerId: UserId };
const LAGOS = '41.58.0.1';
const MOUNTAIN_VIEW = '8.8.8.8';

async function ask(question: Question, where = world): Promise<Assessment> {
  const whole = {
    type: 'INTERNAL',
    recipientId: newId<UserId>(),
    amountMinor: '1000',
    currency: 'USD',
    origin: { ip: null, deviceId: null },
    ...question,
  };
  return (await where.subgraph.answers['assess-transfer']!(whole)) as Assessment;
}

const scoreOf = ({ factors }: Assessment, name: string) =>
  factors.find((factor) => factor.name === name)?.score ?? null;
const namesOf = ({ factors }: Assessment) => factors.map(({ name }) => name).sort();

async function customerWith(past: readonly PastTransfer[]): Promise<UserId> {
  const customerId = newId<UserId>();
  await recordHistory(world.admin, customerId, past);
  return customerId;
}

const daily = (count: number, each: Partial<PastTransfer> = {}): PastTransfer[] =>
  Array.from({ length: count }, (_, day) => ({ at: hoursAgo(30 + day * 24), ...each }));

/** Posts what was asked, as transfer does, and asks nothing else. */
async function post(customerId: UserId, assessment: Assessment): Promise<void> {
  await recordAssessments(world.admin, [{ transferId: newId<TransferId>(), customerId, assessment }]);
}

describe('what leaves a customer', () => {
  test('is counted in US cents at the newest rates, rounded half to even, and at least as one', async () => {
    const customerId = newId<UserId>();
    const spent = async (amountMinor: string, currency: string) =>
      (await ask({ customerId, amountMinor, currency })).spending?.usdMinor;
    expect(await spent('12345', 'USD')).toBe('12345');
    expect(await spent('900', 'EUR')).toBe('1000');
    expect(await spent('150', 'JPY')).toBe('100');
    expect(await spent('1', 'BTC')).toBe('1');
    expect(await spent('1', 'KWD')).toBe('1');
    expect((await ask({ customerId })).spending).toEqual({
      usdMinor: '1000',
      bankDailyUsdMinor: '1000000',
      bankMonthlyUsdMinor: '5000000',
    });
  });

  test.each([
    ['USD', '100000', 'ALLOW'],
    ['USD', '100001', 'STEP_UP'],
    ['EUR', '90000', 'ALLOW'],
    ['EUR', '90001', 'STEP_UP'],
    ['JPY', '150000', 'ALLOW'],
    ['JPY', '150002', 'STEP_UP'],
  ])('in %s: %s minor units are answered with %s', async (currency, amountMinor, decision) => {
    expect(await ask({ customerId: newId<UserId>(), currency, amountMinor })).toMatchObject({
      score: 0,
      level: 'LOW',
      decision,
      factors: [],
    });
  });

  test('in a currency without a rate has no answer', async () => {
    await expect(ask({ customerId: newId<UserId>(), currency: 'GHS' })).rejects.toThrow('no rate for GHS');
  });

  test.each(['DEPOSIT', 'EXCHANGE', 'INTERNAL'] as const)('is not what stays with the customer: %s', async (type) => {
    const customerId = await customerWith(daily(10));
    const recipientId = customerId;
    const { assessedAt, ...rest } = await ask({
      customerId,
      recipientId,
      type,
      currency: 'GHS',
      amountMinor: '99999999',
    });
    expect(rest).toEqual({ score: 0, level: 'LOW', decision: 'ALLOW', factors: [], spending: null, evidence: {} });
    expect(Math.abs(Date.now() - Date.parse(assessedAt))).toBeLessThan(60_000);
  });
});

describe('rates', () => {
  test('that are on their way through the log are waited for, and none at all is no answer', async () => {
    const fresh = await openProjectionWorld('risk', createRiskSubgraph);
    try {
      const customerId = newId<UserId>();
      expect((await ask({ customerId }, fresh)).spending).not.toBeNull();
      await expect(ask({ customerId, currency: 'EUR' }, fresh)).rejects.toThrow('no rate for EUR');
      await fresh.append([ratesRecorded({ date: '2026-11-20', perUsd: { EUR: '0.5' } })], { unheard: true });
      expect((await ask({ customerId, currency: 'EUR' }, fresh)).spending?.usdMinor).toBe('2000');
    } finally {
      await fresh.close();
    }
  });
});

describe('two customers with opposite histories', () => {
  test('get scores that differ in the right direction for the same transfer', async () => {
    const friend = newId<UserId>();
    const careful = await customerWith(daily(10, { usdMinor: 10_00n, country: 'NG' }));
    const generous = await customerWith(daily(10, { usdMinor: 900_00n, country: 'US', recipientId: friend }));
    const same = { amountMinor: '90000', recipientId: friend, origin: { ip: MOUNTAIN_VIEW, deviceId: 'laptop' } };
    const unusual = await ask({ customerId: careful, ...same });
    const usual = await ask({ customerId: generous, ...same });
    for (const name of ['amount', 'geography', 'behaviour']) {
      expect([name, scoreOf(usual, name)]).toEqual([name, 0]);
      expect([name, scoreOf(unusual, name)! >= 50]).toEqual([name, true]);
    }
    expect(unusual.score).toBeGreaterThan(usual.score + 40);
    expect(usual.score).toBe(0);
    // Below the policy's amount both go on.
    expect([unusual.decision, usual.decision]).toEqual(['ALLOW', 'ALLOW']);
  });

  test('are answered differently above the policy’s amount', async () => {
    const friend = newId<UserId>();
    const usual = await customerWith(daily(10, { usdMinor: 5_000_00n, country: 'US', recipientId: friend }));
    const hasty = Array.from({ length: 30 }, (_, n) => ({ at: hoursAgo(0.5 - n * 0.01), usdMinor: 1_00n }));
    const unusual = await customerWith([...daily(10, { usdMinor: 1_00n, country: 'NG', device: 'x' }), ...hasty]);
    const same = { amountMinor: '400000', recipientId: friend, origin: { ip: MOUNTAIN_VIEW, deviceId: 'laptop' } };
    expect(await ask({ customerId: usual, ...same })).toMatchObject({ score: 0, decision: 'STEP_UP' });
    expect(await ask({ customerId: unusual, ...same })).toMatchObject({ level: 'HIGH', decision: 'REVIEW' });
  });
});

describe('each factor', () => {
  test('amount compares across currencies, with what nine of ten transfers did not exceed', async () => {
    const customerId = await customerWith([
      ...daily(19, { usdMinor: 100_00n }),
      { at: hoursAgo(500), usdMinor: 9_000_00n },
    ]);
    expect(scoreOf(await ask({ customerId, amountMinor: '10000' }), 'amount')).toBe(0);
    expect(scoreOf(await ask({ customerId, amountMinor: '18000', currency: 'EUR' }), 'amount')).toBe(25);
    expect(scoreOf(await ask({ customerId, amountMinor: '100000' }), 'amount')).toBe(100);
  });

  test('velocity counts the last hour and day, in any number', async () => {
    const past = daily(10);
    const quiet = await customerWith(past);
    const burst = Array.from({ length: 12 }, (_, n) => ({ at: hoursAgo(0.1 + n * 0.05) }));
    const hasty = await customerWith([...past, ...burst]);
    const lastNight = await customerWith([
      ...past,
      ...burst.map(({ at }) => ({ at: new Date(at.getTime() - 10 * 3_600_000) })),
    ]);
    const scores = await Promise.all(
      [quiet, lastNight, hasty].map(async (customerId) => scoreOf(await ask({ customerId }), 'velocity')!),
    );
    expect(scores).toEqual([0, 15, 56]);
  });

  test('velocity remembers more than the last 100 transfers', async () => {
    const month = Array.from({ length: 900 }, (_, n) => ({ at: hoursAgo(25 + (n * 29 * 24) / 900) }));
    const today = Array.from({ length: 200 }, (_, n) => ({ at: hoursAgo(23 - n * 0.1) }));
    const customerId = await customerWith([...month, ...today]);
    // 201 instead of about 31 a day: six and a half times as many.
    const score = scoreOf(await ask({ customerId }), 'velocity')!;
    expect(score).toBeGreaterThan(50);
    expect(score).toBeLessThan(60);
  });

  test('geography compares with the countries of before', async () => {
    const origin = { ip: MOUNTAIN_VIEW, deviceId: null };
    const never = await customerWith(daily(3, { country: null }));
    expect(scoreOf(await ask({ customerId: never, origin }), 'geography')).toBeNull();
    const abroad = await customerWith(daily(3, { country: 'NG' }));
    expect(scoreOf(await ask({ customerId: abroad, origin }), 'geography')).toBe(55);
    expect(scoreOf(await ask({ customerId: abroad, origin: { ...origin, ip: LAGOS } }), 'geography')).toBe(0);
    expect(
      scoreOf(await ask({ customerId: abroad, origin: { ...origin, ip: '192.168.0.7' } }), 'geography'),
    ).toBeNull();
    const justThere = await customerWith([...daily(3, { country: 'US' }), { at: hoursAgo(1), country: 'NG' }]);
    expect(scoreOf(await ask({ customerId: justThere, origin }), 'geography')).toBe(25);
    expect(
      scoreOf(await ask({ customerId: await customerWith([{ at: hoursAgo(1), country: 'NG' }]), origin }), 'geography'),
    ).toBe(80);
  });

  test('behaviour knows recipients, round trips and hours', async () => {
    const friend = newId<UserId>();
    const customerId = await customerWith(daily(6, { recipientId: friend }));
    const found = async (recipientId: UserId) => scoreOf(await ask({ customerId, recipientId }), 'behaviour');
    expect(await found(friend)).toBe(0);
    const stranger = newId<UserId>();
    expect(await found(stranger)).toBe(50);
    await recordHistory(world.admin, stranger, [{ at: hoursAgo(25), recipientId: customerId }]);
    expect(await found(stranger)).toBe(50);
    await recordHistory(world.admin, stranger, [{ at: hoursAgo(2), recipientId: customerId }]);
    expect(await found(stranger)).toBe(90);
    // daily() is always six hours from now.
    const atAnotherHour = await customerWith(daily(30, { recipientId: friend }));
    expect(scoreOf(await ask({ customerId: atAnotherHour, recipientId: friend }), 'behaviour')).toBe(30);
    const hourBefore = Array.from({ length: 30 }, (_, day) => ({ at: hoursAgo(25 + day * 24), recipientId: friend }));
    const asAlways = await customerWith(hourBefore);
    expect(scoreOf(await ask({ customerId: asAlways, recipientId: friend }), 'behaviour')).toBe(0);
  });

  test('device knows the ids of before, and only their hashes', async () => {
    const customerId = newId<UserId>();
    const from = (deviceId: string | null) => ask({ customerId, origin: { ip: null, deviceId } });
    const first = await from('phone-1');
    expect(scoreOf(first, 'device')).toBeNull();
    await post(customerId, first);
    expect(scoreOf(await from('phone-1'), 'device')).toBe(0);
    expect(scoreOf(await from('phone-2'), 'device')).toBe(55);
    expect(scoreOf(await from(null), 'device')).toBeNull();
    const { rows } = await world.admin.query('SELECT device FROM risk.assessment WHERE customer_id = $1', [customerId]);
    expect(rows).toEqual([{ device: expect.stringMatching(/^[\w-]{43}$/) }]);
    expect(JSON.stringify(first)).not.toContain('phone-1');
  });

  test('speaks in one neutral sentence', async () => {
    const customerId = await customerWith(daily(10, { country: 'NG', device: 'x' }));
    const { factors } = await ask({
      customerId,
      amountMinor: '99999999',
      origin: { ip: MOUNTAIN_VIEW, deviceId: 'y' },
    });
    expect(factors).toHaveLength(5);
    for (const { reason } of factors) expect(reason).toMatch(/^[A-Z][^.]{10,80}\.$/);
  });
});

describe('history', () => {
  test('is only what was posted: a question stores nothing', async () => {
    const customerId = newId<UserId>();
    const origin = { ip: LAGOS, deviceId: 'phone' };
    for (let n = 0; n < 6; n++) await ask({ customerId, origin });
    expect((await ask({ customerId, origin: { ip: MOUNTAIN_VIEW, deviceId: 'laptop' } })).factors).toEqual([]);
    const { rowCount } = await world.admin.query('SELECT FROM risk.assessment WHERE customer_id = $1', [customerId]);
    expect(rowCount).toBe(0);
  });

  test('numbers the transfers to others of each customer, also within one batch', async () => {
    const [one, other] = [newId<UserId>(), newId<UserId>()];
    const leaving = { [one]: await ask({ customerId: one }), [other]: await ask({ customerId: other }) };
    const own = await ask({ customerId: one, recipientId: one });
    const row = (customerId: UserId, assessment: Assessment) => ({
      transferId: newId<TransferId>(),
      customerId,
      assessment,
    });
    await recordAssessments(world.admin, [
      row(one, leaving[one]!),
      row(one, own),
      row(other, leaving[other]!),
      row(one, leaving[one]!),
    ]);
    await recordAssessments(world.admin, [row(one, own), row(one, leaving[one]!)]);
    const numbers = async (customerId: UserId) =>
      (
        await world.admin.query('SELECT nth FROM risk.assessment WHERE customer_id = $1 ORDER BY transfer_id', [
          customerId,
        ])
      ).rows.map(({ nth }) => nth as number | null);
    expect(await numbers(one)).toEqual([1, null, 2, null, 3]);
    expect(await numbers(other)).toEqual([1]);
  });

  test('of a new customer knows nothing of any factor', async () => {
    const { factors } = await ask({
      customerId: newId<UserId>(),
      amountMinor: '99999',
      origin: { ip: LAGOS, deviceId: 'phone' },
    });
    expect(factors).toEqual([]);
  });

  test('makes all five factors known after a few transfers', async () => {
    const customerId = newId<UserId>();
    const origin = { ip: LAGOS, deviceId: 'phone' };
    for (let n = 0; n < 5; n++) await post(customerId, await ask({ customerId, origin }));
    expect(namesOf(await ask({ customerId, origin }))).toEqual([
      'amount',
      'behaviour',
      'device',
      'geography',
      'velocity',
    ]);
  });

  test('is read in one statement, however long it is', async () => {
    const short = await customerWith(daily(1));
    const long = await customerWith(Array.from({ length: 500 }, (_, n) => ({ at: hoursAgo(n) })));
    for (const customerId of [short, long]) {
      const before = world.statements();
      await ask({ customerId });
      expect(world.statements() - before).toBe(1);
    }
  });
});

test.each([
  { amountMinor: '-5' },
  { amountMinor: '1.5' },
  { recipientId: 'x' as UserId },
  { currency: 'XXX' },
  { origin: undefined },
])('a question that is none is refused: %j', async (wrong) => {
  await expect(ask({ customerId: newId<UserId>(), ...(wrong as Partial<AssessTransferQuestion>) })).rejects.toThrow();
});
