import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ProviderOutcomeUnknownError } from '../../../providers/card-provider.ts';
import { openPayoutScene, type PayoutScene, type ShownPayout } from '../../../tests/payout-scene.ts';
import { pauseOutgoing, resumeOutgoing, type PauseScope } from './pauses.ts';

/* A switch that is thrown while money is on its way: nothing new goes there, and what went is brought to its end. */

let scene: PayoutScene;

beforeAll(async () => {
  scene = await openPayoutScene();
});
beforeEach(async () => {
  await scene.begin();
  for (const scope of [BANKRAIL, EUROS]) await resumeOutgoing(scene.deps.pool, scope, 'test');
});
afterAll(() => scene.close());

const BANKRAIL: PauseScope = { scope: 'PROVIDER', subject: 'bankrail' };
const EUROS: PauseScope = { scope: 'CURRENCY', subject: 'EUR' };
const why = { actor: 'test', reason: 'It loses payments.' };

const many = (count: number): Promise<ShownPayout[]> =>
  Promise.all(Array.from({ length: count }, () => scene.started({ amount: { amount: '10.00', currency: 'EUR' } })));
const sentTo = (name: 'bankrail' | 'paystack') =>
  scene.payouts.providers[name].calls.filter((call) => call.startsWith('send '));
const keyOf = ({ id }: ShownPayout) => id.replaceAll('-', '');

describe('pausing', () => {
  test('a provider sends nothing new to it, asks it for what it has, and takes another; until it is resumed', async () => {
    const { bankrail } = scene.payouts.providers;
    // It takes them, and the answers are lost.
    const lost = async (send: () => unknown): Promise<never> => {
      send();
      throw new ProviderOutcomeUnknownError('the answer was lost');
    };
    bankrail.sends.push(lost, lost, lost);
    const under = await many(3);
    for (const { id } of under) await scene.reaches(id, 'PROVIDER_CONFIRMING');
    expect(sentTo('bankrail')).toHaveLength(3);

    await Promise.all([pauseOutgoing(scene.deps.pool, BANKRAIL, why), pauseOutgoing(scene.deps.pool, BANKRAIL, why)]);
    const after = await many(10);
    for (const { id } of after) await scene.reaches(id, 'COMPLETED');
    expect(sentTo('bankrail')).toHaveLength(3);
    expect(sentTo('paystack').sort()).toEqual(after.map((payout) => `send ${keyOf(payout)}`).sort());

    for (const { id } of under) await scene.hurriedTo(id, 'COMPLETED');
    for (const payout of under) {
      expect(bankrail.calls).toContain(`find ${keyOf(payout)}`);
      expect(await scene.attemptsOf(payout.id)).toEqual(['bankrail SUCCEEDED']);
    }
    expect([sentTo('bankrail').length, sentTo('paystack').length]).toEqual([3, 10]);

    await resumeOutgoing(scene.deps.pool, BANKRAIL, 'test');
    const [again] = await many(1);
    await scene.reaches(again!.id, 'COMPLETED');
    expect(sentTo('bankrail')).toContain(`send ${keyOf(again!)}`);
    expect(await scene.balance()).toMatchObject({ held: 0n });
  });

  test('while payouts begin sends each once, to one or the other', async () => {
    const begun = many(12);
    await pauseOutgoing(scene.deps.pool, BANKRAIL, why);
    for (const { id } of await begun) await scene.reaches(id, 'COMPLETED');
    const sent = [...sentTo('bankrail'), ...sentTo('paystack')];
    expect(sent.sort()).toEqual((await begun).map((payout) => `send ${keyOf(payout)}`).sort());
  });

  test('a currency while payouts of it begin refuses some, keeps others held, and loses and doubles none', async () => {
    const asked = Array.from({ length: 12 }, () => scene.create({ amount: { amount: '10.00', currency: 'EUR' } }));
    await pauseOutgoing(scene.deps.pool, EUROS, why);
    const answers = await Promise.all(asked);
    for (const { transfer, userErrors } of answers) {
      if (!transfer) expect(userErrors).toMatchObject([{ code: 'OUTGOING_PAUSED', retryable: true }]);
    }
    const begun = answers.flatMap(({ transfer }) => transfer ?? []);
    const sentBefore = [...sentTo('bankrail'), ...sentTo('paystack')].length;
    expect(sentBefore).toBeLessThanOrEqual(begun.length);
    expect((await scene.create()).userErrors).toMatchObject([{ code: 'OUTGOING_PAUSED' }]);
    await resumeOutgoing(scene.deps.pool, EUROS, 'test');
    for (const { id } of begun) await scene.hurriedTo(id, 'COMPLETED');
    expect(sentTo('bankrail').sort()).toEqual(begun.map((payout) => `send ${keyOf(payout)}`).sort());
    expect((await scene.balance()).held).toBe(0n);
  });
});
