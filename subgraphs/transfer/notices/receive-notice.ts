import type { Pool } from 'pg';
import { z } from 'zod';
import type { Clock } from '../../../platform/clock.ts';
import { withTransaction } from '../../../platform/db.ts';
import { appendEvents } from '../../../platform/event-log.ts';
import type { Logger } from '../../../platform/log.ts';
import type { ReceiveNoticeAnswer, ReceiveNoticeQuestion } from '../../../platform/questions/receive-notice.ts';
import type { ProviderNotice, WebhookReader } from '../../../providers/payout-provider.ts';
import { recordDeadLetter } from '../operations/dead-letter-store.ts';
import { storeNotice } from './notice-store.ts';

export interface ReceiveNoticeDeps {
  pool: Pool;
  webhooks: readonly WebhookReader[];
  wakeUp: { signal(): void };
  clock: Clock;
  log: Logger;
}

/** The letter about a provider that says two things under one id. */
export const NOTICE_CONFLICT = 'NOTICE_CONFLICT';

/** It comes over the wire from another process. */
const questionSchema: z.ZodType<ReceiveNoticeQuestion> = z.object({
  provider: z.string(),
  headers: z.record(z.string(), z.string()),
  body: z.base64(),
});

/** Longer than any provider's; an index keeps it. */
const MOST_ID_LENGTH = 255;

/** NUL, and half a character. */
const UNSTORABLE = /\0|\p{Surrogate}/u;

/** What Postgres keeps as it is. Anything else was not written by a provider, and comes again for ever unless it is refused. */
function isStorable(notice: ProviderNotice): boolean {
  let storable = notice.eventId.length <= MOST_ID_LENGTH;
  const look = (value: unknown): void => {
    if (typeof value === 'string') storable &&= !UNSTORABLE.test(value);
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(look);
  };
  look(notice);
  return storable;
}

/**
 * Takes what a provider tells: proves that it is from the provider, stores it once under the provider's own id, and leaves the rest to
 * a job. What is not proved leaves nothing. The same id again is answered as the first time; with another body it is a
 * contradiction, which is kept, changes nothing, and is put before staff.
 */
export async function receiveNotice(deps: ReceiveNoticeDeps, question: unknown): Promise<ReceiveNoticeAnswer> {
  const { provider, headers, body: encoded } = questionSchema.parse(question);
  const reader = deps.webhooks.find((known) => known.provider === provider);
  if (!reader) return { outcome: 'UNKNOWN_PROVIDER' };
  const body = Buffer.from(encoded, 'base64');
  const read = reader.read({ headers, body }, deps.clock.now());
  const notice = typeof read === 'string' || isStorable(read) ? read : 'MALFORMED';
  if (typeof notice === 'string') {
    deps.log.warn({ provider, reason: notice, bytes: body.length }, 'a webhook was refused');
    return { outcome: notice === 'MALFORMED' ? 'MALFORMED' : 'BAD_SIGNATURE' };
  }
  const stored = await withTransaction(deps.pool, async (tx) => {
    const became = await storeNotice(tx, notice, body);
    const { eventId, type, transferId } = notice;
    if (became === 'NEW') {
      const at = deps.clock.now().toISOString();
      await appendEvents(tx, [
        { type: 'ProviderNoticeReceived', key: `${provider}:${eventId}`, payload: { provider, eventId, at } },
      ]);
    }
    if (became === 'CONFLICT') {
      await recordDeadLetter(tx, {
        transferId,
        // A letter of its own for each: one must not take the place of another.
        kind: `${NOTICE_CONFLICT}:${provider}:${eventId}`,
        class: 'PERMANENT',
        severity: 'HIGH',
        reason: `${provider} has sent another body under the id of an earlier notice.`,
        details: { provider, eventId, type },
      });
    }
    return became;
  });
  if (stored === 'NEW' || stored === 'CONFLICT') deps.wakeUp.signal();
  return { outcome: 'STORED' };
}
