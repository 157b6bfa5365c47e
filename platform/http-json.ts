import type { IncomingMessage, ServerResponse } from 'node:http';

/** The body is larger than may be. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
}

/** The body ended before it was whole: the client has gone. */
export class BodyAborted extends Error {
  override readonly name = 'BodyAborted';
}

/** The whole body as text, counted while it arrives and before anybody parses it. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<string> {
  return (await readBytes(request, maxBytes)).toString('utf8');
}

/** The whole body as it came, counted while it arrives. */
export function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) return reject(new BodyTooLarge());
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) {
        chunks.push(chunk);
        return;
      }
      chunks.length = 0;
      reject(new BodyTooLarge());
    });
    request.once('end', () => resolve(Buffer.concat(chunks)));
    // A client that goes while it sends: node reports it as an error of the request, and it is none of ours.
    request.once('error', () => reject(new BodyAborted()));
    request.once('close', () => reject(new BodyAborted()));
  });
}

/**
 * Answers with JSON, unless the answer has begun or the client has gone. When part of the request is still on its way (413),
 * Node reads and drops the rest, within the server's requestTimeout, so that the client gets to read the answer.
 */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  if (response.headersSent || response.destroyed) return;
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(text);
}
