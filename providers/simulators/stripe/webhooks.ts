import { createHmac } from 'node:crypto';
import { createWebhookSender, type WebhookSender } from '../webhook-sender.ts';
import type { Store } from './store.ts';

/** Sends every event as Stripe does: signed (https://docs.stripe.com/webhooks/signature), and again until it is taken. */
export function startWebhooks(store: Store, secret: string | undefined): WebhookSender {
  const sender = createWebhookSender({
    headersOf: ({ body }) => ({ 'stripe-signature': signatureOf(body, secret ?? '', Math.floor(Date.now() / 1000)) }),
    async onDelivered({ id }) {
      const event = store.get('event', id);
      if (event) await store.commit([{ ...event, pending_webhooks: 0 }]);
    },
  });
  if (secret === undefined) return sender;
  store.followEvents((event) => sender.send({ id: event.id, body: JSON.stringify({ ...event, livemode: false }) }));
  return sender;
}

/** The header Stripe-Signature of a body at a time. */
export function signatureOf(body: string, secret: string, atSeconds: number): string {
  return `t=${atSeconds},v1=${createHmac('sha256', secret).update(`${atSeconds}.${body}`).digest('hex')}`;
}
