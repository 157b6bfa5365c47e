import path from 'node:path';
import { defaultSimulatorUrl, type Config } from '../platform/config.ts';
import type { MainProcess } from '../platform/main-process.ts';
import type { CardProvider } from '../providers/card-provider.ts';
import { createRegistry } from '../providers/create-registry.ts';
import { createBankrailPayouts } from '../providers/bankrail/bankrail-payouts.ts';
import { createBankrailSettlements } from '../providers/bankrail/bankrail-settlements.ts';
import { createFlutterwavePayouts } from '../providers/flutterwave/flutterwave-payouts.ts';
import { createFlutterwaveSettlements } from '../providers/flutterwave/flutterwave-settlements.ts';
import { createFlutterwaveWebhooks } from '../providers/flutterwave/flutterwave-webhooks.ts';
import type { PayoutProvider, ProviderName, WebhookReader } from '../providers/payout-provider.ts';
import { createPaystackPayouts } from '../providers/paystack/paystack-payouts.ts';
import { createPaystackSettlements } from '../providers/paystack/paystack-settlements.ts';
import { createPaystackWebhooks } from '../providers/paystack/paystack-webhooks.ts';
import { NO_PROVIDERS, type Providers } from '../providers/providers.ts';
import type { SettlementFeed } from '../providers/settlement/settlement-feed.ts';
import { simulatorFile } from '../providers/simulators/simulator-files.ts';
import { createStripeCards } from '../providers/stripe/stripe-cards.ts';
import { createStripePayouts } from '../providers/stripe/stripe-payouts.ts';
import { createStripeSettlements } from '../providers/stripe/stripe-settlements.ts';
import { createStripeWebhooks } from '../providers/stripe/stripe-webhooks.ts';
import type { Progress } from './open-bank-database.ts';

/** How one outside company is reached. */
interface Access {
  secretKey: string;
  /** Null: its webhooks are not read. */
  webhookSecret: string | null;
  /** Null: at its own place. */
  url: string | null;
  /** The bank's own account, for those who pay from one. */
  iban: string | null;
  simulated: boolean;
}

/** What one outside company does for the bank. */
interface Connection {
  cards?: CardProvider;
  payouts?: PayoutProvider;
  webhooks?: WebhookReader;
  settlements?: SettlementFeed;
}

/**
 * How the bank works with each company: one entry each. Its simulator stands in providers/simulators/simulators.ts, its
 * variables in platform/config.ts.
 */
const CONNECT: Readonly<Partial<Record<ProviderName, (access: Access) => Connection>>> = {
  stripe: (access) => ({
    cards: createStripeCards(access),
    payouts: createStripePayouts({ ...access, ...patienceWith(access) }),
    settlements: createStripeSettlements(access),
    ...(access.webhookSecret !== null && { webhooks: createStripeWebhooks(access.webhookSecret) }),
  }),
  paystack: (access) => ({
    payouts: createPaystackPayouts({ ...access, ...patienceWith(access) }),
    webhooks: createPaystackWebhooks(access),
    settlements: createPaystackSettlements(access),
  }),
  flutterwave: (access) => ({
    payouts: createFlutterwavePayouts({ ...access, ...patienceWith(access) }),
    settlements: createFlutterwaveSettlements(access),
    ...(access.webhookSecret !== null && {
      webhooks: createFlutterwaveWebhooks({ secretHash: access.webhookSecret }),
    }),
  }),
  bankrail: (access) =>
    // Read by platform/config.ts: with a key there are an address and an account too.
    access.url === null || access.iban === null
      ? {}
      : {
          payouts: createBankrailPayouts({
            url: access.url,
            secretKey: access.secretKey,
            debtor: { name: 'DwayBank', iban: access.iban },
            ...(access.simulated && { cutOffMs: SIMULATOR_IN_FLIGHT_MS }),
          }),
          settlements: createBankrailSettlements({ url: access.url, secretKey: access.secretKey }),
        },
};

/** On loopback no request is long on its way: a simulator that does not have it will never have it. */
const SIMULATOR_IN_FLIGHT_MS = 20_000;

function patienceWith({ simulated }: Access): { inFlightMs?: number } {
  return !simulated ? {} : { inFlightMs: SIMULATOR_IN_FLIGHT_MS };
}

/** The outside companies of a bank, and how simulated ones learn where the bank's door is. */
export interface StartedProviders extends Providers {
  /** Simulators in this process send their webhooks there, each to /<its name>. */
  sendWebhooksTo: (url: string) => void;
}

/**
 * The outside companies of a bank in one process. With simulated providers each that has no URL runs as a simulator in this
 * process: it keeps its file in the bank's folder, and ends when the bank ends.
 */
export async function startProviders(main: MainProcess, config: Config, progress: Progress): Promise<StartedProviders> {
  const urls: Partial<Record<ProviderName, string>> = {};
  const senders: ((url: string) => void)[] = [];
  if (config.simulated) {
    const started: string[] = [];
    // Loaded only where they are wanted: a bank with real providers has no simulator in it.
    const { SIMULATORS } = await import('../providers/simulators/simulators.ts');
    for (const { name, title, start } of SIMULATORS) {
      const { secretKey, webhookSecret, url } = config.providers[name];
      if (url !== null) continue;
      // With simulated providers there are always keys, made up where none were given.
      const simulator = await start({
        file: path.join(config.folder, simulatorFile(name)),
        secretKey: secretKey!,
        webhookSecret: webhookSecret!,
        iban: config.bankrailIban!,
      });
      main.onStop(() => simulator.close());
      urls[name] = simulator.url;
      senders.push((to) => simulator.sendWebhooksTo?.(`${to}/${name}`));
      started.push(`${title} on ${new URL(simulator.url).host}`);
    }
    if (started.length > 0) progress(`Simulated providers: ${started.join(', ')}`);
  }
  const providers = connect(config, urls);
  main.onStop(() => providers.payouts?.close());
  return { ...providers, sendWebhooksTo: (url) => senders.forEach((send) => send(url)) };
}

/**
 * The outside companies of one of several processes: the real ones, or the simulators that all of them share. Whoever calls
 * this closes `payouts` at the end.
 */
export function connectProviders(config: Config): Providers {
  return connect(config, {});
}

function connect(config: Config, started: Partial<Record<ProviderName, string>>): Providers {
  const connections = Object.entries(CONNECT).map(([key, open]): Connection => {
    // The keys of CONNECT are names; Object.entries forgets it.
    const name = key as ProviderName;
    const { secretKey, webhookSecret, url: given } = config.providers[name];
    if (secretKey === null) return {};
    const url = config.simulated ? (started[name] ?? given ?? defaultSimulatorUrl(name)) : given;
    const { bankrailIban: iban, simulated } = config;
    return open({ secretKey, webhookSecret, url, iban, simulated });
  });
  const payouts = connections.flatMap((connection) => connection.payouts ?? []);
  return {
    ...NO_PROVIDERS,
    cards: connections.find(({ cards }) => cards)?.cards ?? null,
    ...(payouts.length > 0 && { payouts: createRegistry(payouts) }),
    webhooks: connections.flatMap((connection) => connection.webhooks ?? []),
    settlements: connections.flatMap((connection) => connection.settlements ?? []),
  };
}
