import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type TransferId, type UserId } from '../../platform/ids.ts';
import type { Assessment, RiskFactor } from '../../platform/questions/assess-transfer.ts';
import { viewerFor } from '../../tests/one-subgraph.ts';
import { openProjectionWorld, type ProjectionWorld } from '../../tests/projection-world.ts';
import { hoursAgo, recordAssessments, recordHistory, type PastTransfer } from '../../tests/risk-history.ts';
import { createRiskSubgraph } from './subgraph.ts';

let world: ProjectionWorld;

beforeAll(async () => {
  world = await openProjectionWorld('risk', createRiskSubgraph);
});
afterAll(() => world.close());

const NOWHERE = { ip: null, deviceId: null };
const LAGOS = { ip: '41.58.0.1', deviceId: null };

interface Asked {
  customerId: UserId;
  recipientId?: UserId;
  amountMinor?: string;
  origin?: { ip: string | null; deviceId: string | null };
}

async function ask({ recipientId = newId<UserId>(), amountMinor = '1000', origin = NOWHERE, ...rest }: Asked) {
  const question = { type: 'EXTERNAL', currency: 'USD', ...rest, recipientId, amountMinor, origin };
  return (await world.subgraph.answers['assess-transfer']!(question)) as Assessment;
}

const scoreOf = ({ factors }: Assessment, name: RiskFactor['name']) =>
  factors.find((factor) => factor.name === name)?.score ?? null;

/** Ten usual transfers of ten dollars, from a country and a device that are known. */
async function customer(usual: Partial<PastTransfer> = {}): Promise<UserId> {
  const customerId = newId<UserId>();
  const daily = Array.from({ length: 10 }, (_, day) => ({ at: hoursAgo(30 + day * 24), usdMinor: 10_00n, ...usual }));
  await recordHistory(world.admin, customerId, daily);
  return customerId;
}

/** Transfers that were assessed as their money was held, and ended without it. */
async function fail(customerId: UserId, transferIds: readonly TransferId[]): Promise<void> {
  await world.append(
    transferIds.map((transferId) => ({
      type: 'TransferFailed' as const,
      key: transferId,
      payload: { transferId, userId: customerId, failureCode: 'CANCELLED', at: new Date().toISOString() },
    })),
  );
}

async function undo(customerId: UserId, past: readonly PastTransfer[]): Promise<void> {
  await fail(customerId, await recordHistory(world.admin, customerId, past));
}

describe('transfers that came to nothing', () => {
  test('make no amount usual', async () => {
    const customerId = await customer();
    const before = scoreOf(await ask({ customerId, amountMinor: '500000' }), 'amount');
    await undo(
      customerId,
      Array.from({ length: 9 }, () => ({ at: hoursAgo(1), usdMinor: 5_000_00n })),
    );
    expect([before, scoreOf(await ask({ customerId, amountMinor: '500000' }), 'amount')]).toEqual([100, 100]);
  });

  test('make no recipient known', async () => {
    const customerId = await customer();
    const recipientId = newId<UserId>();
    await undo(customerId, [{ at: hoursAgo(1), recipientId }]);
    expect(scoreOf(await ask({ customerId, recipientId }), 'behaviour')).toBe(50);
  });

  test('are no money that a recipient has sent', async () => {
    const customerId = await customer();
    const recipientId = newId<UserId>();
    await undo(recipientId, [{ at: hoursAgo(1), recipientId: customerId }]);
    expect(scoreOf(await ask({ customerId, recipientId }), 'behaviour')).toBe(50);
  });

  test('make no country and no device known', async () => {
    const customerId = await customer({ country: 'DE', device: 'phone' });
    const origin = { ...LAGOS, deviceId: 'stolen' };
    const asked = await ask({ customerId, origin });
    const transferId = newId<TransferId>();
    await recordAssessments(world.admin, [{ transferId, customerId, assessment: asked }]);
    expect(scoreOf(await ask({ customerId, origin }), 'device')).toBe(0);
    await fail(customerId, [transferId]);
    const again = await ask({ customerId, origin });
    expect([scoreOf(again, 'geography'), scoreOf(again, 'device')]).toEqual([55, 55]);
  });

  test('are no history to compare with', async () => {
    const customerId = newId<UserId>();
    await recordHistory(world.admin, customerId, [{ at: hoursAgo(400), usdMinor: 5_000_00n }]);
    await undo(
      customerId,
      Array.from({ length: 10 }, (_, day) => ({ at: hoursAgo(30 + day * 24), usdMinor: 10_00n })),
    );
    expect(scoreOf(await ask({ customerId, amountMinor: '500000' }), 'amount')).toBeNull();
    expect(scoreOf(await ask({ customerId }), 'behaviour')).toBeNull();
  });

  test('are not in the score of the customer’s profile', async () => {
    const customerId = newId<UserId>();
    await recordHistory(world.admin, customerId, [{ at: hoursAgo(1), assessment: { score: 20 } }]);
    const [undone] = await recordHistory(world.admin, customerId, [{ at: hoursAgo(1), assessment: { score: 90 } }]);
    const scoreOfProfile = async () => {
      const { data } = await world.execute('{ me { riskProfile { score level } } }', { viewer: viewerFor(customerId) });
      return data;
    };
    expect(await scoreOfProfile()).toEqual({ me: { riskProfile: { score: 90, level: 'CRITICAL' } } });
    await fail(customerId, [undone!]);
    expect(await scoreOfProfile()).toEqual({ me: { riskProfile: { score: 20, level: 'LOW' } } });
  });

  test('count as transfers in a short time', async () => {
    const customerId = await customer();
    await undo(
      customerId,
      Array.from({ length: 30 }, () => ({ at: hoursAgo(0.5) })),
    );
    expect(scoreOf(await ask({ customerId }), 'velocity')).toBe(100);
  });

  test('are told twice as once, and of a transfer that was not assessed nothing', async () => {
    const customerId = await customer();
    const [transferId] = await recordHistory(world.admin, customerId, [{ at: hoursAgo(1) }]);
    await fail(customerId, [transferId!, newId<TransferId>()]);
    await fail(customerId, [transferId!]);
    const { rows } = await world.admin.query(
      'SELECT transfer_id FROM risk.assessment WHERE customer_id = $1 AND undone',
      [customerId],
    );
    expect(rows).toEqual([{ transfer_id: transferId }]);
  });
});
