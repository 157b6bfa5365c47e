import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readConfig, type Config } from '../platform/config.ts';
import { startBankrailSimulator, type BankrailSimulator } from '../providers/simulators/bankrail/bankrail-simulator.ts';
import { startFlutterwaveSimulator } from '../providers/simulators/flutterwave/flutterwave-simulator.ts';
import type { PayoutSimulator } from '../providers/simulators/payouts/payout-simulator.ts';
import { startPaystackSimulator } from '../providers/simulators/paystack/paystack-simulator.ts';
import { startStripeSimulator, type StripeSimulator } from '../providers/simulators/stripe/stripe-simulator.ts';

/** How long a payout takes in tests. */
const DELAY_MS = 200;

/** All simulators in a test's own process, which outlive the banks that the test kills. */
export interface TestSimulators {
  stripe: StripeSimulator;
  paystack: PayoutSimulator;
  flutterwave: PayoutSimulator;
  bankrail: BankrailSimulator;
  /** The variables with which a bank finds them. */
  environment: Readonly<Record<string, string>>;
  /** Their webhooks go to a bank's /webhooks/<name> from now on; null keeps them back. */
  sendWebhooksTo(bankUrl: string | null): void;
  close(): Promise<void>;
}

/** Starts them on free ports and files of their own. */
export async function startTestSimulators(): Promise<TestSimulators> {
  const directory = mkdtempSync(path.join(tmpdir(), 'dwaybank-simulators-'));
  const { providers, bankrailIban } = readConfig({ PROVIDERS: 'simulated' });
  const of = (name: keyof Config['providers']) => ({
    file: path.join(directory, `${name}.jsonl`),
    // With simulated providers there are always keys.
    secretKey: providers[name].secretKey!,
    webhookSecret: providers[name].webhookSecret!,
    iban: bankrailIban!,
    delayMs: DELAY_MS,
  });
  const stripe = await startStripeSimulator({ ...of('stripe'), payoutStepMs: DELAY_MS / 2 });
  const paystack = await startPaystackSimulator(of('paystack'));
  const flutterwave = await startFlutterwaveSimulator(of('flutterwave'));
  const bankrail = await startBankrailSimulator(of('bankrail'));
  const withWebhooks = { stripe, paystack, flutterwave };
  return {
    stripe,
    paystack,
    flutterwave,
    bankrail,
    environment: {
      PROVIDERS: 'simulated',
      STRIPE_URL: stripe.url,
      PAYSTACK_URL: paystack.url,
      FLUTTERWAVE_URL: flutterwave.url,
      BANKRAIL_URL: bankrail.url,
    },
    sendWebhooksTo(bankUrl) {
      for (const [name, simulator] of Object.entries(withWebhooks)) {
        simulator.sendWebhooksTo(bankUrl === null ? null : `${bankUrl}/webhooks/${name}`);
      }
    },
    async close() {
      await Promise.all([stripe, paystack, flutterwave, bankrail].map((simulator) => simulator.close()));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
