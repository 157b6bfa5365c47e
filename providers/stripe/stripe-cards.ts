import Stripe from 'stripe';
import type { CardProvider } from '../card-provider.ts';
import { chargeCard } from './charge-card.ts';
import { findCharge } from './find-charge.ts';
import { findCard, removeCard, saveCard } from './save-card.ts';

export interface StripeOptions {
  /** sk_live_…, sk_test_… or a restricted key (rk_…). */
  secretKey: string;
  /** Where Stripe answers, for example http://127.0.0.1:4100 of a simulator; null is Stripe itself. */
  url: string | null;
}

/** A request that hears nothing for so long is given up by the SDK; callers' signals end most of them sooner. */
const TIMEOUT_MS = 30_000;
/** For what moves no money; charges are repeated by whoever asked for them. */
const MAX_RETRIES = 2;

/** Cards charged by Stripe through its own SDK. */
export function createStripeCards({ secretKey, url }: StripeOptions): CardProvider {
  const stripe = new Stripe(secretKey, {
    // The API version is the SDK's own, whose types this adapter is checked with.
    ...(url !== null && addressOf(url)),
    maxNetworkRetries: MAX_RETRIES,
    timeout: TIMEOUT_MS,
    telemetry: false,
  });
  return {
    name: 'stripe',
    saveCard: (token, ownerId, signal) => saveCard(stripe, token, ownerId, signal),
    findCard: (reference, signal) => findCard(stripe, reference, signal),
    removeCard: (reference, signal) => removeCard(stripe, reference, signal),
    charge: (request, signal) => chargeCard(stripe, request, signal),
    findCharge: (transferId, signal) => findCharge(stripe, transferId, signal),
  };
}

function addressOf(url: string): { protocol: 'http' | 'https'; host: string; port: number } {
  const { protocol, hostname, port } = new URL(url);
  const secure = protocol === 'https:';
  return { protocol: secure ? 'https' : 'http', host: hostname, port: port ? Number(port) : secure ? 443 : 80 };
}
