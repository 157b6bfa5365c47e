import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { newId, type TransferId, type UserId } from '../platform/ids.ts';
import { ProviderOutcomeUnknownError } from './card-provider.ts';
import { createFlutterwavePayouts } from './flutterwave/flutterwave-payouts.ts';
import type { PayoutDestination } from './payout-provider.ts';
import { createPaystackPayouts } from './paystack/paystack-payouts.ts';
import { startFlutterwaveSimulator } from './simulators/flutterwave/flutterwave-simulator.ts';
import { startPaystackSimulator } from './simulators/paystack/paystack-simulator.ts';
import { startStripeSimulator } from './simulators/stripe/stripe-simulator.ts';
import { createStripeCards } from './stripe/stripe-cards.ts';
import { createStripePayouts } from './stripe/stripe-payouts.ts';

/* What a provider shows under our key is believed only when it is of the amount that was sent. */

const directory = mkdtempSync(path.join(tmpdir(), 'dwaybank-other-amount-'));
afterAll(() => rmSync(directory, { recursive: true }));

const soon = () => AbortSignal.timeout(120_000);
const secretKey = 'sk_test_otherAmount0001';
const file = (name: string) => path.join(directory, name);
const account = { kind: 'BANK_ACCOUNT', bankCode: '058', accountNumber: '0123456789', holder: 'Ada Obi' } as const;

const PROVIDERS = {
  async stripe() {
    const simulator = await startStripeSimulator({ file: file('stripe'), secretKey });
    const cards = createStripeCards({ secretKey, url: simulator.url });
    const { reference } = await cards.saveCard('pm_card_visa', newId<UserId>(), soon());
    const destination: PayoutDestination = { kind: 'CARD', reference, holder: 'Ada' };
    return { simulator, payouts: createStripePayouts({ secretKey, url: simulator.url }), destination };
  },
  async paystack() {
    const simulator = await startPaystackSimulator({ file: file('paystack'), secretKey });
    return { simulator, payouts: createPaystackPayouts({ secretKey, url: simulator.url }), destination: account };
  },
  async flutterwave() {
    const simulator = await startFlutterwaveSimulator({ file: file('flw'), secretKey, webhookSecret: 'hash' });
    return { simulator, payouts: createFlutterwavePayouts({ secretKey, url: simulator.url }), destination: account };
  },
};

test.each(['stripe', 'paystack', 'flutterwave'] as const)('%s', async (name) => {
  const { simulator, payouts, destination } = await PROVIDERS[name]();
  try {
    const transferId = newId<TransferId>();
    const key = transferId.replaceAll('-', '');
    const amount = { amountMinor: 123_400n, currency: name === 'stripe' ? 'USD' : 'NGN' };
    const sent = await payouts.send({ key, transferId, destination, description: null, ...amount }, soon());
    for (const reference of [null, sent.reference, 'po_of_somebody_else']) {
      const find = (shown: typeof amount) =>
        payouts.find({ key, transferId, sentAt: new Date(), amount: shown, reference }, soon());
      expect(await find(amount)).toMatchObject({ reference: sent.reference });
      await expect(find({ ...amount, amountMinor: 123_401n })).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
      await expect(find({ ...amount, currency: 'GHS' })).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    }
  } finally {
    await payouts.close?.();
    await simulator.close();
  }
});
