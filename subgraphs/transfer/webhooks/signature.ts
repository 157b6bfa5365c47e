import { createHmac } from 'node:crypto';
import type { WebhookId } from '../../../platform/ids.ts';
import type { Secrets } from '../../../platform/secrets.ts';

/*
 * Each body is signed as Stripe signs its own, so that receivers can use what they have:
 *
 *   DwayBank-Signature: t=<Unix seconds>,v1=<hex HMAC-SHA-256 of "<t>.<body>", key = the whole secret>[,v1=…]
 *
 * After a rotation two signatures stand beside each other for a while: one of them fits either secret.
 */

export const SIGNATURE_HEADER = 'dwaybank-signature';

/** What the key behind all secrets of webhooks is derived for (Secrets.key). */
const SECRET_KEY = 'webhook-secrets';

/** The secret of an endpoint's generation; it is kept nowhere, because it follows from the bank's own. */
export function webhookSecret(secrets: Secrets, endpointId: WebhookId, generation: number): string {
  const bytes = createHmac('sha256', secrets.key(SECRET_KEY)).update(`${endpointId}:${generation}`).digest();
  return `whsec_${bytes.toString('base64url')}`;
}

/** The header for a body. */
export function signWebhook(webhookSecrets: readonly string[], body: string, now: Date): string {
  const time = Math.floor(now.getTime() / 1000);
  const signatures = webhookSecrets.map((secret) =>
    createHmac('sha256', secret).update(`${time}.${body}`).digest('hex'),
  );
  return [`t=${time}`, ...signatures.map((signature) => `v1=${signature}`)].join(',');
}
