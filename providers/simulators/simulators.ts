import type { ProviderName } from '../payout-provider.ts';
import { startBankrailSimulator } from './bankrail/bankrail-simulator.ts';
import { startFlutterwaveSimulator } from './flutterwave/flutterwave-simulator.ts';
import { startPaystackSimulator } from './paystack/paystack-simulator.ts';
import { startStripeSimulator } from './stripe/stripe-simulator.ts';

/** What every simulator is started with. */
export interface SimulatorOptions {
  /** Where everything it knows is kept. */
  file: string;
  /** The key that its callers have to show. */
  secretKey: string;
  /** What it signs its webhooks with, where that is not the key. */
  webhookSecret: string;
  /** The bank's account at a simulated bank (IBAN). */
  iban: string;
  /** 0, the default, is any free port. */
  port?: number;
}

/** A simulator that listens. */
export interface RunningSimulator {
  /** http://127.0.0.1:port */
  url: string;
  /** Where its webhooks go from now on; what waits is sent there too. Null keeps them back. */
  sendWebhooksTo?: (url: string | null) => void;
  close(): Promise<void>;
}

/** How a simulator is started, and what people call the provider. */
export interface Simulator {
  name: ProviderName;
  title: string;
  start: (options: SimulatorOptions) => Promise<RunningSimulator>;
}

/** Every provider that can be simulated: one entry each. */
export const SIMULATORS: readonly Simulator[] = [
  { name: 'stripe', title: 'Stripe', start: startStripeSimulator },
  { name: 'paystack', title: 'Paystack', start: startPaystackSimulator },
  { name: 'flutterwave', title: 'Flutterwave', start: startFlutterwaveSimulator },
  { name: 'bankrail', title: 'Bank rail', start: startBankrailSimulator },
];
