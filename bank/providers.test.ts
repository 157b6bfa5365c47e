import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PROVIDER_IDS, readConfig } from '../platform/config.ts';
import { newId, type TransferId, type UserId } from '../platform/ids.ts';
import type { MainProcess } from '../platform/main-process.ts';
import { NO_PROVIDERS } from '../providers/providers.ts';
import { startStripeSimulator, type StripeSimulator } from '../providers/simulators/stripe/stripe-simulator.ts';
import { connectProviders, startProviders } from './providers.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'dwaybank-providers-'));
const secretKey = 'sk_test_providerTests001';
let shared: StripeSimulator;

beforeAll(async () => {
  shared = await startStripeSimulator({ file: path.join(directory, 'shared.jsonl'), secretKey });
});
afterAll(async () => {
  await shared.close();
  rmSync(directory, { recursive: true });
});

/** A process that notes what is to be undone. */
function mainProcess(): MainProcess & { stop(): Promise<void> } {
  const undos: (() => Promise<void> | void)[] = [];
  return {
    onStop: (undo) => void undos.push(undo),
    onForce: () => {},
    stopping: false,
    fail: () => {},
    stop: async () => {
      for (const undo of undos.reverse()) await undo();
    },
  };
}

const soon = () => AbortSignal.timeout(10_000);

describe('who charges cards', () => {
  test('is nobody with live providers and no key', async () => {
    const config = readConfig({ PROVIDERS: 'live' });
    expect(connectProviders(config)).toEqual(NO_PROVIDERS);
    const progress: string[] = [];
    const started = await startProviders(mainProcess(), config, (step) => progress.push(step));
    expect(started).toMatchObject({ ...NO_PROVIDERS, webhooks: [] });
    expect(progress).toEqual([]);
  });

  test('is the simulator that STRIPE_URL names, and no other is started', async () => {
    const folder = path.join(directory, 'unused');
    const elsewhere = Object.fromEntries(PROVIDER_IDS.map((name) => [`${name.toUpperCase()}_URL`, shared.url]));
    const config = readConfig({ ...elsewhere, STRIPE_SECRET_KEY: secretKey, DWAYBANK_FOLDER: folder });
    const progress: string[] = [];
    const main = mainProcess();
    const connected = connectProviders(config);
    main.onStop(() => connected.payouts?.close());
    for (const { cards } of [await startProviders(main, config, (step) => progress.push(step)), connected]) {
      const { reference } = await cards!.saveCard('pm_card_visa', newId<UserId>(), soon());
      const transferId = newId<TransferId>();
      await cards!.charge({ key: 'k' + transferId, transferId, reference, amountMinor: 100n, currency: 'USD' }, soon());
      expect(shared.charges()[0]).toMatchObject({ transferId, status: 'succeeded' });
    }
    expect(progress).toEqual([]);
    expect(readdirSync(directory)).not.toContain('unused');
    await main.stop();
  });

  test('is a simulator of the bank’s own, which knows its charges the next time', async () => {
    const folder = path.join(directory, 'own');
    const config = readConfig({ DWAYBANK_FOLDER: folder });
    const transferId = newId<TransferId>();
    const found = [];
    for (let start = 0; start < 2; start++) {
      const main = mainProcess();
      const progress: string[] = [];
      const { cards } = await startProviders(main, config, (step) => progress.push(step));
      expect(progress).toEqual([
        expect.stringMatching(/^Simulated providers: Stripe on 127\.0\.0\.1:\d+(, \w[\w ]* on 127\.0\.0\.1:\d+)*$/),
      ]);
      if (start === 0) {
        const { reference } = await cards!.saveCard('pm_card_visa', newId<UserId>(), soon());
        await cards!.charge({ key: 'k', transferId, reference, amountMinor: 100n, currency: 'USD' }, soon());
      }
      found.push(await cards!.findCharge(transferId, soon()));
      await main.stop();
      await expect(cards!.findCharge(transferId, soon())).rejects.toMatchObject({
        name: 'ProviderOutcomeUnknownError',
      });
    }
    expect(found[0]).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(found[1]).toEqual(found[0]);
  });
});
