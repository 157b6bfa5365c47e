import path from 'node:path';
import { z } from 'zod';
import { SUBGRAPH_NAMES, type SubgraphName } from './subgraph.ts';

/**
 * The one reader of the environment. Every fault is reported at once, each with what to do. Outside embedded mode (that is,
 * with DATABASE_URL set) there is no default for a secret.
 */
const port = z.coerce.number().int().min(0).max(65535);
const url = (protocols: string[], example: string) =>
  z.string().refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), {
    error: `must be a URL like ${example}`,
  });

/** Keys travel in headers: no blanks, no line ends. */
const providerKey = z
  .string()
  .regex(/^[\x21-\x7e]{8,500}$/, { error: 'must be a key of 8 to 500 characters without blanks' });

const Environment = z.object({
  NODE_ENV: z.enum(['development', 'test', 'production']).default('development'),
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: port.default(4000),
  DATABASE_URL: url(['postgres:', 'postgresql:'], 'postgres://user:password@host:5432/dwaybank').optional(),
  DWAYBANK_FOLDER: z.string().min(1).default('.dwaybank'),
  REDIS_URL: url(['redis:', 'rediss:'], 'redis://host:6379').optional(),
  DWAYBANK_SECRET: z
    .string()
    .min(32, { error: 'must have at least 32 characters, for example from `openssl rand -hex 32`' })
    .optional(),
  PROVIDERS: z.enum(['simulated', 'live']).optional(),
  STRIPE_SECRET_KEY: z
    .string()
    .regex(/^(sk|rk)_(live|test)_\w+$/, { error: 'must be a secret or restricted key of Stripe (sk_… or rk_…)' })
    .optional(),
  STRIPE_WEBHOOK_SECRET: providerKey.optional(),
  STRIPE_URL: url(['http:', 'https:'], 'http://127.0.0.1:4100').optional(),
  PAYSTACK_SECRET_KEY: providerKey.optional(),
  PAYSTACK_URL: url(['http:', 'https:'], 'http://127.0.0.1:4101').optional(),
  FLUTTERWAVE_SECRET_KEY: providerKey.optional(),
  FLUTTERWAVE_WEBHOOK_SECRET: providerKey.optional(),
  FLUTTERWAVE_URL: url(['http:', 'https:'], 'http://127.0.0.1:4102').optional(),
  BANKRAIL_SECRET_KEY: providerKey.optional(),
  BANKRAIL_URL: url(['http:', 'https:'], 'http://127.0.0.1:4103').optional(),
  BANKRAIL_IBAN: z
    .string()
    .regex(/^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$/, { error: 'must be an IBAN without blanks' })
    .optional(),
  WEBHOOKS_URL: url(['http:', 'https:'], 'http://127.0.0.1:4000/webhooks').optional(),
  RATES_URL: url(['http:', 'https:'], 'https://latest.currency-api.pages.dev/v1').optional(),
  RATES_FILE: z.string().min(1).optional(),
  TRUSTED_PROXIES: z.coerce.number().int().min(0).max(10).default(0),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('warn'),
  USER_URL: url(['http:', 'https:'], 'http://host:4001').optional(),
  WALLET_URL: url(['http:', 'https:'], 'http://host:4002').optional(),
  PORTFOLIO_URL: url(['http:', 'https:'], 'http://host:4003').optional(),
  TRANSFER_URL: url(['http:', 'https:'], 'http://host:4004').optional(),
  RISK_URL: url(['http:', 'https:'], 'http://host:4005').optional(),
  INSIGHTS_URL: url(['http:', 'https:'], 'http://host:4006').optional(),
});

export interface Config {
  production: boolean;
  /** Where servers listen; 127.0.0.1 unless said otherwise. */
  host: string;
  /** The gateway's port. */
  port: number;
  /** Null in embedded mode, where the bank runs its own Postgres. */
  databaseUrl: string | null;
  /** Where the embedded bank keeps its database and its secret; what is relative is so to where the process was started. */
  folder: string;
  /** Null: wake-ups, rate limits and caches live in this process. */
  redisUrl: string | null;
  /** Null in embedded mode, where it is made once and kept in the bank's folder. */
  secret: string | null;
  /** Simulated providers, demo logins: the default in embedded mode only. */
  simulated: boolean;
  /** How each outside company is reached, from NAME_SECRET_KEY, NAME_WEBHOOK_SECRET and NAME_URL. */
  providers: Record<ProviderId, ProviderConfig>;
  /** The bank's own account at the bank that the bank rail reaches (IBAN). Null: no payments by file. */
  bankrailIban: string | null;
  /** Where simulators as a process of their own send webhooks to: a provider's name follows. */
  webhooksUrl: string;
  /** Where exchange rates come from beside those that come with the bank: a server, or a file of the ECB; at most one of them. */
  rates: { url: string | null; file: string | null };
  /** How many proxies of our own stand before the gateway: so many entries of X-Forwarded-For are believed. */
  trustedProxies: number;
  logLevel: string;
  /** Where each subgraph answers when it runs as a process of its own. */
  subgraphUrls: Record<SubgraphName, string>;
}

/** The outside companies, in the order of their simulators' ports. */
export const PROVIDER_IDS = ['stripe', 'paystack', 'flutterwave', 'bankrail'] as const;
export type ProviderId = (typeof PROVIDER_IDS)[number];

export interface ProviderConfig {
  /** The key that it (or its simulator) knows the bank by; made up when simulated. Null: the bank does not work with it. */
  secretKey: string | null;
  /** What its webhooks are signed with, where that is not the key; made up when simulated. Null: they are not read. */
  webhookSecret: string | null;
  /** Where it is reached. Null: at its own place with live providers; with simulated ones, where the simulator runs by default. */
  url: string | null;
}

/** The port a subgraph listens on as a process of its own, unless its URL says otherwise. */
export function defaultSubgraphPort(name: SubgraphName): number {
  return 4001 + SUBGRAPH_NAMES.indexOf(name);
}

/** The port of the first simulator as a process of its own; the others follow in the order of PROVIDER_IDS. */
export const FIRST_SIMULATOR_PORT = 4100;

/** Where a simulator runs as a process of its own, unless its URL says otherwise. */
export function defaultSimulatorUrl(name: ProviderId): string {
  return `http://127.0.0.1:${FIRST_SIMULATOR_PORT + PROVIDER_IDS.indexOf(name)}`;
}

/** What opens the simulators when no other key is given; worth nothing anywhere else. */
const SIMULATOR_KEYS: Record<ProviderId, string> = {
  stripe: 'sk_test_dwaybank_simulator',
  paystack: 'sk_test_dwaybank_simulator',
  flutterwave: 'FLWSECK_TEST-dwaybank-simulator',
  bankrail: 'bankrail_test_dwaybank_simulator',
};
const SIMULATOR_WEBHOOK_SECRET = 'whsec_dwaybank_simulator';
/** The bank's account in the simulated bank. */
const SIMULATOR_IBAN = 'DE02120300000000202051';

/** Keys that move real money, by the form their providers give them. */
const LIVE_KEY = /^(?:[sr]k_live_|FLWSECK-)/;
/** Of these the bank knows where they are; a bank that takes files has to be named. */
const AT_THEIR_OWN_PLACE: readonly ProviderId[] = ['stripe', 'paystack', 'flutterwave'];

/** Faults of the environment, one sentence each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** The configuration of this process; throws one ConfigError that names every fault. */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  // An empty variable is one that is not set: compose files and shells write them so.
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = Environment.safeParse(given);
  if (!parsed.success) {
    throw new ConfigError(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n'));
  }
  const env = parsed.data;
  const faults: string[] = [];
  const embedded = env.DATABASE_URL === undefined && env.NODE_ENV !== 'production';
  const simulated = (env.PROVIDERS ?? (embedded ? 'simulated' : 'live')) === 'simulated';
  if (env.DATABASE_URL && !env.DWAYBANK_SECRET) {
    faults.push('DWAYBANK_SECRET: is needed beside DATABASE_URL; make one with `openssl rand -hex 32` and keep it.');
  }
  if (env.NODE_ENV === 'production' && env.PROVIDERS === 'simulated') {
    faults.push('PROVIDERS: simulated providers and demo logins are refused with NODE_ENV=production.');
  }
  const providers = readProviders(env, simulated);
  faults.push(...faultsOfProviders(env, simulated));
  if (env.RATES_URL && env.RATES_FILE) {
    faults.push('RATES_FILE: is given beside RATES_URL; exchange rates come from one place.');
  }
  if (faults.length > 0) throw new ConfigError(faults.join('\n'));
  return {
    production: env.NODE_ENV === 'production',
    host: env.HOST,
    port: env.PORT,
    databaseUrl: env.DATABASE_URL ?? null,
    folder: path.resolve(env.DWAYBANK_FOLDER),
    redisUrl: env.REDIS_URL ?? null,
    secret: env.DWAYBANK_SECRET ?? null,
    simulated,
    providers,
    bankrailIban: env.BANKRAIL_IBAN ?? (simulated ? SIMULATOR_IBAN : null),
    webhooksUrl: env.WEBHOOKS_URL ?? 'http://127.0.0.1:4000/webhooks',
    rates: { url: env.RATES_URL ?? null, file: env.RATES_FILE === undefined ? null : path.resolve(env.RATES_FILE) },
    trustedProxies: env.TRUSTED_PROXIES,
    logLevel: env.LOG_LEVEL,
    subgraphUrls: {
      user: env.USER_URL ?? defaultUrl('user'),
      wallet: env.WALLET_URL ?? defaultUrl('wallet'),
      portfolio: env.PORTFOLIO_URL ?? defaultUrl('portfolio'),
      transfer: env.TRANSFER_URL ?? defaultUrl('transfer'),
      risk: env.RISK_URL ?? defaultUrl('risk'),
      insights: env.INSIGHTS_URL ?? defaultUrl('insights'),
    },
  };
}

type Given = z.output<typeof Environment>;

/** The variables of one provider. */
function variablesOf(env: Given, name: ProviderId): ProviderConfig {
  const given: Record<ProviderId, [key?: string, webhookSecret?: string, url?: string]> = {
    stripe: [env.STRIPE_SECRET_KEY, env.STRIPE_WEBHOOK_SECRET, env.STRIPE_URL],
    paystack: [env.PAYSTACK_SECRET_KEY, undefined, env.PAYSTACK_URL],
    flutterwave: [env.FLUTTERWAVE_SECRET_KEY, env.FLUTTERWAVE_WEBHOOK_SECRET, env.FLUTTERWAVE_URL],
    bankrail: [env.BANKRAIL_SECRET_KEY, undefined, env.BANKRAIL_URL],
  };
  const [secretKey = null, webhookSecret = null, address = null] = given[name];
  return { secretKey, webhookSecret, url: address };
}

function readProviders(env: Given, simulated: boolean): Record<ProviderId, ProviderConfig> {
  const entries = PROVIDER_IDS.map((name) => {
    const given = variablesOf(env, name);
    if (!simulated) return [name, given] as const;
    const secretKey = given.secretKey ?? SIMULATOR_KEYS[name];
    return [name, { ...given, secretKey, webhookSecret: given.webhookSecret ?? SIMULATOR_WEBHOOK_SECRET }] as const;
  });
  // Object.fromEntries loses the names' type; they are all there by construction.
  return Object.fromEntries(entries) as Record<ProviderId, ProviderConfig>;
}

function faultsOfProviders(env: Given, simulated: boolean): string[] {
  const faults: string[] = [];
  for (const name of PROVIDER_IDS) {
    const { secretKey, url: address } = variablesOf(env, name);
    const prefix = name.toUpperCase();
    if (simulated && LIVE_KEY.test(secretKey ?? '')) {
      faults.push(
        `${prefix}_SECRET_KEY: a live key is refused beside simulated providers; set PROVIDERS=live to use it.`,
      );
    }
    if (!simulated && address !== null && AT_THEIR_OWN_PLACE.includes(name)) {
      // A live key must never be sent to another place than its provider's.
      faults.push(`${prefix}_URL: names a simulator, and is only for PROVIDERS=simulated.`);
    }
  }
  const { secretKey, url: address } = variablesOf(env, 'bankrail');
  if (!simulated && secretKey !== null && (address === null || env.BANKRAIL_IBAN === undefined)) {
    faults.push(
      'BANKRAIL_SECRET_KEY: needs BANKRAIL_URL and BANKRAIL_IBAN beside it: where the bank takes files, and our account there.',
    );
  }
  if (!simulated && address?.startsWith('http:'))
    faults.push('BANKRAIL_URL: must be https:, because a key is shown there.');
  return faults;
}

function defaultUrl(name: SubgraphName): string {
  return `http://127.0.0.1:${defaultSubgraphPort(name)}`;
}
