import { Agent, request } from 'undici';
import { z } from 'zod';
import { MAX_XML_CHARACTERS, UnreadableXmlError } from '../../platform/read-xml.ts';
import { systemCode } from '../../platform/start-error.ts';
import { ProviderOutcomeUnknownError } from '../card-provider.ts';
import { ProviderUnreachableError } from '../payout-provider.ts';
import { neverLeft } from '../provider-connection.ts';

/*
 * Where files are exchanged with the bank, over HTTP with a bearer key:
 *
 *   PUT /files/<name>             201 taken, 200 the same file was taken before, 409 another file has this name, 422 refused
 *   GET /files/<name>             the file; 404 when there is none
 *   GET /files?after=<cursor>     {"files": [{"name": "…", "cursor": "…"}], "more": false}: what the bank has put there, oldest first
 */

export interface DropOptions {
  /** For example https://files.bank.example/drop */
  url: string;
  secretKey: string;
}

/** Why the bank did not take a file. Nothing is carried of it. */
export interface FileRefusal {
  code: string;
  message: string;
}

export interface Drop {
  /** Null: taken, now or earlier. Throws as the head of provider-connection.ts says. */
  put(name: string, text: string, signal: AbortSignal): Promise<FileRefusal | null>;
  /** The file as it came; null when there is none. One that is too large to be read is an UnreadableXmlError. */
  get(name: string, signal: AbortSignal): Promise<Uint8Array | null>;
  list(
    after: string | null,
    signal: AbortSignal,
  ): Promise<{ files: { name: string; cursor: string }[]; more: boolean }>;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 30_000;
const TURNED_AWAY = [401, 403, 429];
const REFUSED = [400, 413, 422];

const Listing = z.object({
  files: z
    .array(z.object({ name: z.string().regex(/^[\w.-]{1,120}$/), cursor: z.string().min(1).max(200) }))
    .max(1_000),
  more: z.boolean(),
});
const Refused = z.object({ code: z.string().regex(/^\w{1,40}$/), message: z.string().max(500) });

/** Opens nothing yet. */
export function connectDrop({ url, secretKey }: DropOptions): Drop {
  const base = url.replace(/\/$/, '');
  const agent = new Agent({
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: ANSWER_TIMEOUT_MS,
    bodyTimeout: ANSWER_TIMEOUT_MS,
    maxResponseSize: MAX_XML_CHARACTERS,
  });

  const exchange = async (method: 'GET' | 'PUT', path: string, signal: AbortSignal, body?: string) => {
    if (signal.aborted) throw new ProviderOutcomeUnknownError('there was no time left to ask the bank');
    try {
      const response = await request(base + path, {
        method,
        // Redirects are not followed: the key is for one place alone.
        headers: {
          authorization: `Bearer ${secretKey}`,
          ...(body !== undefined && { 'content-type': 'application/xml; charset=utf-8' }),
        },
        dispatcher: agent,
        signal,
        ...(body !== undefined && { body }),
      });
      return { status: response.statusCode, bytes: await response.body.bytes() };
    } catch (error) {
      // Without the error itself: it carries the request, and with it the key and account numbers, into logs.
      const code = systemCode(error) ?? (error instanceof Error ? error.name : 'unknown error');
      if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
        throw new UnreadableXmlError('XML_TOO_LARGE', 1, 'the file is too large');
      }
      if (neverLeft(error)) throw new ProviderUnreachableError(`the bank cannot be reached (${code})`);
      throw new ProviderOutcomeUnknownError(`the bank did not answer (${code})`);
    }
  };
  const unclear = (status: number): Error =>
    TURNED_AWAY.includes(status)
      ? new ProviderUnreachableError(`the bank turned us away (${status})`)
      : new ProviderOutcomeUnknownError(`the bank did not say what became of it (status ${status})`);

  return {
    async put(name, text, signal) {
      const answer = await exchange('PUT', `/files/${name}`, signal, text);
      if (answer.status === 200 || answer.status === 201) return null;
      if (!REFUSED.includes(answer.status)) throw unclear(answer.status);
      const refused = Refused.safeParse(parseJson(answer.bytes));
      // A no in other words than the bank's own is from something before it.
      if (!refused.success) throw unclear(answer.status);
      return refused.data;
    },
    async get(name, signal) {
      const { status, bytes } = await exchange('GET', `/files/${name}`, signal);
      if (status === 200) return bytes;
      if (status === 404 && Refused.safeParse(parseJson(bytes)).success) return null;
      throw unclear(status);
    },
    async list(after, signal) {
      const path = after === null ? '/files' : `/files?after=${encodeURIComponent(after)}`;
      const { status, bytes } = await exchange('GET', path, signal);
      const listing = Listing.safeParse(parseJson(bytes));
      if (status !== 200 || !listing.success) throw unclear(status);
      return listing.data;
    },
    close: () => agent.destroy(),
  };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}
