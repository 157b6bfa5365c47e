import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { Money } from '../../platform/money.ts';
import { ProviderOutcomeUnknownError } from '../card-provider.ts';
import { keyOf } from '../payout-key.ts';
import type { Payout, ProviderNotice, WebhookReader } from '../payout-provider.ts';
import { payoutOf, Transfer } from './answers.ts';

const Event = z.object({
  event: z.string().min(1).max(100),
  data: z.looseObject({ id: z.union([z.number(), z.string()]).optional(), reference: z.string().optional() }),
});

const SIGNATURE = /^[0-9a-f]{128}$/i;

/**
 * Paystack's webhooks (https://paystack.com/docs/payments/webhooks): signed with the secret key over the bytes of the body. They
 * carry no id of their own and no time, so that event and object together are the id, and none is ever too old.
 */
export function createPaystackWebhooks({ secretKey }: { secretKey: string }): WebhookReader {
  return {
    provider: 'paystack',
    read({ headers, body }) {
      if (!isSigned(headers['x-paystack-signature'], body, secretKey)) return 'BAD_SIGNATURE';
      const event = parseEvent(body);
      return event ? noticeOf(event) : 'MALFORMED';
    },
  };
}

function isSigned(signature: string | undefined, body: Buffer, secretKey: string): boolean {
  // timingSafeEqual throws where lengths differ.
  if (signature === undefined || !SIGNATURE.test(signature)) return false;
  return timingSafeEqual(Buffer.from(signature, 'hex'), createHmac('sha512', secretKey).update(body).digest());
}

function parseEvent(body: Buffer): z.output<typeof Event> | null {
  try {
    return Event.safeParse(JSON.parse(body.toString('utf8'))).data ?? null;
  } catch {
    return null;
  }
}

function noticeOf({ event: type, data }: z.output<typeof Event>): ProviderNotice | 'MALFORMED' {
  const object = data.id ?? data.reference;
  if (object === undefined) return 'MALFORMED';
  const notice = { provider: 'paystack', eventId: `${type}:${object}`, type, transferId: null } as const;
  const key = type.startsWith('transfer.') ? keyOf(data.reference) : null;
  if (key === null) return { ...notice, key: null, payout: null, amount: null };
  const payout = readPayout(data, type);
  return { ...notice, key, payout, amount: readAmount(data) };
}

/** Whatever else it says, another amount than was sent is worth a look. */
function readAmount(data: object): Money | null {
  const { success, data: transfer } = Transfer.pick({ amount: true, currency: true }).safeParse(data);
  return success ? { amountMinor: BigInt(transfer.amount), currency: transfer.currency } : null;
}

/** What it says of the payout; null where the event and what comes with it do not say the same. */
function readPayout(data: object, type: string): Payout | null {
  const transfer = Transfer.safeParse(data);
  if (!transfer.success || type !== `transfer.${transfer.data.status}`) return null;
  try {
    return payoutOf(transfer.data);
  } catch (error) {
    if (error instanceof ProviderOutcomeUnknownError) return null;
    throw error;
  }
}
