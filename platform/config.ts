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
  STRIPE_URL: url(['http:', 'https:'], 'http://127.0.0.1:4100').optional(),
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
  /** The key that Stripe (or its simulator) knows the bank by. Null: nobody charges cards. */
  stripeSecretKey: string | null;
  /** Where a simulator of Stripe runs as a process of its own; null with live providers, and where none was named. */
  stripeUrl: string | null;
  /** How many proxies of our own stand before the gateway: so many entries of X-Forwarded-For are believed. */
  trustedProxies: number;
  logLevel: string;
  /** Where each subgraph answers when it runs as a process of its own. */
  subgraphUrls: Record<SubgraphName, string>;
}

/** The port a subgraph listens on as a process of its own, unless its URL says otherwise. */
export function defaultSubgraphPort(name: SubgraphName): number {
  return 4001 + SUBGRAPH_NAMES.indexOf(name);
}

/** The port of the Stripe simulator as a process of its own. */
export const STRIPE_SIMULATOR_PORT = 4100;

/** What opens a simulator when no other key is given; worth nothing anywhere else. */
const SIMULATOR_KEY = 'sk_test_dwaybank_simulator';

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
  if (simulated && /^.k_live_/.test(env.STRIPE_SECRET_KEY ?? '')) {
    faults.push('STRIPE_SECRET_KEY: a live key is refused beside simulated providers; set PROVIDERS=live to use it.');
  }
  if (!simulated && env.STRIPE_URL) {
    // A live key must never be sent to another place than Stripe.
    faults.push('STRIPE_URL: names a simulator, and is only for PROVIDERS=simulated.');
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
    stripeSecretKey: env.STRIPE_SECRET_KEY ?? (simulated ? SIMULATOR_KEY : null),
    stripeUrl: env.STRIPE_URL ?? null,
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

function defaultUrl(name: SubgraphName): string {
  return `http://127.0.0.1:${defaultSubgraphPort(name)}`;
}
