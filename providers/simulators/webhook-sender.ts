import { request } from 'undici';

/** One webhook. */
export interface Webhook {
  /** The provider's id of what happened: the same in every attempt. */
  id: string;
  body: string;
}

export interface WebhookSenderOptions {
  /** The headers of one attempt, the signature among them; asked anew each time, since some signatures have a time. */
  headersOf: (webhook: Webhook) => Record<string, string>;
  /** It was answered with 2xx. */
  onDelivered: (webhook: Webhook) => Promise<void> | void;
  /** Between the first two attempts; each pause is twice the one before. */
  firstPauseMs?: number;
}

/** Sends a simulator's webhooks as providers do: each again and again until it is taken, in no promised order. */
export interface WebhookSender {
  /** Where they go from now on; what waits is sent there at once. Null, as at first, keeps them back. */
  sendTo(url: string | null): void;
  send(webhook: Webhook): void;
  /** Waits a moment for what is under way, so that what is taken is noted and not told again at the next start; gives up the rest. */
  close(): Promise<void>;
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 60_000;
const MOST_ATTEMPTS = 20;
const ANSWER_TIMEOUT_MS = 5_000;
const CLOSE_TIMEOUT_MS = 1_000;

/** Keeps nothing but what waits: whoever calls it keeps the webhooks. */
export function createWebhookSender(options: WebhookSenderOptions): WebhookSender {
  const { headersOf, onDelivered, firstPauseMs = FIRST_PAUSE_MS } = options;
  const waiting = new Map<string, { webhook: Webhook; attempts: number; timer: NodeJS.Timeout | null }>();
  const running = new Set<Promise<void>>();
  const givingUp = new AbortController();
  let closing = false;
  let url: string | null = null;

  const attempt = async (id: string, to: string) => {
    const entry = waiting.get(id)!;
    entry.attempts++;
    const delivered = await post(to, entry.webhook, headersOf(entry.webhook), givingUp.signal);
    if (delivered) {
      waiting.delete(id);
      await onDelivered(entry.webhook);
    } else if (closing) return;
    else if (entry.attempts >= MOST_ATTEMPTS) waiting.delete(id);
    else {
      const pauseMs = Math.min(firstPauseMs * 2 ** (entry.attempts - 1), LONGEST_PAUSE_MS);
      entry.timer = setTimeout(() => start(id), pauseMs).unref();
    }
  };
  const start = (id: string) => {
    const entry = waiting.get(id);
    if (!entry || url === null || closing) return;
    if (entry.timer) clearTimeout(entry.timer);
    entry.timer = null;
    const run: Promise<void> = attempt(id, url)
      // Its simulator could not note it: it is sent again at the next start.
      .catch(() => {})
      .finally(() => running.delete(run));
    running.add(run);
  };

  return {
    sendTo(given) {
      url = given;
      for (const [id, { timer, attempts }] of waiting) if (timer !== null || attempts === 0) start(id);
    },
    send(webhook) {
      if (waiting.has(webhook.id)) return;
      waiting.set(webhook.id, { webhook, attempts: 0, timer: null });
      start(webhook.id);
    },
    async close() {
      closing = true;
      for (const { timer } of waiting.values()) if (timer) clearTimeout(timer);
      const patience = setTimeout(() => givingUp.abort(), CLOSE_TIMEOUT_MS);
      await Promise.allSettled(running);
      clearTimeout(patience);
    },
  };
}

async function post(
  url: string,
  { body }: Webhook,
  headers: Record<string, string>,
  givingUp: AbortSignal,
): Promise<boolean> {
  try {
    const { statusCode, body: answer } = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
      signal: AbortSignal.any([givingUp, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
    });
    await answer.dump();
    return statusCode >= 200 && statusCode < 300;
  } catch {
    return false;
  }
}
