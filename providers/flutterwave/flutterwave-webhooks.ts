import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { keyOf } from '../payout-key.ts';
import type { WebhookReader } from '../payout-provider.ts';

const Event = z.object({
  event: z.string().min(1).max(100),
  data: z.looseObject({
    id: z.union([z.number(), z.string().min(1)]),
    reference: z.unknown().optional(),
    status: z.string().max(50).optional(),
  }),
});

/**
 * Flutterwave's webhooks, version 3: each shows the same secret hash, which proves that its sender knows it and nothing about the
 * body. So a notice says that something happened, and never what: the payout is asked for.
 */
export function createFlutterwaveWebhooks({ secretHash }: { secretHash: string }): WebhookReader {
  return {
    provider: 'flutterwave',
    read({ headers, body }) {
      const given = headers['verif-hash'];
      if (given === undefined || !isSame(given, secretHash)) return 'BAD_SIGNATURE';
      const parsed = parseEvent(body);
      if (!parsed) return 'MALFORMED';
      const { event: type, data } = parsed;
      const key = type.startsWith('transfer') ? keyOf(data.reference) : null;
      return {
        provider: 'flutterwave',
        // An object has one id through all its states, so that the state is part of the event's.
        eventId: `${type}:${data.id}:${data.status ?? ''}`,
        type,
        key,
        transferId: null,
        payout: null,
        amount: null,
      };
    },
  };
}

/** By digests, so that neither length nor beginning shows in the time it takes. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

function parseEvent(body: Buffer): z.output<typeof Event> | null {
  try {
    return Event.safeParse(JSON.parse(body.toString('utf8'))).data ?? null;
  } catch {
    return null;
  }
}
