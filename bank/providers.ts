import { STRIPE_SIMULATOR_PORT, type Config } from '../platform/config.ts';
import type { MainProcess } from '../platform/main-process.ts';
import { NO_PROVIDERS, type Providers } from '../providers/providers.ts';
import { createStripeCards } from '../providers/stripe/stripe-cards.ts';
import { bankFolder } from './bank-folder.ts';
import type { Progress } from './open-bank-database.ts';

/**
 * The outside companies of a bank in one process. With simulated providers and no STRIPE_URL the
 * simulator runs in this process too: it keeps its file in the bank's folder, and ends when the bank ends.
 */
export async function startProviders(main: MainProcess, config: Config, progress: Progress): Promise<Providers> {
  const { simulated, stripeSecretKey: secretKey, stripeUrl } = config;
  if (!simulated || stripeUrl !== null) return connectProviders(config);
  // Loaded only where it is wanted: a bank with real providers has no simulator in it.
  const { startStripeSimulator } = await import('../providers/simulators/stripe/stripe-simulator.ts');
  // With simulated providers there is always a key, made up where none was given.
  const simulator = await startStripeSimulator({
    file: bankFolder(config.folder).stripeFile,
    secretKey: secretKey!,
  });
  main.onStop(() => simulator.close());
  progress(`Simulated providers: Stripe on ${new URL(simulator.url).host}`);
  return { ...NO_PROVIDERS, cards: createStripeCards({ secretKey: secretKey!, url: simulator.url }) };
}

/** The outside companies of one of several processes: the real ones, or the simulators that all of them share. */
export function connectProviders({ simulated, stripeSecretKey: secretKey, stripeUrl }: Config): Providers {
  if (secretKey === null) return NO_PROVIDERS;
  const simulatorUrl = stripeUrl ?? `http://127.0.0.1:${STRIPE_SIMULATOR_PORT}`;
  return { ...NO_PROVIDERS, cards: createStripeCards({ secretKey, url: simulated ? simulatorUrl : null }) };
}
