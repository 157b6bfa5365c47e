import Stripe from 'stripe';

export interface StripeOptions {
  /** sk_live_…, sk_test_… or a restricted key (rk_…). */
  secretKey: string;
  /** Where Stripe answers, for example http://127.0.0.1:4100 of a simulator; null is Stripe itself. */
  url: string | null;
}

/** A request that hears nothing for so long is given up by the SDK; callers' signals end most of them sooner. */
const TIMEOUT_MS = 30_000;
/** For what moves no money; charges and payouts are repeated by whoever asked for them. */
const MAX_RETRIES = 2;

/** Stripe through its own SDK. Opens nothing yet. */
export function connectStripe({ secretKey, url }: StripeOptions): Stripe {
  return new Stripe(secretKey, {
    // The API version is the SDK's own, whose types these adapters are checked with.
    ...(url !== null && addressOf(url)),
    maxNetworkRetries: MAX_RETRIES,
    timeout: TIMEOUT_MS,
    telemetry: false,
  });
}

function addressOf(url: string): { protocol: 'http' | 'https'; host: string; port: number } {
  const { protocol, hostname, port } = new URL(url);
  const secure = protocol === 'https:';
  return { protocol: secure ? 'https' : 'http', host: hostname, port: port ? Number(port) : secure ? 443 : 80 };
}
