import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openPayoutScene, type PayoutScene } from '../../../tests/payout-scene.ts';
import { askPayout } from '../payouts/apply-provider-notice.ts';
import { createAskProvider } from './ask-provider.ts';

let scene: PayoutScene;
beforeAll(async () => {
  scene = await openPayoutScene();
  await scene.begin();
});
afterAll(() => scene.close());

test('the provider whose statement it is is asked, also when another one has the payment now', async () => {
  const { bankrail, paystack } = scene.payouts.providers;
  // It says no, and pays all the same.
  bankrail.sends.push(async (_send, request) => {
    const reference = `bankrail-${request.key}`;
    bankrail.paid.set(request.key, { request, payout: { outcome: 'SUCCEEDED', reference, feeMinor: 20n } });
    return { outcome: 'DECLINED', reference, code: 'no', message: 'No.' };
  });
  paystack.sends.push(async (_send, request) => {
    const payout = { outcome: 'PENDING', reference: 'p', step: 'CLEARING' } as const;
    paystack.paid.set(request.key, { request, payout });
    return payout;
  });
  const { id } = await scene.started();
  await scene.reaches(id, 'PROVIDER_PROCESSING');
  expect(await scene.attemptsOf(id)).toEqual(['bankrail DECLINED', 'paystack OPEN']);

  const { pool, wakeUp } = scene.deps;
  const ask = createAskProvider({
    pool,
    wakeUp,
    askPayout: (transferId, signal, notice) => askPayout(scene.deps, transferId, signal, notice),
    askDeposit: () => Promise.reject(new Error('it is no deposit')),
  });
  const payload = { provider: 'bankrail', currency: 'EUR', transferId: id };
  await ask(payload, new AbortController().signal);
  expect(await scene.lettersOf(id)).toEqual([['PROVIDER_CONTRADICTION', 'CRITICAL']]);
  expect(await scene.attemptsOf(id)).toEqual(['bankrail DECLINED', 'paystack OPEN']);
});
