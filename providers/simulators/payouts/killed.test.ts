import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, expect, test } from '@jest/globals';
import { newId, type TransferId } from '../../../platform/ids.ts';
import { until } from '../../../tests/until.ts';
import { createFlutterwavePayouts } from '../../flutterwave/flutterwave-payouts.ts';
import type { PayoutProvider } from '../../payout-provider.ts';
import { createPaystackPayouts } from '../../paystack/paystack-payouts.ts';

/* The simulators as people run them: a process of their own, killed as no process may be. */
const KEYS = { PAYSTACK_SECRET_KEY: 'sk_test_ownProcess000001', FLUTTERWAVE_SECRET_KEY: 'FLWSECK_TEST-ownProcess' };
const directory = mkdtempSync(path.join(tmpdir(), 'dwaybank-killed-'));
const children: ChildProcess[] = [];
const opened: PayoutProvider[] = [];

afterEach(async () => {
  for (const provider of opened.splice(0)) await provider.close?.();
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});
afterAll(() => rmSync(directory, { recursive: true }));

async function start() {
  const child = spawn(process.execPath, ['--import', 'tsx', 'providers/simulators/main.ts', '--port', '0'], {
    env: { ...process.env, DATABASE_URL: '', DWAYBANK_FOLDER: directory, PROVIDERS: 'simulated', ...KEYS },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const places = () => /Paystack {2}(\S+)[^]*Flutterwave {2}(\S+)\n/.exec(output)?.slice(1) ?? [];
  await until('the simulators listen', () => places().length === 2 || child.exitCode !== null, 120_000);
  const [paystack, flutterwave] = places();
  if (paystack === undefined || flutterwave === undefined) throw new Error(`the simulators ended:\n${output}`);
  const providers = [
    createPaystackPayouts({ secretKey: KEYS.PAYSTACK_SECRET_KEY, url: paystack }),
    createFlutterwavePayouts({ secretKey: KEYS.FLUTTERWAVE_SECRET_KEY, url: flutterwave }),
  ];
  opened.push(...providers);
  return { child, providers };
}

const soon = () => AbortSignal.timeout(120_000);
const payout = () => {
  const transferId = newId<TransferId>();
  const key = transferId.replaceAll('-', '');
  const destination = { kind: 'BANK_ACCOUNT', bankCode: '058', accountNumber: '0123456789', holder: 'Ada' } as const;
  return { key, transferId, amountMinor: 5_000_00n, currency: 'NGN', destination, description: null };
};

test('killed at any moment under load, they forget nothing that they answered', async () => {
  let simulators = await start();
  const payouts = simulators.providers.map(() => Array.from({ length: 40 }, payout));
  const answered = payouts.map(() => new Set<string>());
  const sendAll = () =>
    Promise.all(
      simulators.providers.flatMap((provider, index) =>
        payouts[index]!.map((each) =>
          provider.send(each, soon()).then(
            () => void answered[index]!.add(each.key),
            () => {},
          ),
        ),
      ),
    );
  for (let round = 0; round < 2; round++) {
    const { child } = simulators;
    const all = sendAll();
    const enough = 10 * (round + 1);
    await until('some are answered', () => answered.every(({ size }) => size >= enough));
    child.kill('SIGKILL');
    await all;
    simulators = await start();
    for (const [index, provider] of simulators.providers.entries()) {
      for (const { key, transferId } of payouts[index]!.filter((each) => answered[index]!.has(each.key))) {
        expect(await provider.find({ key, transferId, sentAt: new Date(0) }, soon())).not.toBeNull();
      }
    }
  }
  await sendAll();
  expect(answered.map(({ size }) => size)).toEqual([40, 40]);
});
