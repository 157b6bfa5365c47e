import { ExponentialBackoff, handleWhen, retry } from 'cockatiel';
import { POLICY } from '../../platform/policy.ts';
import { readCurrencyApi, type CurrencyFile } from './currency-api.ts';
import type { RateSource } from './rate-source.ts';

export interface HttpRatesOptions {
  /** Of one request, and of reading a day altogether. */
  timeoutMs: number;
  deadlineMs: number;
  /** No file is larger. */
  maxBytes: number;
  retries: { most: number; firstDelayMs: number; longestDelayMs: number };
}

/** The answer is one that asking again does not make better. */
class FinalError extends Error {}

/**
 * Rates from a web server in the format of currency-api.ts; the files lie at `<baseUrl>/currencies/usd.json` and so on. What may pass
 * (no connection, no answer in time, 408, 429, 5xx) is tried again a few times.
 */
export function createHttpRates(baseUrl: string, options: Partial<HttpRatesOptions> = {}): RateSource {
  const limits: HttpRatesOptions = { ...POLICY.rates.http, ...options };
  const { most, firstDelayMs, longestDelayMs } = limits.retries;
  const again = retry(
    handleWhen((error) => !(error instanceof FinalError)),
    { maxAttempts: most, backoff: new ExponentialBackoff({ initialDelay: firstDelayMs, maxDelay: longestDelayMs }) },
  );
  const base = new URL(baseUrl);
  // Without what may be a secret in it: it goes into logs and events.
  const name = `${base.host}${base.pathname.replace(/\/$/, '')}`;
  return {
    name,
    read(signal) {
      const inTime = AbortSignal.timeout(limits.deadlineMs);
      const deadline = signal ? AbortSignal.any([inTime, signal]) : inTime;
      return readCurrencyApi(name, async (file) => {
        const url = new URL(base);
        url.pathname = `${base.pathname.replace(/\/$/, '')}/currencies/${file}`;
        const from = `${name}/currencies/${file}`;
        return again.execute(async () => ({ text: await get(url, from, limits, deadline), from }), deadline);
      });
    },
  };
}

async function get(
  url: URL,
  from: CurrencyFile['from'],
  { timeoutMs, maxBytes }: HttpRatesOptions,
  deadline: AbortSignal,
): Promise<string> {
  if (deadline.aborted) throw new FinalError(`${from} did not answer in time`);
  const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), deadline]);
  try {
    const response = await fetch(url, { signal, headers: { accept: 'application/json' } });
    if (!response.ok) {
      await response.body?.cancel();
      const message = `${from} answered ${response.status}`;
      throw mayPass(response.status) ? new Error(message) : new FinalError(message);
    }
    return await readText(response, from, maxBytes);
  } catch (error) {
    if (deadline.aborted) throw new FinalError(`${from} did not answer in time`, { cause: error });
    if (signal.aborted) throw new Error(`${from} did not answer in time`, { cause: error });
    throw explain(error, from);
  }
}

/** Fetch's own faults are TypeErrors, "fetch failed"; why stands in the cause. */
function explain(error: unknown, from: string): unknown {
  const { name, message, cause } = error as {
    name?: string;
    message?: string;
    cause?: { message?: string; code?: string };
  };
  if (name !== 'TypeError') return error;
  const reason = [cause?.message, cause?.code, message].find((text) => text);
  return new Error(`${from} cannot be reached: ${reason}`, { cause: error });
}

function mayPass(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/** The body, counted while it arrives: what a header says of its length is not believed. */
async function readText(response: Response, from: string, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new FinalError(`${from} is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
