import {
  startPayoutSimulator,
  type PayoutSimulator,
  type PayoutSimulatorOptions,
} from '../payouts/payout-simulator.ts';
import { flutterwaveWire } from './flutterwave-wire.ts';

export interface FlutterwaveSimulatorOptions extends PayoutSimulatorOptions {
  /** The secret hash that its webhooks show. */
  webhookSecret: string;
}

/** A Flutterwave of our own, on loopback, for people and tests without an account at Flutterwave. */
export function startFlutterwaveSimulator(options: FlutterwaveSimulatorOptions): Promise<PayoutSimulator> {
  return startPayoutSimulator(flutterwaveWire(options.webhookSecret), options);
}
