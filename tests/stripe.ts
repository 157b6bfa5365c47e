import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startStripeSimulator, type StripeSimulator } from '../providers/simulators/stripe/stripe-simulator.ts';

/** The simulator of Stripe in a test's own process, which outlives the banks that the test kills. */
export interface TestStripe {
  simulator: StripeSimulator;
  /** What opens it. */
  secretKey: string;
  close(): Promise<void>;
}

/** Starts one on a free port and a file of its own. */
export async function startTestStripe(): Promise<TestStripe> {
  const directory = mkdtempSync(path.join(tmpdir(), 'dwaybank-stripe-'));
  const secretKey = 'sk_test_of_tests';
  const simulator = await startStripeSimulator({ file: path.join(directory, 'stripe.journal'), secretKey });
  return {
    simulator,
    secretKey,
    async close() {
      await simulator.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
