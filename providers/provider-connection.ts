import { Agent, request } from 'undici';
import { systemCode } from '../platform/start-error.ts';
import { ProviderOutcomeUnknownError } from './card-provider.ts';
import { ProviderUnreachableError } from './payout-provider.ts';

/*
 * One provider that speaks JSON over HTTP with a bearer key. What an error says about money is decided here, once for all of them:
 *
 *   no connection (refused, no such host, no route)   unreachable: nothing has left this process
 *   401, 403, 429                                     unreachable: turned away at the door, nothing was looked at
 *   2xx, 400, 404, 422 with a JSON object             an answer, for the adapter to read
 *   anything else: 3xx, 409, 5xx, no JSON,            unknown: it may have been done
 *   connection lost, time up
 */

export interface ProviderAnswer {
  status: number;
  body: object;
}

export interface ProviderConnection {
  /** For people, for example "Paystack". */
  readonly title: string;
  /** `body` is JSON as it goes over the wire. Throws as said above; ends with the signal. */
  call(method: 'GET' | 'POST', path: string, signal: AbortSignal, body?: string): Promise<ProviderAnswer>;
  close(): Promise<void>;
}

export interface ConnectionOptions {
  title: string;
  /** For example https://api.paystack.co */
  url: string;
  secretKey: string;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** Callers' signals end most calls sooner. */
const ANSWER_TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 1024 * 1024;
const TURNED_AWAY = [401, 403, 429];
const REFUSED = [400, 404, 422];

/** Opens nothing yet: connections are made as calls want them, and kept for the next. */
export function connectProvider({ title, url, secretKey }: ConnectionOptions): ProviderConnection {
  const base = url.replace(/\/$/, '');
  const agent = new Agent({
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: ANSWER_TIMEOUT_MS,
    bodyTimeout: ANSWER_TIMEOUT_MS,
    maxResponseSize: MAX_ANSWER_BYTES,
  });

  const exchange = async (method: 'GET' | 'POST', path: string, signal: AbortSignal, body?: string) => {
    try {
      const response = await request(base + path, {
        method,
        // Redirects are not followed: the key is for one place alone.
        headers: {
          authorization: `Bearer ${secretKey}`,
          accept: 'application/json',
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        dispatcher: agent,
        signal,
        ...(body !== undefined && { body }),
      });
      return { status: response.statusCode, text: await response.body.text() };
    } catch (error) {
      // Without the error itself: it carries the request, and with it the key and account numbers, into logs.
      const code = systemCode(error) ?? (error instanceof Error ? error.name : 'unknown error');
      if (neverLeft(error)) throw new ProviderUnreachableError(`${title} cannot be reached (${code})`);
      throw new ProviderOutcomeUnknownError(`${title} did not answer (${code})`);
    }
  };

  return {
    title,
    async call(method, path, signal, body) {
      if (signal.aborted) throw new ProviderOutcomeUnknownError(`there was no time left to ask ${title}`);
      const { status, text } = await exchange(method, path, signal, body);
      if (TURNED_AWAY.includes(status)) throw new ProviderUnreachableError(`${title} turned us away (${status})`);
      const answer = parseObject(text);
      const says = (status >= 200 && status < 300) || REFUSED.includes(status);
      if (!says || answer === null) {
        throw new ProviderOutcomeUnknownError(`${title} did not say what became of it (status ${status})`);
      }
      return { status, body: answer };
    },
    close: () => agent.destroy(),
  };
}

/** True when the connection never came about. With several addresses to try, when it did with none. */
export function neverLeft(error: unknown): boolean {
  // By shape and not by class: Node makes its errors in a realm of its own, which is not that of tests.
  if (typeof error !== 'object' || error === null) return false;
  if ('errors' in error && Array.isArray(error.errors)) return error.errors.length > 0 && error.errors.every(neverLeft);
  if (systemCode(error) === 'UND_ERR_CONNECT_TIMEOUT') return true;
  return 'syscall' in error && (error.syscall === 'connect' || error.syscall === 'getaddrinfo');
}

function parseObject(text: string): object | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? parsed : null;
  } catch {
    return null;
  }
}
