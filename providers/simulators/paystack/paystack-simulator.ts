import {
  startPayoutSimulator,
  type PayoutSimulator,
  type PayoutSimulatorOptions,
} from '../payouts/payout-simulator.ts';
import { paystackWire } from './paystack-wire.ts';

/** A Paystack of our own, on loopback, for people and tests without an account at Paystack. */
export function startPaystackSimulator(options: PayoutSimulatorOptions): Promise<PayoutSimulator> {
  return startPayoutSimulator(paystackWire(options.secretKey), options);
}
