import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { parseId, type TransferId } from '../../platform/ids.ts';
import type { Money } from '../../platform/money.ts';
import type { Payout, ProviderNotice, WebhookReader } from '../payout-provider.ts';
import { payoutOfStatus } from './payout-outcome.ts';
import { refundOfStatus } from './refund-outcome.ts';
import { fromStripeAmount } from './stripe-amount.ts';
import { TRANSFER_ID } from './stripe-call.ts';

/*
 * Stripe's webhooks (https://docs.stripe.com/webhooks/signature): the header Stripe-Signature has a time and one or more
 * signatures of version 1, while a secret is exchanged one of each secret. Signed is the time, a dot and the body as received.
 */

const TOLERANCE_SECONDS = 300;
const MAX_SIGNATURES = 10;

const EventBody = z.object({
  id: z.string().regex(/^evt_\w{1,200}$/),
  type: z.string().min(1).max(100),
  data: z.object({
    object: z.looseObject({
      id: z.string().optional(),
      object: z.string().optional(),
      status: z.string().optional(),
      amount: z.number().int().optional(),
      currency: z.string().max(10).optional(),
      metadata: z.record(z.string(), z.string()).nullish(),
    }),
  }),
});

/** Reads what Stripe tells, proved with the secret of the endpoint (whsec_…). */
export function createStripeWebhooks(secret: string): WebhookReader {
  return {
    provider: 'stripe',
    read({ headers, body }, now) {
      const signed = readHeader(headers['stripe-signature'] ?? '');
      if (!signed || !signed.signatures.some((given) => equal(given, sign(secret, signed.at, body)))) {
        return 'BAD_SIGNATURE';
      }
      // Only now: whoever cannot sign learns nothing about the bank's clock.
      if (Math.abs(now.getTime() / 1000 - Number(signed.at)) > TOLERANCE_SECONDS) return 'TOO_OLD';
      const event = EventBody.safeParse(parseJson(body));
      return event.success ? noticeOf(event.data) : 'MALFORMED';
    },
  };
}

function noticeOf({ id, type, data: { object } }: z.output<typeof EventBody>): ProviderNotice {
  const transferId = parseId<TransferId>(object.metadata?.[TRANSFER_ID] ?? '');
  // A refund is the payout of a transfer of its own. (`charge.refunded` is about the charge, and so about its deposit.)
  const ofPayout = (type.startsWith('payout.') || object.object === 'refund') && transferId !== null;
  const payout = ofPayout ? payoutIn(object) : null;
  return {
    provider: 'stripe',
    eventId: id,
    type,
    key: ofPayout ? transferId.replaceAll('-', '') : null,
    transferId,
    payout,
    amount: transferId && (ofPayout || object.object === 'payment_intent') ? amountIn(object) : null,
  };
}

/** What the payout in an event says; null where it has to be asked for. */
function payoutIn({ id, object, status }: z.output<typeof EventBody>['data']['object']): Payout | null {
  if (id === undefined || status === undefined) return null;
  try {
    return object === 'refund' ? refundOfStatus({ id, status }) : payoutOfStatus({ id, status });
  } catch {
    return null;
  }
}

function amountIn({ amount, currency = '' }: z.output<typeof EventBody>['data']['object']): Money | null {
  const amountMinor = amount === undefined ? null : fromStripeAmount(amount, currency);
  return amountMinor === null ? null : { amountMinor, currency: currency.toUpperCase() };
}

function readHeader(header: string): { at: string; signatures: string[] } | null {
  const parts = header.split(',').map((part) => part.trim().split('='));
  const times = parts.filter(([name]) => name === 't').map(([, value = '']) => value);
  const signatures = parts.filter(([name]) => name === 'v1').map(([, value = '']) => value);
  const [at] = times;
  if (times.length !== 1 || !/^\d{1,12}$/.test(at ?? '') || signatures.length > MAX_SIGNATURES) return null;
  return { at: at!, signatures };
}

function sign(secret: string, at: string, body: Buffer): string {
  return createHmac('sha256', secret).update(`${at}.`).update(body).digest('hex');
}

/** In the same time wherever they differ. */
function equal(given: string, right: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
